"""Between bytes on a topic and events. Both CloudEvents modes are read; structured JSON is what pipetrail writes.

Pydantic judges and builds the event, fast; when it refuses, `check` says why, in the words that the agent uses too.

The `content-type` header decides the mode, not the presence of `ce_` headers (CloudEvents Kafka binding 1.0, section 3):
a structured event that passed a gateway may carry both. One leniency: plain JSON without any `ce_` header cannot be a binary
event, and is what the Python SDK sends in structured mode, so it is read as structured.
"""

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from pipetrail_schemas.check import event_problems
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.event import Event
from pipetrail_schemas.topics import MAX_EVENT_BYTES

CONTENT_TYPE = "content-type"
STRUCTURED = "application/cloudevents+json"
_CLOUDEVENTS = "application/cloudevents"
# Numbers that do not survive the way through other JSON libraries and OpenSearch: cheap to look for in the bytes, rarely there.
# A number inside an object follows one of these characters; the digits of a hash, in quotes, do not. Three searches that start
# with a fixed character take a third of the time of one that starts with any of them.
_SUSPICIOUS_NUMBERS = tuple(
    re.compile(before + rb"\s*-?\d(?:[\d.]{18}|[\d.]*[eE]\+?\d{3})") for before in (rb":", rb",", rb"\[")
)
_INTEGERS = range(-(2**63), 2**64)
_HEADER_PREFIX = "ce_"

Headers = Iterable[tuple[str, bytes | None]]


def encode(event: Event) -> bytes:
    """The event as structured JSON, without empty fields, for the value of a Kafka message or an HTTP body.

    Raises:
        InvalidEventError: the event has a field that the schema does not know, or is too large for a message; an event
            that was put together by hand (`model_copy`, `model_construct`) is checked like any other.
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


def decode(value: bytes | None, headers: Headers = (), key: bytes | None = None) -> Event:
    """The event of a message, by the readers' rules: unknown fields are kept.

    The message's key stands in for a missing `partitionkey` in binary mode (CloudEvents Kafka binding 1.0, section 3.1).

    Raises:
        InvalidEventError: the message is no event; names every field that is wrong, and what is allowed.
    """
    return _validated(content_of(value, headers, key), strict=False)


def content_of(value: bytes | None, headers: Headers = (), key: bytes | None = None) -> dict[str, Any]:
    """The JSON object of a message in structured mode, from either mode; not yet validated.

    Raises:
        InvalidEventError: the value is no JSON object, or its mode is not supported.
    """
    if value is None:
        raise InvalidEventError([("value", "is empty (a tombstone); an event is a JSON object")])
    attributes = attributes_of(headers)
    content = _json(value)
    if not isinstance(content, dict):
        raise InvalidEventError([("value", f"is a JSON {type(content).__name__}; an event is a JSON object")])
    if not attributes:
        return content
    keyed = {"partitionkey": key.decode("utf-8", "replace")} if key else {}
    return {**keyed, **attributes, "datacontenttype": "application/json", "data": content}


def attributes_of(headers: Headers) -> dict[str, str]:
    """The attributes of a message in binary mode, whose value is `data`; none of one in structured mode.

    CloudEvents Kafka binding 1.0, section 3.2: they are headers with the prefix ce_.

    Raises:
        InvalidEventError: the mode is not supported.
    """
    named = {name.lower(): text.decode("utf-8", "replace") for name, text in headers if text is not None}
    media_type = named.get(CONTENT_TYPE, STRUCTURED).partition(";")[0].strip().lower()
    _require_json(media_type)
    if media_type == STRUCTURED:
        return {}
    return {name.removeprefix(_HEADER_PREFIX): text for name, text in named.items() if name.startswith(_HEADER_PREFIX)}


def _require_json(media_type: str) -> None:
    if media_type == STRUCTURED or media_type.endswith("/json"):
        return
    if media_type.endswith("+json") and not media_type.startswith(_CLOUDEVENTS):
        return
    allowed = f"{STRUCTURED}, or application/json with ce_ headers"
    raise InvalidEventError([(CONTENT_TYPE, f"{media_type!r:.80} is not supported; allowed: {allowed}")])


def _json(value: bytes) -> Any:
    try:
        content = from_json(value, allow_inf_nan=False)
    except ValueError as exc:
        raise InvalidEventError([("value", f"is not JSON: {exc}")]) from exc
    if any(numbers.search(value) for numbers in _SUSPICIOUS_NUMBERS):
        unsafe = [(path or "value", "is a number that 64 bits do not hold") for path in unsafe_numbers(content)]
        if unsafe:
            raise InvalidEventError(unsafe)
    return content


def unsafe_numbers(value: object, path: str = "") -> Iterator[str]:
    """The paths of numbers that do not survive the way through other JSON libraries and OpenSearch; "" is the value itself."""
    if isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from unsafe_numbers(item, f"{path}.{name}" if path else str(name))
    elif (isinstance(value, int) and value not in _INTEGERS) or (isinstance(value, float) and not math.isfinite(value)):
        yield path


def _validated(content: Any, *, strict: bool) -> Event:
    try:
        return Event.model_validate(content, extra="forbid" if strict else None)
    except ValidationError as exc:
        problems = list(event_problems(content, unknown_allowed=not strict))
        raise InvalidEventError(problems or [_problem(error) for error in exc.errors()]) from exc


def _problem(error: ErrorDetails) -> tuple[str, str]:
    # Only reached where pydantic is stricter than `check`; a test holds that there is no such place.
    return ".".join(str(part) for part in error["loc"]) or "event", error["msg"].removeprefix("Value error, ")
