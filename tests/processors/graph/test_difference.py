"""What two commits do not have in common, on graphs with gaps and wrong clocks."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_processors.graph.commits import Commit
from pipetrail_processors.graph.difference import SLACK_MS, difference

_MINUTE = 60_000


def _linear(length: int) -> dict[str, Commit]:
    return {f"c{n}": Commit(n * _MINUTE, (f"c{n - 1}",) if n else ()) for n in range(length)}


@st.composite
def _graph(draw: st.DrawFn) -> dict[str, Commit]:
    """A history of some commits, in which every commit may have any earlier ones as parents, and clocks lie by hours."""
    size = draw(st.integers(2, 14))
    graph = {}
    for number in range(size):
        parents = draw(st.lists(st.integers(0, number - 1), max_size=3, unique=True)) if number else []
        lie = draw(st.integers(-8, 8)) * 3_600_000
        graph[f"c{number}"] = Commit(number * _MINUTE + lie + SLACK_MS, tuple(f"c{parent}" for parent in parents))
    return graph


@given(_graph(), st.data())
def test_it_is_what_the_histories_say(graph: dict[str, Commit], data: st.DataObject) -> None:
    """Where nothing is missing, it is the difference of the two sets of ancestors, however wrong the clocks are by hours."""
    old, new = data.draw(st.sampled_from(sorted(graph))), data.draw(st.sampled_from(sorted(graph)))
    found = difference(graph.get, old, new)
    assert found.complete
    assert (set(found.added), set(found.removed)) == (
        _history(graph, new) - _history(graph, old),
        _history(graph, old) - _history(graph, new),
    )


@given(_graph(), st.data())
def test_with_gaps_it_is_right_or_says_what_it_lacks(graph: dict[str, Commit], data: st.DataObject) -> None:
    """Whatever commits are not recorded: a complete answer about those that are is never wrong."""
    old, new = data.draw(st.sampled_from(sorted(graph))), data.draw(st.sampled_from(sorted(graph)))
    gaps = data.draw(st.sets(st.sampled_from(sorted(graph)), max_size=4))
    known = {commit: value for commit, value in graph.items() if commit not in gaps}
    found = difference(known.get, old, new)
    if found.complete:
        truth = (_history(graph, new) - _history(graph, old), _history(graph, old) - _history(graph, new))
        assert (set(found.added), set(found.removed)) == truth
    else:
        assert set(found.lacking) <= gaps


@given(_graph(), st.data())
def test_what_is_lacking_is_what_helps(graph: dict[str, Commit], data: st.DataObject) -> None:
    """Recording what it lacks, again and again, ends in the complete answer."""
    old, new = data.draw(st.sampled_from(sorted(graph))), data.draw(st.sampled_from(sorted(graph)))
    known: dict[str, Commit] = {}
    for _ in range(len(graph) + 1):
        found = difference(known.get, old, new)
        if found.complete:
            break
        known |= {commit: graph[commit] for commit in found.lacking}
    assert found.complete


def test_it_is_newest_first() -> None:
    """A reader sees the latest commits of a long list."""
    assert difference(_linear(10).get, "c4", "c8").added == ("c8", "c7", "c6", "c5")


def test_a_commit_of_1970_hides_nothing() -> None:
    """A single clock that is far off does no harm: a commit counts as no older than its parents."""
    graph = _linear(3000) | {"c2500": Commit(0, ("c2499",))}
    found = difference(graph.get, "c2400", "c2600")
    assert (len(found.added), found.removed) == (200, ())


def test_it_costs_what_differs_and_not_what_there_is() -> None:
    """Of 100,000 commits, a difference of ten reads those, and the ones of a day below."""
    graph = {f"c{n}": Commit(n * 60 * _MINUTE, (f"c{n - 1}",) if n else ()) for n in range(100_000)}
    read = []

    def look(commit: str) -> Commit | None:
        read.append(commit)
        return graph.get(commit)

    assert len(difference(look, "c99980", "c99990").added) == 10
    assert len(read) < 60


def test_a_side_that_ends_in_a_gap_is_given_up_soon() -> None:
    """The other side is not walked down to the beginning of time."""
    graph = _linear(50_000) | {"fork": Commit(49_000 * _MINUTE, ("gone",))}
    read = []

    def look(commit: str) -> Commit | None:
        read.append(commit)
        return graph.get(commit)

    assert difference(look, "c49999", "fork").lacking == {"gone": True}
    assert len(read) < 5000


def test_too_much_is_said_to_be_too_much() -> None:
    """Instead of an answer that takes minutes, or a part of one."""
    found = difference(_linear(1000).get, "c0", "c999", max_visited=100)
    assert (found.too_large, found.complete, found.added) == (True, False, ())


@pytest.mark.parametrize("missing", ["old", "new"])
def test_nothing_is_certain_of_a_commit_that_is_not_recorded(missing: str) -> None:
    """Neither what it has nor what it lacks."""
    graph = {"old": Commit(0, ()), "new": Commit(1, ("old",))}
    del graph[missing]
    assert difference(graph.get, "old", "new").lacking == {missing: False}


def test_parents_that_come_in_any_order_of_times_are_walked_once() -> None:
    """A random history of 300 commits is compared as git would."""
    chance = random.Random(7)  # noqa: S311 - a history, not a secret
    graph = {}
    for number in range(300):
        parents = {chance.randrange(max(0, number - 20), number) for _ in range(chance.choice((1, 1, 2)))} if number else set()
        graph[f"c{number}"] = Commit(number * _MINUTE, tuple(f"c{parent}" for parent in sorted(parents)))
    for _ in range(100):
        old, new = (f"c{chance.randrange(300)}" for _ in "ab")
        assert set(difference(graph.get, old, new).added) == _history(graph, new) - _history(graph, old)


def _history(graph: dict[str, Commit], commit: str) -> set[str]:
    found: set[str] = set()
    todo = [commit]
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            todo.extend(graph[current].parents)
    return found
