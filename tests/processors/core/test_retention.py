"""The state is bounded by time: what nothing happens to leaves it, with all that belongs to it."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

from pipetrail_processors.detect.labelled import START, messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.pipeline import DEFAULT_RETENTION, Pipeline
from pipetrail_processors.state.state import MemoryState
from support.world import HEADERS, WAIT

OLD = START + DEFAULT_RETENTION + timedelta(days=2)
DELIVERY: list[dict[str, Any]] = [
    {"type": "commit.recorded", "pipetrail.commit": {"message": "One", "parents": []}},
    {"type": "commit.recorded", "vcs.ref.head.revision": "c2", "pipetrail.commit": {"message": "Two", "parents": ["c1"]}},
    {"type": "build.finished", "cicd.pipeline.run.id": "1", "pipetrail.result": "success"},
    {"type": "artifact.packaged", "artifact.hash": "d1"},
    {"type": "deployment.finished", "deployment.environment.name": "prod", "pipetrail.result": "success"},
    {
        "type": "deployment.finished",
        "vcs.ref.head.revision": "c2",
        "deployment.environment.name": "prod",
        "pipetrail.result": "success",
    },
    {
        "type": "deployment.finished",
        "vcs": None,
        "partitionkey": "d2",
        "artifact.hash": "d2",
        "deployment.environment.name": "qa",
    }
    | {"pipetrail.result": "success"},
]


def _pipeline() -> Pipeline:
    return Pipeline(policy=Policy(), rules=RuleSet.of([]), alias_wait=WAIT)


def _told(events: list[dict[str, Any]]) -> tuple[Pipeline, MemoryState]:
    pipeline, state = _pipeline(), MemoryState()
    for value in messages(events):
        pipeline.on_event(value, HEADERS, state)
    pipeline.expire(state, START + timedelta(days=1))
    return pipeline, state


def test_what_is_old_leaves_nothing_behind_but_what_runs_where() -> None:
    """Nodes, graph, bytes that waited, what deployments moved, queues: all of it goes."""
    pipeline, state = _told(DELIVERY)
    assert len(state.values) > 10
    for _ in range(3):
        assert pipeline.expire(state, OLD) == []
    assert {key[:1] for key, value in state.values.items() if value not in {b"[]", b"0"}} == {b"d"}


def test_what_is_not_old_stays() -> None:
    """A day before its time, nothing is gone."""
    pipeline, state = _told(DELIVERY)
    before = dict(state.values)
    pipeline.expire(state, OLD - timedelta(days=3))
    assert state.values == before


def test_what_something_happened_to_stays_as_long_again() -> None:
    """It is looked at on its first day, and stands in the queue of its latest one from then on."""
    later = 300 * 24 * 60
    pipeline, state = _told([DELIVERY[0], {"type": "build.finished", "pipetrail.result": "success", "minute": later}])
    nodes = {key for key in state.values if key.startswith(b"n")}
    pipeline.expire(state, OLD)
    assert nodes == {key for key in state.values if key.startswith(b"n")}
    for _ in range(3):
        pipeline.expire(state, OLD + timedelta(days=300))
    assert not [key for key in state.values if key.startswith(b"n")]


def test_a_crowd_that_is_old_is_let_go_in_portions() -> None:
    """Events do not wait for a whole import that became old on one day."""
    commits: list[dict[str, Any]] = [
        {"type": "commit.recorded", "vcs.ref.head.revision": f"{number:040x}", "key": number, "minute": 0}
        for number in range(500)
    ]
    pipeline, state = _told(commits)
    counts = []
    for _ in range(4):
        counts.append(sum(key.startswith(b"n") for key in state.values))
        pipeline.expire(state, OLD)
    assert counts[-1] == 0
    # A page of the queue is looked at as a whole.
    assert all(200 <= before - after < 250 for before, after in pairwise(counts[:3]))


def test_a_dossier_that_is_old_is_let_go() -> None:
    """Of environments, changes and people, too, nothing stays of which nothing was recorded for long."""
    pipeline, state = Pipeline(policy=Policy(), rules=RuleSet.load(), alias_wait=WAIT), MemoryState()
    later = {**DELIVERY[4], "deployment.environment.name": "qa", "minute": 300 * 24 * 60}
    for value in messages([*DELIVERY, later]):
        pipeline.on_event(value, HEADERS, state)
    pipeline.expire(state, OLD)
    assert len([key for key in state.values if key.startswith(b"w")]) == 1
    pipeline.expire(state, OLD + timedelta(days=300))
    assert not [key for key in state.values if key.startswith(b"w")]
