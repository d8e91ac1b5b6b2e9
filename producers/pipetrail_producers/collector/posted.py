"""The events of a request to POST /v1/events, by the CloudEvents HTTP binding 1.0: single or batch, structured or binary. Pure.

The content type decides the mode. What an event does not say and only the collector can (`recordedtime`), or what follows from
the rest (`partitionkey`), is added; then the contract's own rules for writers hold.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson
from pipetrail_schemas import codec
from pipetrail_schemas.check import lookup
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.times import format_time

BATCH = "application/cloudevents-batch+json"
SINGLE = "application/cloudevents+json"
_PREFIX = "ce-"


class Posted(NamedTuple):
    """One event of a request: its content as sent, and what is wrong with it (nothing: it is valid)."""

    content: Any
    problems: tuple[tuple[str, str], ...] = ()


class UnsupportedError(ValueError):
    """Raised for a content type that no mode of CloudEvents has."""


def events_of(headers: Mapping[str, str], body: bytes, received: datetime) -> list[Posted]:
    """The events of a request, each with what is wrong with it.

    Raises:
        UnsupportedError: the content type is none of CloudEvents.
        InvalidEventError: the body holds no event at all.
    """
    if _media_type(headers) == BATCH:
        return [_judged(member, received) for member in _members(body)]
    try:
        content: Any = codec.content_of(body, _kafka_headers(headers))
    except InvalidEventError as exc:
        if exc.problems[0][0] == codec.CONTENT_TYPE:
            raise UnsupportedError(
                f"content-type {_media_type(headers)!r:.80}; allowed: {SINGLE}, {BATCH}, application/json"
            ) from exc
        raise
    return [_judged(content, received)]


def completed(content: Mapping[str, Any], received: datetime) -> dict[str, Any]:
    """The event with what the collector knows."""
    told = dict(content)
    if told.get("recordedtime") is None:
        told["recordedtime"] = format_time(received)
    if told.get("partitionkey") is None:
        data = told.get("data")
        repository = lookup(data, "vcs.repository.url.full") if isinstance(data, Mapping) else None
        told["partitionkey"] = repository or told.get("source")
    return told


def _members(body: bytes) -> list[Any]:
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise InvalidEventError([("body", f"is not JSON: {exc}")]) from exc
    if not isinstance(members, list):
        raise InvalidEventError([("body", f"is no list; a batch ({BATCH}) is a list of events")])
    return members


def _judged(content: Any, received: datetime) -> Posted:
    if not isinstance(content, dict):
        return Posted(content, (("event", "must be an object"),))
    try:
        codec.validate(completed(content, received))
    except InvalidEventError as exc:
        return Posted(content, tuple(exc.problems))
    return Posted(content)


def _kafka_headers(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """The headers as the Kafka binding has them; HTTP's are percent-encoded (HTTP binding, section 3.1.3.2)."""
    attributes = [
        (f"ce_{name.removeprefix(_PREFIX)}", unquote(value.strip('"'), errors="replace").encode())
        for name, value in headers.items()
        if name.startswith(_PREFIX)
    ]
    return [("content-type", _media_type(headers).encode()), *attributes]


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()
