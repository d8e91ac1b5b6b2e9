"""What an event must be, checked without pydantic: the whole contract at a price that a CI agent can afford at start-up.

The fields, their kinds and limits are read from `fields.json`, which `export` writes from the pydantic models in `event.py`;
what a type requires comes from `types`. So agent and reader judge alike, and `codec` says what is wrong in these words.
An absent field and a null are the same. Standard library only.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipetrail_schemas.times import parse_time
from pipetrail_schemas.types import BY_FULL_NAME, EVENT_TYPES, PREFIX, EventType

FIELDS_FILE = Path(__file__).with_name("fields.json")

_SUBJECTS = tuple(dict.fromkeys(name.partition(".")[0] for name in EVENT_TYPES))

Problem = tuple[str, str]
Fields = Mapping[str, Any]


@cache
def fields() -> Fields:
    """The event's fields as a JSON Schema without references; `properties` nest as the event does."""
    content: Fields = json.loads(FIELDS_FILE.read_bytes())
    return content


def field(path: str) -> Fields | None:
    """The schema of one field, `data.vcs.ref.head.revision` for instance; None where there is no such field.

    A path into a free-form object (`data.pipetrail.labels.team`) gives the schema of its values.
    """
    found: Fields | None = fields()
    for name in path.split("."):
        if found is None:
            return None
        found = found.get("properties", {}).get(name, found.get("additionalProperties"))
    return found


def event_type(name: str) -> EventType:
    """The event type of a full (`dev.pipetrail.build.finished.v1`) or short (`build.finished`) name.

    Raises:
        ValueError: there is no such type; the message proposes the ones of the same subject, or names all subjects.
    """
    found = BY_FULL_NAME.get(name) or EVENT_TYPES.get(name)
    if found is None:
        raise ValueError(unknown_type(name))
    return found


def unknown_type(name: str) -> str:
    """A sentence that says that there is no such type, and which there are."""
    subject = name.removeprefix(PREFIX).partition(".")[0]
    if name in EVENT_TYPES:
        return f"{name!r} is the short name; an event's type is {EVENT_TYPES[name].full_name!r}"
    same = [known for known in EVENT_TYPES if known.partition(".")[0] == subject]
    if same:
        return f"{name!r:.80} is no event type; of {subject} there are: {', '.join(same)}"
    return f"{name!r:.80} is no event type; it starts with one of: {', '.join(_SUBJECTS)}"


def lookup(data: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path of nested objects, None where any part is absent."""
    value: Any = data
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def problems(type_name: str, data: Mapping[str, Any], *, unknown_allowed: bool = False) -> Iterator[Problem]:
    """What is wrong with the type and data of an event, as (field, what is wrong and what is allowed).

    Args:
        type_name: full or short name of the type.
        data: the payload.
        unknown_allowed: True for readers, who keep fields that they do not know; writers may not write them.
    """
    yield from _violations(data, fields()["properties"]["data"], "data", unknown_allowed)
    try:
        described = event_type(type_name)
    except ValueError as exc:
        yield "type", str(exc)
        return
    yield from _missing(described, data)


def event_problems(event: object, *, unknown_allowed: bool = False) -> Iterator[Problem]:
    """What is wrong with a whole event (a CloudEvent in structured mode, decoded), as `problems` does for its payload."""
    yield from _violations(event, fields(), "", unknown_allowed)
    type_name = event.get("type") if isinstance(event, Mapping) else None
    if not isinstance(event, Mapping) or not isinstance(type_name, str):
        return
    if type_name not in BY_FULL_NAME:
        yield "type", unknown_type(type_name)
    elif isinstance(data := event.get("data"), Mapping):
        yield from _missing(BY_FULL_NAME[type_name], data)


def _missing(described: EventType, data: Mapping[str, Any]) -> Iterator[Problem]:
    for path in described.required:
        if lookup(data, path) in (None, ""):
            yield f"data.{path}", f"is required for {described.name}"


def _violations(value: object, schema: Fields, path: str, unknown_allowed: bool) -> Iterator[Problem]:  # noqa: FBT001 - private
    # The part of JSON Schema (draft 2020-12) that export writes, and no more.
    kind = schema.get("type")
    if kind is not None and not _KINDS[kind](value):
        yield path or "event", f"must be {_NOUNS[kind]}, not {_short(value)}"
    elif isinstance(value, Mapping):
        yield from _object_violations(value, schema, path, unknown_allowed)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _violations(item, schema.get("items", {}), f"{path}.{index}", unknown_allowed)
    elif isinstance(value, str):
        yield from ((path, problem) for problem in _text_violations(value, schema))
    elif isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield path, f"must be from {schema['minimum']} to {schema['maximum']}, not {_short(value)}"


def _object_violations(
    value: Mapping[str, Any],
    schema: Fields,
    path: str,
    unknown_allowed: bool,  # noqa: FBT001 - private
) -> Iterator[Problem]:
    inner = f"{path}." if path else ""
    known = schema.get("properties")
    for name in schema.get("required", ()):
        if value.get(name) is None:
            yield f"{inner}{name}", "is required"
    for name, item in value.items():
        if known is None:
            yield from _violations(item, schema.get("additionalProperties", {}), f"{inner}{name}", unknown_allowed)
        elif item is not None and name in known:
            yield from _violations(item, known[name], f"{inner}{name}", unknown_allowed)
        elif name not in known and not unknown_allowed:
            yield f"{inner}{name}", "is not a field of the schema; own values go into data.pipetrail.labels"


def _text_violations(text: str, schema: Fields) -> Iterator[str]:
    if "enum" in schema and text not in schema["enum"]:
        yield f"{_short(text)} is not one of {', '.join(schema['enum'])}"
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", len(text))
    if not shortest <= len(text) <= longest:
        yield f"must have {shortest} to {longest} characters, not {len(text)}"
    if "pattern" in schema and not re.fullmatch(schema["pattern"], text):
        yield f"must be {schema['description']}, not {_short(text)}"
    if schema.get("format") == "date-time":
        try:
            parse_time(text)
        except ValueError as exc:
            yield str(exc)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield "holds a half of a surrogate pair, which JSON in UTF-8 cannot carry"


def _short(value: object) -> str:
    return f"{value!r:.80}"


_KINDS: Mapping[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, list | tuple),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
}
_NOUNS = {"object": "an object", "array": "a list", "string": "a text", "integer": "a whole number"}
