"""`pipetrail import git` as people call it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pipetrail_producers.importers import deliver
from pipetrail_producers.importers.errors import UndeliveredError
from pipetrail_schemas.connection import KafkaConnection

Git = Callable[..., str]


def run(*arguments: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, with no broker configured unless `env` says one."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PIPETRAIL_")}
    command = (sys.executable, "-m", "pipetrail", "import", "git", *map(str, arguments))
    return subprocess.run(command, env={**clean, **(env or {})}, capture_output=True, text=True, check=False)


def test_a_dry_run_prints_events_and_sends_nothing(folder: Path) -> None:
    """Events alone go to stdout, one a line; the summary goes to stderr."""
    done = run(folder, "--dry-run")
    assert done.returncode == 0
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["type"] == "dev.pipetrail.commit.recorded.v1"
    assert "Read 1 commits of https://git.acme.example/acme/shop" in done.stderr


def test_no_broker_is_a_setting_that_is_missing(folder: Path, tmp_path: Path) -> None:
    """Without a broker the setting is named, with exit code 2."""
    done = run(folder, env={"PIPETRAIL_HOME": str(tmp_path)})
    assert (done.returncode, done.stdout) == (2, "")
    assert "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS" in done.stderr


def test_a_broker_that_is_away_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens: one line names the broker, and the exit code says try again."""
    monkeypatch.setattr(deliver, "_CONNECT_S", 0.5)
    with (
        pytest.raises(UndeliveredError, match=re.escape("127.0.0.1:1 cannot be reached")) as caught,
        deliver.BulkDelivery(KafkaConnection("127.0.0.1:1")),
    ):
        pass
    assert caught.value.exit_code == 75


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--since", "yesterday"), 2, "2026-11-23"),
        (("--repository", "nowhere"), 2, "https://host/path"),
        (("--all-refs", "--branch", "main"), 2, "exclude each other"),
        (("--branch", "nope", "--dry-run"), 1, "nope"),
    ],
)
def test_usage_errors_say_what_is_allowed(folder: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    """A wrong option is named, with what is allowed."""
    done = run(folder, *arguments)
    assert done.returncode == code
    assert said in done.stderr


def test_the_summary_as_json(folder: Path, git: Git) -> None:
    """--json gives counts, seconds and notes to programs."""
    git(folder, "tag", "light")
    done = run(folder, "--all-refs", "--dry-run", "--json")
    summary = json.loads(done.stderr)
    assert (summary["commits"], summary["tags"], summary["lightweight_tags"], summary["shallow"]) == (1, 0, 1, False)
    assert summary["seconds"] >= 0
    assert summary["notes"]
