"""Messages as they stand on the topics that sinks read, made small for tests."""

from typing import Any

import orjson
from pipetrail_schemas.ids import content_hash, event_id
from pipetrail_schemas.topics import DEAD_LETTERS, FINDINGS, RECORDS, TRAILS
from pipetrail_sinks.message import Message


def record(number: int, *, time: str = "2026-11-23T09:02:11.000Z", run: str = "sample", **more: Any) -> dict[str, Any]:
    """A record of a build; equal arguments give an equal record, `run` keeps the ids of tests apart."""
    identity = event_id(provider="test", instance=run, kind="build", native_id=str(number), state="finished")
    base: dict[str, Any] = {
        "@timestamp": time,
        "event": {
            "id": identity,
            "kind": "event",
            "category": ["process"],
            "type": ["end"],
            "action": "build.finished",
            "outcome": "success",
            "created": "2026-11-23T09:02:12.000Z",
            "hash": content_hash(f"{run} {number}".encode()),
        },
        "user": {"name": "ana"},
        "vcs": {"repository": {"url": {"full": f"https://git.example/{run}"}}, "ref": {"head": {"revision": "a" * 40}}},
        "cicd": {"pipeline": {"name": "main", "result": "success", "run": {"id": str(number)}}},
        "pipetrail": {"type": "dev.pipetrail.build.finished.v1", "event_type": "build.finished", "result": "success"},
        "related": {"hash": ["a" * 40], "user": ["ana"]},
    }
    return base | more


def trail(identity: str, revision: int, *, run: str = "sample") -> dict[str, Any]:
    """A trail document in a revision."""
    return {
        "@timestamp": "2026-11-23T09:02:11.000Z",
        "started": "2026-11-23T09:02:11.000Z",
        "message": f"revision {revision}",
        "vcs": {"repository": {"url": {"full": f"https://git.example/{run}"}}},
        "related": {"hash": [], "user": []},
        "pipetrail": {"trail": {"id": identity, "revision": revision, "entries": [], "stages": [], "deployments": []}},
    }


def finding(identity: str, revision: int) -> dict[str, Any]:
    """A finding document in a revision."""
    return {
        "@timestamp": "2026-11-23T09:02:11.000Z",
        "event": {"kind": "alert", "id": identity, "severity": 75},
        "rule": {"id": "tests-skipped", "name": "Tests were skipped", "version": "1"},
        "message": "ana skipped the tests",
        "pipetrail": {
            "finding": {
                "id": identity,
                "revision": revision,
                "category": "override",
                "severity": "high",
                "status": "open",
                "title": "ana skipped the tests",
                "evidence": ["e1"],
            }
        },
    }


def message(topic: str, content: Any, *, offset: int = 0, key: bytes = b"key") -> Message:
    """A message; `content` is JSON to be, or bytes as they are."""
    value = content if isinstance(content, bytes) else orjson.dumps(content)
    return Message(topic, 0, offset, key, value, (), 1_795_000_000_000)


def record_message(number: int, *, offset: int | None = None, **more: Any) -> Message:
    """A message of the records topic."""
    return message(RECORDS.name, record(number, **more), offset=number if offset is None else offset)


def trail_message(identity: str, revision: int, *, run: str = "sample") -> Message:
    """A message of the trails topic."""
    return message(TRAILS.name, trail(identity, revision, run=run), key=identity.encode())


def finding_message(identity: str, revision: int) -> Message:
    """A message of the findings topic."""
    return message(FINDINGS.name, finding(identity, revision), key=identity.encode())


def dead_letter_message(value: bytes | None, *, offset: int = 0, origin: int = 7) -> Message:
    """A message of the dead-letters topic, refused by "process" at `origin` of partition 3."""
    headers: tuple[tuple[str, bytes | None], ...] = (
        ("original-content-type", b"application/json"),
        ("error", b"the value is not JSON"),
        ("error-type", b"InvalidEventError"),
        ("topic", b"pipetrail.events.v1"),
        ("partition", b"3"),
        ("offset", str(origin).encode()),
        ("timestamp", b"1795000000000"),
        ("stage", b"process"),
    )
    return Message(DEAD_LETTERS.name, 0, offset, b"key", value, headers, 1_795_000_001_000)
