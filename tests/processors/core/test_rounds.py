"""How messages are cut into rounds changes nothing that lasts."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_processors.correlate.round import Round
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.output import Output
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.state.state import MemoryState
from pipetrail_schemas.topics import FINDINGS, RECORDS, TRAILS
from support.stream import CONTENT_TYPE, stream

VALUES = stream("rounds", 60, recorded=datetime(2026, 1, 1, tzinfo=UTC), repositories=1)
PIPELINE = Pipeline(policy=Policy(), rules=RuleSet.load(), alias_wait=timedelta(minutes=10))


def told_in(rounds: Iterable[Sequence[bytes]]) -> list[Output]:
    """What comes of the events in these rounds."""
    state = MemoryState()
    outputs: list[Output] = []
    for values in rounds:
        together = Round(state)
        for value in values:
            outputs += PIPELINE.take_event(together, value, CONTENT_TYPE)
        outputs += PIPELINE.end(together)
    return outputs


def lasting(outputs: Iterable[Output]) -> tuple[dict[bytes, bytes | None], dict[bytes, bytes | None], dict[bytes, Any]]:
    """The records, the last of each trail, and the status of each finding that is open."""
    records: dict[bytes, bytes | None] = {}
    trails: dict[bytes, bytes | None] = {}
    findings: dict[bytes, Any] = {}
    for output in outputs:
        if output.topic is RECORDS:
            records[orjson.loads(output.value or b"")["event"]["id"]] = output.value
        elif output.topic is TRAILS:
            trails[output.key] = output.value
        elif output.topic is FINDINGS:
            findings[output.key] = orjson.loads(output.value or b"")["pipetrail"]["finding"]["status"]
    return records, trails, {key: status for key, status in findings.items() if status == "open"}


@given(st.lists(st.integers(0, len(VALUES)), max_size=8).map(sorted))
@settings(max_examples=40, deadline=None)
def test_any_cut_gives_the_same(cuts: list[int]) -> None:
    """Records, trails to the byte, and what is open of the findings, are those of rounds of one event each."""
    rounds = [VALUES[start:end] for start, end in pairwise([0, *cuts, len(VALUES)])]
    assert lasting(told_in(rounds)) == lasting(told_in([value] for value in VALUES))


def test_a_trail_is_published_once_a_round() -> None:
    """What many events say of one trail in a round is one message."""
    outputs = told_in([VALUES])
    trails = [output.key for output in outputs if output.topic is TRAILS]
    assert len(trails) == len(set(trails)) < len(VALUES)
    assert len(trails) > 1


def test_what_belongs_to_no_repository_is_judged_by_its_source() -> None:
    """Two systems tell of a control of their own in one round: each has its finding."""
    weaker = {"type": "policy.changed", "pipetrail.control": "branch protection", "event.action": "deleted"}
    systems = ("https://one.example", "https://two.example")
    values = list(messages([{**weaker, "vcs": None, "source": source, "partitionkey": source} for source in systems]))
    found = [orjson.loads(output.value or b"") for output in told_in([values]) if output.topic is FINDINGS]
    assert [one["rule"]["id"] for one in found] == ["protection-weakened"] * len(systems)
    assert len({one["event"]["id"] for one in found}) == len(systems)
