"""A replay in parallel: what the live application comes to, however many workers there are and wherever their state is."""

import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain

import orjson
import pytest
from pipetrail_processors.errors import ReplayError
from pipetrail_processors.replay import share
from pipetrail_processors.replay.compare import Verdict, compare
from pipetrail_processors.replay.crew import Crew
from pipetrail_processors.replay.message import Message, Scope, messages
from pipetrail_processors.replay.trial import Span
from pipetrail_schemas.topics import FINDINGS, TRAILS
from support.replayed import Latest, outcome_of, plan_of
from support.stream import stream
from support.world import World

RECORDED = datetime(2026, 1, 5, 9, tzinfo=UTC)
UNTIL = RECORDED + timedelta(days=30)
VALUES = stream("replayed", 700, recorded=RECORDED, repositories=9)


@pytest.fixture(scope="module")
def live() -> tuple[Latest, Latest]:
    """What the events come to one by one, in partitions, with topics between them."""
    world = World()
    world.take(VALUES)
    world.wait_until(UNTIL)
    return world.latest(TRAILS), world.latest(FINDINGS)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_replay_comes_to_what_is_live(live: tuple[Latest, Latest], workers: int) -> None:
    """Trails to the byte; findings but for how often they were corrected on the way."""
    trails, findings = outcome_of(messages(VALUES), plan_of(), until=UNTIL, workers=workers)
    assert trails == live[0]
    assert {one.verdict for one in compare(iter(sorted(findings.items())), iter(sorted(live[1].items())))} == {Verdict.SAME}


def test_a_replay_does_not_need_its_state_in_memory(live: tuple[Latest, Latest], monkeypatch: pytest.MonkeyPatch) -> None:
    """With next to no memory all of it goes to disk, and comes back."""
    monkeypatch.setattr(share, "MEMORY_BYTES", 4096)
    assert outcome_of(messages(VALUES), plan_of(), until=UNTIL)[0] == live[0]


def test_two_sets_of_rules_are_replayed_in_one_reading(live: tuple[Latest, Latest]) -> None:
    """Each for itself, in each of the workers: without rules the same trails, but for the findings."""
    plan = replace(plan_of(), rule_sets=[[], *plan_of().rule_sets])
    with Crew(plan, workers=2) as crew:
        outcome = crew.replay(messages(VALUES), Scope(), UNTIL, Span())
        without, found = dict(outcome.latest(TRAILS, 0)), dict(outcome.latest(FINDINGS, 1))
        assert dict(outcome.latest(TRAILS, 1)) == live[0]
        assert dict(outcome.latest(FINDINGS, 0)) == {}
    assert found.keys() == live[1].keys()
    differing = compare(iter(sorted(without.items())), iter(sorted(live[0].items())))
    assert {field for one in differing for field in one.fields} <= {"pipetrail.trail.findings", "pipetrail.trail.overrides"}


def test_what_is_no_event_is_counted_with_its_reason() -> None:
    """As the live application makes it a dead letter, and goes on."""
    broken = [Message(b"k", b"nonsense"), Message(b"k", None), Message(None, b"[1]"), Message(None, b'{"specversion": 1}')]
    with Crew(plan_of([]), workers=1) as crew:
        outcome = crew.replay(chain(broken, messages(VALUES[:5])), Scope(), UNTIL, span := Span())
    assert (span.events, outcome.counts.events, sum(outcome.counts.refused.values())) == (9, 9, 4)
    assert any("tombstone" in reason for reason in outcome.counts.refused)


def test_a_scope_leaves_out_other_repositories_and_what_came_later() -> None:
    """What names no repository stays: it may belong to the one."""
    until = RECORDED + timedelta(seconds=1)
    scope = Scope(until, "replayed/service-2")
    kept = []
    with Crew(plan_of([]), workers=1) as crew:
        crew.replay(messages(VALUES), scope, UNTIL, lambda _, look: kept.append(look))
    assert {look.repository for look in kept} == {"https://forge.example/replayed/service-2"}
    assert {look.time < "2026-01-05T09:00:01.000Z" for look in kept} == {True}
    nowhere = [orjson.loads(value) for value in VALUES if orjson.loads(value)["partitionkey"].startswith("sha256")]
    with Crew(plan_of([]), workers=1) as crew:
        crew.replay(messages(VALUES), Scope(recorded_since=RECORDED + timedelta(days=1)), UNTIL, span := Span())
    assert span.events == 0
    with Crew(plan_of([]), workers=1) as crew:
        crew.replay(messages(VALUES), Scope(None, "other"), UNTIL, span := Span())
    assert span.events == len(nowhere) > 0


def test_a_worker_that_dies_ends_the_replay() -> None:
    """With a sentence, not with half an outcome."""
    with Crew(plan_of([]), workers=2) as crew:
        process = crew._workers[0]._process  # type: ignore[attr-defined]
        os.kill(process.pid, signal.SIGKILL)
        process.join(10)
        with pytest.raises(ReplayError, match="status -9"):
            crew.replay(messages(VALUES), Scope(), UNTIL, Span())
