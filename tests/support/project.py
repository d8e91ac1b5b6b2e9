"""The project as data: rooms, tracked files, pyproject tables."""

import subprocess
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ROOMS = ("schemas", "producers", "processors", "sinks", "review", "deploy")
# Folder of every distribution; "." is the front door.
DISTRIBUTIONS = (".", *ROOMS)


def pyproject(folder: str) -> dict[str, Any]:
    """The content of a distribution's pyproject.toml."""
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))


def package(folder: str) -> str:
    """The import name of a distribution's package."""
    return "pipetrail" if folder == "." else f"pipetrail_{folder}"


def tracked(*patterns: str) -> list[Path]:
    """The files that git tracks and that are there, absolute."""
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]
