"""What an event must have, checked without pydantic: the part of the contract that a CI agent can afford at start-up.

`Event` in `event.py` is the whole contract and calls the same functions, so the two cannot drift apart.
Standard library only.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipetrail_schemas.types import BY_FULL_NAME, EVENT_TYPES, PREFIX, EventType, Result, Skip

ACTOR_TYPES = ("user", "service_account", "app", "system", "api_key", "unknown")
DECISIONS = ("approved", "rejected", "commented", "dismissed")

_CHOICES: dict[str, tuple[str, ...]] = {
    "pipetrail.result": tuple(Result),
    "pipetrail.skip": tuple(Skip),
    "pipetrail.decision": DECISIONS,
    "pipetrail.actor.type": ACTOR_TYPES,
}

_SUBJECTS = tuple(dict.fromkeys(name.partition(".")[0] for name in EVENT_TYPES))

Problem = tuple[str, str]


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
    same = [known for known in EVENT_TYPES if known.partition(".")[0] == subject]
    if same:
        return f"{name!r} is no event type; of {subject} there are: {', '.join(same)}"
    return f"{name!r} is no event type; it starts with one of: {', '.join(_SUBJECTS)}"


def lookup(data: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path of nested objects, None where any part is absent."""
    value: Any = data
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def problems(type_name: str, data: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the type and data of an event, as (field, what is wrong and what is allowed)."""
    try:
        described = event_type(type_name)
    except ValueError as exc:
        yield "type", str(exc)
        return
    for path in described.required:
        if lookup(data, path) in (None, ""):
            yield f"data.{path}", f"is required for {described.name}"
    for path, allowed in _CHOICES.items():
        value = lookup(data, path)
        if value is not None and value not in allowed:
            yield f"data.{path}", f"{value!r} is not one of {', '.join(allowed)}"
