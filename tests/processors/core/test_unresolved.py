"""Events without a repository that nobody claims: bounded by number, and none of them is lost."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from pipetrail_processors.correlate import foreign
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.output import Output
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.state.state import MemoryState
from pipetrail_schemas.topics import RECORDS, RESOLVED, TRAILS
from support.world import HEADERS, WAIT

_MANY, _MOST = 40, 10
_A_DAY = 60 * 24  # minutes; the queue knows days


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few be too many."""
    monkeypatch.setattr(foreign, "MAX_HELD", _MOST)


def _deployments() -> Iterator[bytes]:
    """Each of another digest, on another day, and without a repository."""
    at: dict[str, Any] = {"type": "deployment.finished", "vcs": None, "deployment.environment.name": "prod"}
    return messages(
        {**at, "artifact.hash": digest, "partitionkey": digest, "minute": number * _A_DAY, "pipetrail.result": "success"}
        for number in range(_MANY)
        for digest in [f"sha256:{number:064x}"]
    )


def _run(values: Iterator[bytes], pipeline: Pipeline, state: MemoryState) -> list[Output]:
    return [output for value in values for output in pipeline.on_event(value, HEADERS, state)]


def test_of_too_many_the_oldest_are_let_go_and_told_as_unresolved() -> None:
    """No more than so many are held; every event has its record, and those let go a trail of their own; they are counted."""
    pipeline, state = _pipeline(), MemoryState()
    outputs = _run(_deployments(), pipeline, state)
    assert foreign.held(state) <= _MOST
    assert foreign.held(state) + foreign.let_go(state) == _MANY
    assert len({output.value for output in outputs if output.topic is RECORDS}) == _MANY
    trails = [orjson.loads(output.value or b"")["pipetrail"]["trail"] for output in outputs if output.topic is TRAILS]
    told = [entry["event_id"] for trail in trails for entry in trail["entries"]]
    assert len(told) == len(set(told)) == foreign.let_go(state)
    assert sum(key.startswith(b"v\0") for key in state.values) == foreign.held(state)


def test_what_is_held_still_goes_to_the_repository_that_claims_it() -> None:
    """The newest is; the oldest was let go, and is not told twice."""
    pipeline, state = _pipeline(), MemoryState()
    _run(_deployments(), pipeline, state)
    link = orjson.dumps({"repository": "https://git.example/acme/shop", "commit": "1" * 40, "day": 20_000})
    for number, times in ((_MANY - 1, 1), (0, 0)):
        outputs = pipeline.on_link(f"sha256:{number:064x}".encode(), link, state)
        assert [output.topic for output in outputs if output.topic is RESOLVED] == [RESOLVED] * times
    assert foreign.held(state) + foreign.let_go(state) == _MANY - 1


def _pipeline() -> Pipeline:
    return Pipeline(policy=Policy(), rules=RuleSet.of([]), alias_wait=WAIT)
