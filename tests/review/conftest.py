"""The library of deliveries, and the commands run on it as people run them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.library import Command, Library, environment_of, fill


@pytest.fixture(scope="session")
def library(stack: Any) -> Library:
    """Four changes and three findings in the stack's OpenSearch."""
    return fill(stack.connection.require_opensearch())


@pytest.fixture
def pipetrail(library: Library, tmp_path: Path) -> Command:
    """Run the real command in an empty folder, as the auditor; `env` is added to its environment."""

    def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipetrail", *arguments]
        environment = {**os.environ, **environment_of(library.connection), **(env or {})}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False)

    return run


@pytest.fixture
def on_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder outside of any CI system and git repository, with a home of its own and nobody to deliver to."""
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS", "PIPETRAIL_COLLECTOR_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIPETRAIL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIPETRAIL_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path
