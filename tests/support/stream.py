"""A mixed stream of deliveries as valid events: most name their commit, some their repository, some nothing but a digest."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import orjson
from pipetrail_schemas import ids
from pipetrail_schemas.check import event_type
from pipetrail_schemas.times import format_time

_PEOPLE = ("Ann", "Bob", "Cem", "Dee", "Eve")
# Deliveries that are under way at the same time: their events come interleaved.
_INTERLEAVED = 10
CONTENT_TYPE = (("content-type", b"application/cloudevents+json"),)


def stream(run: str, events: int, *, recorded: datetime, repositories: int = 20) -> list[bytes]:
    """So many events, always the same for the same arguments.

    Args:
        run: part of every repository's name, so that tests do not meet each other.
        events: how many.
        recorded: when the first was recorded; the others follow by the second.
        repositories: how many repositories there are.
    """
    return [value for value, _ in zip(_interleaved(run, recorded, repositories), range(events), strict=False)]


def key_of(value: bytes) -> bytes:
    """The Kafka key of an event."""
    key: str = orjson.loads(value)["partitionkey"]
    return key.encode()


def id_of(value: bytes) -> str:
    """The id of an event."""
    found: str = orjson.loads(value)["id"]
    return found


def _interleaved(run: str, recorded: datetime, repositories: int) -> Iterator[bytes]:
    numbers = count()
    under_way: list[Iterator[bytes]] = []
    while True:
        while len(under_way) < _INTERLEAVED:
            number = next(numbers)
            repository = f"https://forge.example/{run}/service-{number % repositories}"
            under_way.append(_delivery(number, repository, recorded + timedelta(milliseconds=number)))
        for delivery in list(under_way):
            value = next(delivery, None)
            if value is None:
                under_way.remove(delivery)
            else:
                yield value


def _delivery(number: int, repository: str, start: datetime) -> Iterator[bytes]:
    """One change on its way. Of seven, one is deployed by repository and digest, one by its digest alone, one is not."""
    commit = hashlib.sha1(f"{repository} {number}".encode(), usedforsecurity=False).hexdigest()
    digest = "sha256:" + hashlib.sha256(f"{repository} {number}".encode()).hexdigest()
    kind = number % 7
    author, other = _PEOPLE[number % 5], _PEOPLE[(number + kind) % 5]
    place = {"url": {"full": repository}}
    whole = {"repository": place, "ref": {"head": {"name": "main", "type": "branch", "revision": commit}}}
    partial: tuple[dict[str, Any] | None, str] = {1: ({"repository": place}, repository), 2: (None, digest)}.get(
        kind, (whole, repository)
    )

    def event(
        step: int, name: str, data: dict[str, Any], actor: str, where: tuple[dict[str, Any] | None, str] = (whole, repository)
    ) -> bytes:
        moment = format_time(start + timedelta(seconds=step))
        described = event_type(name)
        vcs, key = where
        return orjson.dumps(
            {
                "specversion": "1.0",
                "id": ids.event_id(provider="test", instance=repository, kind=name, native_id=f"{number}-{step}"),
                "source": "https://ci.example",
                "type": described.full_name,
                "time": moment,
                "recordedtime": moment,
                "partitionkey": key,
                "data": {"user": {"name": actor}, **({"vcs": vcs} if vcs else {}), **data},
            }
        )

    message = {"message": f"PAY-{number} Retry on 503", "author": {"name": author}, "parents": []}
    artifact = {"artifact": {"hash": digest}}
    environment = {"deployment": {"id": f"{run_of(repository)}-{number}", "environment": {"name": "prod"}}}
    yield event(0, "commit.recorded", {"pipetrail": {"commit": message}}, author)
    yield event(1, "build.finished", {"pipetrail": {"result": "success"}}, "ci")
    yield event(2, "testsuiterun.finished", {"pipetrail": {"result": "failure" if kind == 3 else "success"}}, "ci")
    yield event(3, "artifact.packaged", artifact, "ci")
    if kind == 0:
        return
    yield event(4, "approval.decided", {"pipetrail": {"decision": "approved"}, **environment}, other)
    yield event(5, "deployment.started", {**environment, **artifact}, other, partial)
    yield event(6, "deployment.finished", {**environment, **artifact, "pipetrail": {"result": "success"}}, other, partial)


def run_of(repository: str) -> str:
    """The run that a repository's name says."""
    return repository.split("/")[3]
