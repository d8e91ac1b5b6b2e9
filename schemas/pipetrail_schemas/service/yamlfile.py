"""YAML files that people write (policies, rules, sources, routes), read so that every complaint names file and line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipetrail_schemas.errors import SettingError

Place = tuple[str | int, ...]
_NO_LIST, _NO_MAPPING = "is no list, like [one, two]", "is no mapping of names to values, like {name: value}"
# By pydantic's types of errors: what it says of these is for people who know Python.
_WORDS = {
    "missing": "is missing",
    "list_type": _NO_LIST,
    "tuple_type": _NO_LIST,
    "dict_type": _NO_MAPPING,
    "model_type": _NO_MAPPING,
    "model_attributes_type": _NO_MAPPING,
    "string_type": "is no text",
    "bool_type": "is neither true nor false",
    "bool_parsing": "is neither true nor false",
    "int_type": "is no whole number",
    "int_parsing": "is no whole number",
}
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A parsed file: its content, and the line of every value in it. `setting` is what led to it, `name` its name or path."""

    setting: str
    name: str
    content: Any
    lines: dict[Place, int]

    @property
    def folder(self) -> Path:
        """Where relative paths in it start."""
        return Path(self.name).parent

    def line(self, place: Sequence[str | int]) -> int:
        """The line of a value, or of the nearest value around it that is there."""
        where = tuple(place)
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def error(self, place: Sequence[str | int], problem: str) -> SettingError:
        """The complaint about a value, with the line of it or of the nearest value around it that is there."""
        path = ".".join(str(part) for part in place)
        return SettingError(self.setting, f"{self.name}:{self.line(place)}: {path + ': ' if path else ''}{problem}")

    def validated(self, model: type[_Model], *, context: object = None) -> _Model:
        """The content as a model that forbids unknown fields.

        Args:
            model: what it is to be.
            context: handed to the model's validators.

        Raises:
            SettingError: names file, line, field and what is allowed.
        """
        try:
            return model.model_validate(self.content, context=context)
        except ValidationError as exc:
            error = exc.errors()[0]
            message = words(error)
            if error["type"] == "extra_forbidden":
                message = f"is not known here; allowed: {', '.join(_siblings(model, error['loc']))}"
            # Union members and validators add parts to the place that the file does not have.
            raise self.error(error["loc"], message) from exc


def words(error: ErrorDetails) -> str:
    """What is wrong with a value, in the words of somebody who writes YAML and not Python."""
    if error["type"] in {"too_short", "string_too_short"}:
        return f"is too short: at least {error.get('ctx', {}).get('min_length', 1)}"
    return _WORDS.get(error["type"]) or error["msg"].removeprefix("Value error, ")


def read(path: Path, *, setting: str) -> YamlFile:
    """Read and parse a file; see `parse`.

    Raises:
        SettingError: it cannot be read, is no YAML, or names a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise SettingError(setting, f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise SettingError(setting, f"{path}:1: is no YAML: {exc}") from exc
    return parse(text, setting=setting, name=str(path))


def parse(text: str, *, setting: str, name: str) -> YamlFile:
    """Parse one YAML document.

    Args:
        text: the file's content.
        setting: what the errors call the setting that led to the file ("policy", "rules").
        name: the file's name or path, for errors.

    Raises:
        SettingError: it is no YAML, or names a key twice.
    """
    lines: dict[Place, int] = {}
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        content = None if node is None else _build(loader, node, (), lines)
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise SettingError(setting, f"{name}:{line}: {exc.problem or exc}") from exc
    except (yaml.YAMLError, RecursionError) as exc:
        raise SettingError(setting, f"{name}:1: is no YAML: {exc}") from exc
    return YamlFile(setting, name, content, lines)


def _build(loader: yaml.SafeLoader, node: yaml.Node, place: Place, lines: dict[Place, int]) -> Any:
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*place, index), lines) for index, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        try:
            return loader.construct_object(node)
        except ValueError as exc:  # a date that there is not
            raise yaml.MarkedYAMLError(problem=f"{node.value!r}: {exc}", problem_mark=node.start_mark) from exc
    content: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        if key in content:
            raise yaml.MarkedYAMLError(problem=f"{key!r} stands here a second time", problem_mark=key_node.start_mark)
        content[key] = _build(loader, value_node, (*place, key), lines)
        lines[(*place, key)] = key_node.start_mark.line + 1
    return content


def _siblings(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """The fields that are allowed beside an unknown one."""
    current: Any = model
    for part in place[:-1]:
        if isinstance(part, str) and isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(part)
            current = _model_in(field.annotation) if field else None
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [field.alias or name for name, field in current.model_fields.items()]
    return []


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((found for part in getattr(annotation, "__args__", ()) if (found := _model_in(part))), None)
