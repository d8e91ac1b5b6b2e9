"""Finds and reads the file of commit rules, and says in which line of it a setting is wrong. Standard library only."""

import tomllib
from pathlib import Path
from typing import Any

from pipetrail_schemas.errors import SettingError

from pipetrail_producers.policy.place import line_of
from pipetrail_producers.policy.rules import Policy, policy_of

RULES_FILE = ".pipetrail-commits.toml"
_PYPROJECT = "pyproject.toml"
_TABLE = "tool.pipetrail.commits"


def load_policy(top: Path, file: Path | None = None) -> Policy:
    """The policy of a repository.

    Args:
        top: the work tree's root, where `.pipetrail-commits.toml` is looked for, then `[tool.pipetrail.commits]` of
            `pyproject.toml`; with neither, the defaults hold.
        file: the rules file to read instead.

    Raises:
        SettingError: the file cannot be read, or a setting in it is wrong.
    """
    own, pyproject = top / RULES_FILE, top / _PYPROJECT
    chosen = file or next((one for one in (own, pyproject) if one.is_file()), None)
    if chosen is None:
        return Policy()
    text = _text(chosen)
    where = chosen.name if chosen.name != _PYPROJECT else f"{chosen.name} [{_TABLE}]"
    try:
        return policy_of(_table(chosen, _decoded(chosen, text)), where)
    except SettingError as exc:
        line = line_of(exc.setting.removeprefix(f"{where}: "), text)
        raise SettingError(f"{where}, line {line}: " + exc.setting.removeprefix(f"{where}: "), exc.problem) from exc


def _table(file: Path, content: dict[str, Any]) -> dict[str, Any]:
    if file.name != _PYPROJECT:
        return content
    table: Any = content
    for name in _TABLE.split("."):
        table = table.get(name, {})
        if not isinstance(table, dict):
            raise SettingError(f"{file}: {_TABLE}", "must be a table")
    return dict(table)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as exc:
        raise SettingError(str(file), f"cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise SettingError(str(file), f"is not valid TOML: {exc}") from exc


def _decoded(file: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise SettingError(str(file), f"is not valid TOML: {exc}") from exc
