"""An event as the JSON object that it came as, read and validated in one pass: for those who only look at most of its fields.

The contract is the models' (`event.Event`), by the readers' rules: pydantic's own schema of them is taken, with objects instead
of models and texts instead of enumerations and times. So building some twenty models for each event is saved, which takes as
long as everything else. What is refused here is refused by `codec.decode`, which says why; a law in the tests holds the two
together.
"""

from collections.abc import Callable
from typing import Any, cast

from pydantic_core import SchemaValidator, ValidationError, core_schema

from pipetrail_schemas.codec import unsafe_numbers
from pipetrail_schemas.event import Event
from pipetrail_schemas.times import parse_time
from pipetrail_schemas.types import BY_FULL_NAME

Content = dict[str, Any]

# As `check.lookup` would find them, split once: this is done for every event.
_REQUIRED = {name: tuple(path.split(".") for path in kind.required) for name, kind in BY_FULL_NAME.items()}


def from_json(value: bytes) -> Content | None:
    """The object of an event in structured mode; None where it is no event. An absent field stays absent."""
    try:
        return _complete(_VALIDATOR.validate_json(value))
    except ValidationError:
        return None


def from_content(content: Content) -> Content | None:
    """As `from_json`, of an object that was put together (`codec.content_of`)."""
    try:
        return _complete(_VALIDATOR.validate_python(content))
    except ValidationError:
        return None


def _complete(content: Content) -> Content | None:
    """The event, if it has what its type requires."""
    required = _REQUIRED.get(content["type"])
    if required is None:
        return None
    for path in required:
        value: Any = content["data"]
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if value in (None, ""):
            return None
    return content


def _plain(schema: Any) -> Any:
    """A schema of pydantic's, with objects for models. An unknown kind stops the start: the law could not hold."""
    kind = schema["type"]
    if kind not in _MADE:
        raise TypeError(f"a schema of pydantic's of the kind {kind} is not known here")
    return _MADE[kind](schema)


def _as_it_is(schema: Any) -> Any:
    return {name: part for name, part in schema.items() if name not in {"metadata", "serialization"}}


def _object(schema: Any) -> Any:
    known = {
        name: core_schema.typed_dict_field(_plain(field["schema"]), required=field["schema"]["type"] != "default")
        for name, field in schema["fields"].items()
    }
    return core_schema.typed_dict_schema(known, extra_behavior="allow", extras_schema=_ANYTHING)


def _time(text: str) -> str:
    parse_time(text)
    return text


def _safe(value: Any) -> Any:
    """What nobody described: any JSON but numbers that do not survive the way."""
    if any(True for _ in unsafe_numbers(value)):
        raise ValueError("has a number that 64 bits do not hold")
    return value


# For each kind of pydantic's schemas that the models are made of. `default`: what is absent stays absent. `function-before`:
# only `Time` has one. `function-after`: the only one is what `_complete` does.
_MADE: dict[str, Callable[[Any], Any]] = {
    "definitions": lambda schema: core_schema.definitions_schema(
        _plain(schema["schema"]), [_plain(one) for one in schema["definitions"]]
    ),
    "function-before": lambda _: core_schema.no_info_after_validator_function(_time, core_schema.str_schema()),
    "function-after": lambda schema: _plain(schema["schema"]),
    "default": lambda schema: _plain(schema["schema"]),
    "nullable": lambda schema: core_schema.nullable_schema(_plain(schema["schema"])),
    "model": lambda schema: {**_plain(schema["schema"]), "ref": schema.get("ref")},
    "model-fields": _object,
    "enum": lambda schema: core_schema.literal_schema([str(member.value) for member in schema["members"]]),
    "list": lambda schema: core_schema.list_schema(_plain(schema["items_schema"])),
    "dict": lambda schema: core_schema.dict_schema(_plain(schema["keys_schema"]), _plain(schema["values_schema"])),
    "any": lambda _: _ANYTHING,
    "str": _as_it_is,
    "int": _as_it_is,
    "literal": _as_it_is,
    "definition-ref": _as_it_is,
}
_ANYTHING: Any = core_schema.no_info_plain_validator_function(_safe)
_VALIDATOR = SchemaValidator(cast("Any", _plain(Event.__pydantic_core_schema__)))
