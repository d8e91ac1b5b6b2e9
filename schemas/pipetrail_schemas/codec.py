"""Between bytes on a topic and events. Both CloudEvents modes are read; structured JSON is what pipetrail writes.

The `content-type` header decides the mode, not the presence of `ce_` headers (CloudEvents Kafka binding 1.0, section 3):
a structured event that passed a gateway may carry both.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.event import MISSING_FIELD, PATTERN_HINTS, Event
from pipetrail_schemas.topics import MAX_EVENT_BYTES

CONTENT_TYPE = "content-type"
STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch"
_HEADER_PREFIX = "ce_"

Headers = Iterable[tuple[str, bytes | None]]


def encode(event: Event) -> bytes:
    """The event as structured JSON, without empty fields, for the value of a Kafka message or an HTTP body.

    Raises:
        InvalidEventError: the event has a field that the schema does not know, or is too large for a message.
    """
    value = event.model_dump_json(exclude_none=True).encode()
    if len(value) > MAX_EVENT_BYTES:
        raise InvalidEventError([("event", f"is {len(value)} bytes; at most {MAX_EVENT_BYTES} fit into a message")])
    validate(from_json(value))
    return value


def validate(content: Any) -> Event:
    """The event of a decoded JSON object, by the writers' rules: unknown fields are forbidden.

    Raises:
        InvalidEventError: names every field that is wrong, and what is allowed.
    """
    return _validated(content, strict=True)


def decode(value: bytes | None, headers: Headers = ()) -> Event:
    """The event of a message, by the readers' rules: unknown fields are kept.

    Raises:
        InvalidEventError: the message is no event; names every field that is wrong, and what is allowed.
    """
    return _validated(content_of(value, headers), strict=False)


def content_of(value: bytes | None, headers: Headers = ()) -> dict[str, Any]:
    """The JSON object of a message in structured mode, from either mode; not yet validated.

    Raises:
        InvalidEventError: the value is no JSON object, or its mode is not supported.
    """
    if value is None:
        raise InvalidEventError([("value", "is empty (a tombstone); an event is a JSON object")])
    named = {name.lower(): text.decode("utf-8", "replace") for name, text in headers if text is not None}
    media_type = named.get(CONTENT_TYPE, STRUCTURED).partition(";")[0].strip().lower()
    if media_type.startswith(_BATCH):
        raise InvalidEventError([(CONTENT_TYPE, "a batch is not allowed on a topic: one message is one event")])
    try:
        content = from_json(value)
    except ValueError as exc:
        raise InvalidEventError([("value", f"is not JSON: {exc}")]) from exc
    if not isinstance(content, dict):
        raise InvalidEventError([("value", f"is a JSON {type(content).__name__}; an event is a JSON object")])
    if media_type.startswith("application/cloudevents"):
        return content
    return _from_binary(named, media_type, content)


def _from_binary(headers: Mapping[str, str], media_type: str, data: dict[str, Any]) -> dict[str, Any]:
    # CloudEvents Kafka binding 1.0, section 3.2: attributes are headers with the prefix ce_, the value is `data`.
    attributes = {name.removeprefix(_HEADER_PREFIX): text for name, text in headers.items() if name.startswith(_HEADER_PREFIX)}
    return {**attributes, "datacontenttype": media_type, "data": data}


def _validated(content: Any, *, strict: bool) -> Event:
    try:
        return Event.model_validate(content, extra="forbid" if strict else None)
    except ValidationError as exc:
        raise InvalidEventError([problem for error in exc.errors() for problem in _problems(error)]) from exc


def _problems(error: ErrorDetails) -> list[tuple[str, str]]:
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == MISSING_FIELD:
        return [(f"data.{path}", message) for path in error["ctx"]["paths"]]
    field = ".".join(str(part) for part in error["loc"]) or "type"
    if error["type"] == "extra_forbidden":
        return [(field, "is not a field of the schema; own values go into data.pipetrail.labels")]
    if error["type"] == "string_pattern_mismatch":
        message = PATTERN_HINTS.get(error["ctx"]["pattern"], message)
    given = error.get("input")
    if error["type"] == "missing" or isinstance(given, dict | list):
        return [(field, message)]
    return [(field, f"{message}, not {given!r:.80}")]
