"""Reading a validated event as the JSON object that it came as. A null and an absent field are the same."""

from dataclasses import dataclass
from typing import Any

from pipetrail_schemas import codec, ids
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.event import FULL_REVISION, Event
from pipetrail_schemas.times import format_time, parse_time
from pipetrail_schemas.types import BY_FULL_NAME, EventType
from pydantic import ValidationError

__all__ = ["FULL_REVISION", "Content", "Reading", "at", "read", "ref_names", "stage_of"]

Content = dict[str, Any]

# The stage of a task that says by OpenTelemetry's `cicd.pipeline.task.type` what it is for.
_TASK_STAGES = {"build": "build", "test": "test", "deploy": "deploy"}
_CANONICAL_LENGTH = len("2026-11-23T09:02:11.000Z")


@dataclass(frozen=True, slots=True)
class Reading:
    """One event as it was read: decoded and validated, with its canonical times and the hash of its bytes."""

    content: Content
    data: Content
    kind: EventType
    id: str
    source: str
    time: str
    recorded: str
    hash: str


def read(value: bytes | None, headers: codec.Headers) -> Reading:
    """The event of a message.

    Raises:
        InvalidEventError: the message is no event.
    """
    content = codec.content_of(value, headers)
    try:
        Event.model_validate(content)
    except ValidationError as exc:
        codec.decode(value, headers)  # says what is wrong in the contract's own words
        raise InvalidEventError([("event", str(exc))]) from exc
    return Reading(
        content=content,
        data=content["data"],
        kind=BY_FULL_NAME[content["type"]],
        id=content["id"],
        source=content["source"],
        time=_canonical(content["time"]),
        recorded=_canonical(content["recordedtime"]),
        hash=ids.content_hash(value or b""),
    )


def at(data: Content, *path: str) -> Any:
    """The value at a path of nested objects, None where any part is absent."""
    value: Any = data
    for name in path:
        if not value:
            return None
        value = value.get(name)
    return value


def stage_of(data: Content, kind: EventType) -> str | None:
    """The stage that the event speaks of: what it says itself, else its type's, else what the task is for."""
    own = data.get("pipetrail")
    if own and own.get("stage"):
        stage: str = own["stage"]
        return stage
    if kind.stage:
        return str(kind.stage)
    return _TASK_STAGES.get(at(data, "cicd", "pipeline", "task", "type") or "")


def ref_names(data: Content) -> tuple[str | None, str | None]:
    """The title of the change and the name of the branch (not of a tag)."""
    vcs = data.get("vcs")
    if not vcs:
        return None, None
    head = (vcs.get("ref") or {}).get("head") or {}
    return (vcs.get("change") or {}).get("title"), None if head.get("type") == "tag" else head.get("name")


def _canonical(text: str) -> str:
    if len(text) == _CANONICAL_LENGTH and text[10] == "T" and text[19] == "." and text[23] == "Z":
        return text
    return format_time(parse_time(text))
