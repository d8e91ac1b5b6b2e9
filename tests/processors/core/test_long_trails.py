"""Trails of very many events: the document stays readable and fits into a message, and says what it leaves out."""

from typing import Any

import orjson
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.engine.partition_state import MAX_VALUE_BYTES
from pipetrail_processors.trail.summary import MAX_ENTRIES
from pipetrail_schemas.topics import TRAILS
from pipetrail_schemas.trail import Trail
from support.world import World

_TESTS = 700


def _event(number: int, **fields: Any) -> dict[str, Any]:
    return {"type": "testsuiterun.finished", "cicd.pipeline.task.name": f"t{number}", "pipetrail.result": "success", **fields}


def _last(events: list[dict[str, Any]]) -> tuple[bytes, dict[str, Any]]:
    world = World(rules=RuleSet.of([]))
    world.take(messages(events))
    value = world.published[TRAILS][-1].value or b""
    Trail.model_validate_json(value, extra="forbid")
    trail: dict[str, Any] = orjson.loads(value)["pipetrail"]["trail"]
    return value, trail


def test_of_too_many_events_the_newest_of_each_stage_are_shown_and_the_others_counted() -> None:
    """Nothing is lost by it but lines: stages are judged by all of them, and who fails stays on show."""
    events = [{"type": "build.finished", "pipetrail.result": "success"}, _event(0, **{"pipetrail.result": "failure"})]
    events += [_event(number) for number in range(1, _TESTS)]
    _, trail = _last(events)
    assert len(trail["entries"]) < MAX_ENTRIES
    assert trail["omitted"] == [{"stage": "test", "events": _TESTS + 1 - len(trail["entries"])}]
    assert [entry["result"] for entry in trail["entries"][:2]] == ["success", "failure"]
    assert trail["entries"][-1]["name"] == f"t{_TESTS - 1}"
    assert [stage.get("result") for stage in trail["stages"]] == ["success", "failure"]


def test_a_trail_of_events_with_long_texts_fits_into_a_message() -> None:
    """However long the texts are that the schema allows."""
    told = {"event.reason": "é" * 10_000, "cicd.pipeline.task.name": "é" * 4096}
    value, trail = _last([{**_event(number), **told} for number in range(450)])
    assert len(value) <= MAX_VALUE_BYTES
    assert trail["omitted"]
    assert len(trail["entries"]) > 10


def test_a_timeline_shows_the_beginning_of_a_long_reason() -> None:
    """The record has all of it."""
    _, trail = _last([_event(1, **{"event.reason": "x" * 1001}), _event(2, **{"event.reason": "y" * 1000})])
    assert [entry["reason"] for entry in trail["entries"]] == ["x" * 999 + "…", "y" * 1000]


def test_a_short_trail_leaves_out_nothing() -> None:
    """The rule is for the exception."""
    _, trail = _last([_event(number) for number in range(20)])
    assert len(trail["entries"]) == 20
    assert "omitted" not in trail
