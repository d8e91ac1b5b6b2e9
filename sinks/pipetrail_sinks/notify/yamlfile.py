"""The routes file as YAML, read so that every complaint names file and line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pipetrail_schemas.errors import SettingError

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A parsed file: its content, and the line of every value in it. `setting` is what led to it."""

    setting: str
    path: Path
    content: Any
    lines: dict[Place, int]

    def error(self, place: Sequence[str | int], problem: str) -> SettingError:
        """The complaint about a value, with the line of it or of the nearest value around it that is there."""
        where = tuple(place)
        while where and where not in self.lines:
            where = where[:-1]
        told = ".".join(str(part) for part in place)
        return SettingError(self.setting, f"{self.path}:{self.lines.get(where, 1)}: {told + ': ' if told else ''}{problem}")


def read(path: Path, *, setting: str) -> YamlFile:
    """Read one YAML document.

    Raises:
        SettingError: it cannot be read, is no YAML, or names a key twice.
    """
    lines: dict[Place, int] = {}
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        content = None if node is None else _content(loader, node, (), lines)
    except OSError as exc:
        raise SettingError(setting, f"{path} cannot be read: {exc.strerror}") from exc
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise SettingError(setting, f"{path}:{line}: {exc.problem or exc}") from exc
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as exc:
        raise SettingError(setting, f"{path}:1: is no YAML: {exc}") from exc
    return YamlFile(setting, path, content, lines)


def _content(loader: yaml.SafeLoader, node: yaml.Node, place: Place, lines: dict[Place, int]) -> Any:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_content(loader, item, (*place, index), lines) for index, item in enumerate(node.value)]
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
        lines[(*place, key)] = key_node.start_mark.line + 1
        content[key] = _content(loader, value_node, (*place, key), lines)
    return content
