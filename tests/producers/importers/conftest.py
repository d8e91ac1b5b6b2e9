"""Real repositories to import from."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Git = Callable[..., str]

# Away from the settings of whoever runs the tests, and with times that do not move.
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Ada Lovelace",
    "GIT_AUTHOR_EMAIL": "ada@acme.example",
    "GIT_AUTHOR_DATE": "2026-11-23T09:00:00+01:00",
    "GIT_COMMITTER_NAME": "Grace Hopper",
    "GIT_COMMITTER_EMAIL": "grace@acme.example",
    "GIT_COMMITTER_DATE": "2026-11-23T09:02:11Z",
}


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the tests' git nor the importer's reads the settings of this machine's user."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with one commit on main."""
    path = tmp_path / "shop"
    path.mkdir()
    git(path, "init", "--quiet", "--initial-branch=main")
    git(path, "remote", "add", "origin", "git@git.acme.example:acme/shop.git")
    git(path, "commit", "--quiet", "--allow-empty", "--message", "one")
    return path


@pytest.fixture(name="git")
def git_runner() -> Git:
    """Runs git in a folder and gives what it says."""
    return git


def git(path: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run git in a folder; what it says, without the last newline."""
    run = subprocess.run(("git", "-C", str(path), *arguments), input=stdin, check=True, capture_output=True)
    return run.stdout.decode().strip()
