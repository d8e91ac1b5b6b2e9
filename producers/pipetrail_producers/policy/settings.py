"""Finds and reads the file of commit rules. Standard library only."""

import tomllib
from pathlib import Path
from typing import Any

from pipetrail_schemas.errors import SettingError

from pipetrail_producers.policy.rules import Policy, policy_of

RULES_FILE = ".pipetrail-commits.toml"
_PYPROJECT = "pyproject.toml"


def load_policy(top: Path, file: Path | None = None) -> Policy:
    """The policy of a repository.

    Args:
        top: the work tree's root, where `.pipetrail-commits.toml` is looked for, then `[tool.pipetrail.commits]` of
            `pyproject.toml`; with neither, the defaults hold.
        file: the rules file to read instead.

    Raises:
        SettingError: the file cannot be read, or a setting in it is wrong.
    """
    if file is not None:
        return policy_of(_table(file, _read(file)), file.name)
    own = top / RULES_FILE
    if own.is_file():
        return policy_of(_read(own), own.name)
    pyproject = top / _PYPROJECT
    if pyproject.is_file():
        return policy_of(_table(pyproject, _read(pyproject)), f"{pyproject.name} [tool.pipetrail.commits]")
    return Policy()


def _table(file: Path, content: dict[str, Any]) -> dict[str, Any]:
    if file.name != _PYPROJECT:
        return content
    table: Any = content
    for name in ("tool", "pipetrail", "commits"):
        table = table.get(name, {})
        if not isinstance(table, dict):
            raise SettingError(f"{file}: tool.pipetrail.commits", "must be a table")
    return dict(table)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise SettingError(str(file), f"cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingError(str(file), f"is not valid TOML: {exc}") from exc
