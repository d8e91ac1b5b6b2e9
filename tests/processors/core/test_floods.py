"""Trails of more events than are kept: bounded, told so, and the same in any order."""

import random
from typing import Any

import orjson
import pytest
from pipetrail_processors.correlate import cap
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.state.state import MemoryState
from pipetrail_schemas.topics import TRAILS
from pipetrail_schemas.trail import Trail
from support.world import HEADERS, WAIT

_MANY = 90


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few be too many, so that the tests are quick."""
    monkeypatch.setattr(cap, "MAX_VERDICTS", 40)
    monkeypatch.setattr(cap, "MAX_OTHERS", 20)


def _events() -> list[bytes]:
    ran: list[dict[str, Any]] = [
        {"type": f"testsuiterun.{verb}", "cicd.pipeline.task.name": f"t{number}", "cicd.pipeline.run.id": str(number), **told}
        for number in range(_MANY)
        for verb, told in (("started", {}), ("finished", {"pipetrail.result": "success"}))
    ]
    failed = {"type": "testsuiterun.finished", "cicd.pipeline.task.name": "bad", "pipetrail.result": "failure"}
    built = {"type": "build.finished", "pipetrail.result": "success"}
    return list(messages([built, *ran[:_MANY], failed, *ran[_MANY:]]))


def _state_and_trail(values: list[bytes]) -> tuple[dict[bytes, bytes], dict[str, Any]]:
    pipeline = Pipeline(policy=Policy(), rules=RuleSet.of([]), alias_wait=WAIT)
    state = MemoryState()
    trails = []
    for value in values:
        published = [one.value or b"" for one in pipeline.on_event(value, HEADERS, state) if one.topic is TRAILS]
        trails += [orjson.loads(one) for one in published]
    Trail.model_validate(trails[-1], extra="forbid")
    revisions = [trail["pipetrail"]["trail"]["revision"] for trail in trails]
    assert revisions == sorted(revisions)
    return {key: value for key, value in state.values.items() if key.startswith(b"n")}, trails[-1]


def test_a_flood_is_bounded_and_counted() -> None:
    """Of each class of facts only so many are kept; how many there were besides is told, and who failed stays."""
    state, document = _state_and_trail(_events())
    kept = [one for value in state.values() for one in orjson.loads(value).get("f", {}).values()]
    assert len(kept) == 20 + 40 + 1 + 1
    left = {name: number for value in state.values() for name, number in cap.left_out(orjson.loads(value)).items()}
    assert left == {"test": pytest.approx(2 * _MANY - 20 - 40, rel=0.3)}
    stages = {stage["stage"]: stage["result"] for stage in document["pipetrail"]["trail"]["stages"]}
    assert stages == {"build": "success", "test": "failure"}


def test_a_flood_in_any_order_and_repeated_ends_alike() -> None:
    """Nodes and documents are equal to the byte, and no revision falls on the way."""
    values = _events()
    expected = _state_and_trail(values)[1]
    for seed in range(5):
        drawn = random.Random(seed)  # noqa: S311 - the same orders each time are what is wanted
        told = values + drawn.sample(values, 60)
        drawn.shuffle(told)
        assert _state_and_trail(told)[1] == expected


def test_many_are_counted_within_some_percent() -> None:
    """The sketch of ids is exact for few, and near enough for very many."""
    some = random.Random(1)  # noqa: S311 - as above

    def fact() -> dict[str, Any]:
        return {"e": {"event_id": f"{some.getrandbits(128):032x}", "time": "2026-11-01T00:00:00.000Z"}}

    told = cap.LeftOut("", "", [])
    for _ in range(100):
        told = cap.with_more(list(told), [fact() for _ in range(200)])
    assert 20_000 * 0.7 < told.number < 20_000 * 1.3
