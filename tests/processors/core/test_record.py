"""The record: what is indexed of an event."""

from typing import Any

import orjson
import pytest
from pipetrail_processors.detect.labelled import REPOSITORY, messages
from pipetrail_processors.enrich.enrich import record, ticket_of
from pipetrail_processors.enrich.reading import read
from pipetrail_schemas.ids import content_hash, trail_id
from pipetrail_schemas.ticket import find_ticket
from pipetrail_schemas.topics import RECORDS
from support.world import HEADERS, World

COMMIT = "1" * 40
DIGEST = "sha256:" + "1" * 64


def _record(event: dict[str, Any]) -> dict[str, Any]:
    (value,) = messages([event])
    reading = read(value, HEADERS)
    found: dict[str, Any] = orjson.loads(record(reading, ticket=ticket_of(reading, find_ticket), trail=None))
    return found


def test_a_record_is_the_payload_and_what_is_derived_from_it() -> None:
    """To the letter: fields of the event at the root, unknown ones kept, the derived ones beside them."""
    event = {
        "type": "build.finished",
        "user": {"id": "7", "name": "Ann", "roles": ["developer"]},
        "event.reason": "nightly",
        "cicd.pipeline": {"name": "ci", "task": {"name": "build", "run": {"id": "9"}}},
        "pipetrail": {
            "result": "timeout",
            "result_raw": "TIMED_OUT",
            "actor": {"type": "app", "on_behalf_of": {"name": "Bob"}},
        },
        "vcs.ref": {"head": {"name": "feature/PAY-17-retry", "revision": "c1"}, "base": {"revision": "c2"}},
        "from.the.future": 1,
    }
    (value,) = messages([event])
    world = World()
    world.take([value])
    (output,) = world.published[RECORDS]
    assert output.key == REPOSITORY.encode()
    found = orjson.loads(output.value or b"")
    identity = orjson.loads(value)["id"]
    assert found == {
        "@timestamp": "2026-01-05T09:00:00.000Z",
        "user": {"id": "7", "name": "Ann", "roles": ["developer"]},
        "from": {"the": {"future": 1}},
        "event": {
            "reason": "nightly",
            "id": identity,
            "kind": "event",
            "category": ["process"],
            "type": ["end"],
            "action": "build.finished",
            "outcome": "failure",
            "created": "2026-01-05T09:00:00.000Z",
            "hash": content_hash(value),
        },
        "vcs": {
            "repository": {"url": {"full": REPOSITORY}},
            "ref": {"head": {"name": "feature/PAY-17-retry", "revision": COMMIT}, "base": {"revision": "2" * 40}},
        },
        "cicd": {"pipeline": {"name": "ci", "task": {"name": "build", "run": {"id": "9", "result": "timeout"}}}},
        "pipetrail": {
            "result": "timeout",
            "result_raw": "TIMED_OUT",
            "actor": {"type": "app", "on_behalf_of": {"name": "Bob"}},
            "human": {"name": "Bob"},
            "human_by": "origin",
            "type": "dev.pipetrail.build.finished.v1",
            "event_type": "build.finished",
            "source": REPOSITORY,
            "stage": "build",
            "ticket": {"id": "PAY-17"},
            "trail": {"id": trail_id(REPOSITORY, COMMIT)},
        },
        "related": {"hash": [COMMIT, "2" * 40], "user": ["7", "Ann", "Bob"]},
    }


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ("success", "success"),
        ("failure", "failure"),
        ("error", "failure"),
        ("timeout", "failure"),
        ("cancellation", "unknown"),
        ("skip", "unknown"),
    ],
)
def test_the_outcome_follows_the_result(result: str, outcome: str) -> None:
    """ECS knows success, failure and unknown; a skip is not a success."""
    assert outcome == _record({"type": "build.finished", "pipetrail.result": result})["event"]["outcome"]


def test_what_has_no_result_has_no_outcome() -> None:
    """Also where the origin claims one."""
    assert "outcome" not in _record({"type": "build.started", "event.outcome": "success"})["event"]


@pytest.mark.parametrize(
    ("event", "path", "value"),
    [
        ({"type": "pipelinerun.finished", "cicd.pipeline.run.id": "1"}, ("cicd", "pipeline", "result"), "failure"),
        ({"type": "testsuiterun.finished"}, ("cicd", "pipeline", "task", "run", "result"), "failure"),
        ({"type": "deployment.finished", "deployment.environment.name": "qa"}, ("deployment", "status"), "failed"),
    ],
)
def test_results_stand_in_the_fields_of_open_telemetry(event: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    """Where the standard has a field for it."""
    found: Any = _record({**event, "pipetrail.result": "failure"})
    for name in path:
        found = found[name]
    assert value == found


def test_an_origin_cannot_write_the_derived_fields() -> None:
    """Who sends an event does not decide what its id, hash or kind is in the index."""
    own = {"trail": {"id": "mine"}, "authtype": "oidc", "stage": "build"}
    found = _record({"type": "build.started", "event": {"id": "x", "hash": "x", "kind": "alert"}, "pipetrail": own})
    assert found["event"]["kind"] == "event"
    assert "x" not in found["event"].values()
    assert {"type", "event_type", "source", "stage"} == found["pipetrail"].keys()


def test_times_are_canonical_whatever_zone_they_came_in() -> None:
    """`+02:00` is two hours earlier in UTC, and what lies below a millisecond is cut."""
    (value,) = messages([{"type": "build.started"}])
    event = {**orjson.loads(value), "time": "2026-01-05T11:00:00.123456+02:00"}
    assert read(orjson.dumps(event), HEADERS).time == "2026-01-05T09:00:00.123Z"


def test_the_same_event_gives_the_same_bytes_also_in_binary_mode() -> None:
    """Both modes of CloudEvents say the same; the hash alone tells them apart, since it is of the bytes."""
    (value,) = messages([{"type": "artifact.packaged", "artifact.hash": "d1", "user": None}])
    event = orjson.loads(value)
    data = orjson.dumps(event.pop("data"))
    event.pop("datacontenttype")
    key = event.pop("partitionkey").encode()
    headers = [(f"ce_{name}", text.encode()) for name, text in event.items()] + [("content-type", b"application/json")]
    world = World()
    structured = world.pipeline.on_event(value, HEADERS, world.states[0])[0]
    binary = world.pipeline.on_event(data, headers, world.states[1], key)[0]
    found = [orjson.loads(output.value or b"") for output in (structured, binary)]
    assert content_hash(data) == found[1]["event"].pop("hash")
    assert content_hash(value) == found[0]["event"].pop("hash")
    assert found[0] == found[1]
    assert structured.key == binary.key
