"""`pipetrail run` as a process: the command behaves as if it had been called directly."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from support.wait import wait_for


def _run(cwd: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(_argv(*arguments), cwd=cwd, env=_env(cwd, env), capture_output=True, check=False)


def _argv(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pipetrail", "run", *arguments]


def _env(cwd: Path, more: dict[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(cwd), "PIPETRAIL_SPOOL": str(cwd / "spool"), **more}


def _spooled(cwd: Path) -> int:
    return len(list((cwd / "spool").glob("*.event")))


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 128 + signal.SIGTERM), ("kill -KILL $$", 128 + signal.SIGKILL)],
)
def test_the_exit_code_is_the_commands_own(tmp_path: Path, script: str, code: int) -> None:
    """Without any broker, the code is what a shell would show; both events are kept in the spool."""
    assert _run(tmp_path, "--", "sh", "-c", script).returncode == code
    assert _spooled(tmp_path) == 2


@pytest.mark.parametrize(("command", "code"), [("/nowhere/at-all", 127), ("/etc/passwd", 126)])
def test_a_command_that_cannot_run_ends_as_in_a_shell(tmp_path: Path, command: str, code: int) -> None:
    """127 for what is not there, 126 for what is no program."""
    assert _run(tmp_path, "--", command).returncode == code


@pytest.mark.parametrize("tail", [(), ("--output-tail", "2")])
def test_the_streams_pass_through_byte_for_byte(tmp_path: Path, tail: tuple[str, ...]) -> None:
    """What the command writes is what the caller reads, whether its tail is recorded or not."""
    program = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 999); sys.stderr.write('to the side')"
    done = _run(tmp_path, *tail, "--", sys.executable, "-c", program)
    assert done.stdout == bytes(range(256)) * 999
    assert done.stderr.startswith(b"to the side")


def test_a_signal_reaches_the_command(tmp_path: Path) -> None:
    """SIGTERM to pipetrail is SIGTERM to the command, whose own answer is the exit code."""
    script = "trap 'exit 9' TERM; touch ready; while :; do sleep 0.05; done"
    process = subprocess.Popen(
        _argv("--", "sh", "-c", script),
        cwd=tmp_path,
        env=_env(tmp_path, {}),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for((tmp_path / "ready").exists, timeout_s=120, what="the command to start")
        process.terminate()
        assert process.wait(120) == 9
    finally:
        # The command as well, should pipetrail have left it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_command_over_its_time_is_ended(tmp_path: Path) -> None:
    """Exit code 124, as `timeout` has it, and the event says timeout."""
    done = _run(tmp_path, "--time-limit", "0.2", "--dry-run", "--", "sleep", "30")
    assert done.returncode == 124
    assert b'"result": "timeout"' in done.stderr


def test_a_skip_runs_nothing_and_needs_a_reason(tmp_path: Path) -> None:
    """Who skips says why, and the command is not run."""
    refused = _run(tmp_path, "--skip", "--", "touch", "ran")
    assert (refused.returncode, b"--reason is required" in refused.stderr) == (2, True)
    skipped = _run(tmp_path, "--skip", "--stage", "test", "--reason", "hotfix", "--dry-run", "--", "touch", "ran")
    event = json.loads(skipped.stdout)
    assert event["type"] == "dev.pipetrail.taskrun.skipped.v1"
    assert (event["data"]["pipetrail"]["skip"], event["data"]["event"]["reason"]) == ("on_purpose", "hotfix")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "env",
    [
        {"PIPETRAIL_REPOSITORY": "no repository"},
        {"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": "no server"},
        {"PIPETRAIL_TIMEOUT": "soon"},
        {"PIPETRAIL_SPOOL": "/proc/no/spool"},
        {"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
    ],
)
def test_nothing_that_is_wrong_with_pipetrail_breaks_a_build(tmp_path: Path, env: dict[str, str]) -> None:
    """The command runs and its code is passed on; what went wrong is one line on stderr. --strict makes it count."""
    done = _run(tmp_path, "--", "sh", "-c", "echo built; exit 4", **env)
    assert (done.returncode, done.stdout) == (4, b"built\n")
    assert b"pipetrail: " in done.stderr
    assert b"Traceback" not in done.stderr


def test_strict_says_when_nothing_was_recorded(tmp_path: Path) -> None:
    """With --strict an event that is neither delivered nor spooled costs the exit code."""
    done = _run(tmp_path, "--strict", "--", "true", PIPETRAIL_SPOOL="/proc/no/spool")
    assert done.returncode == 1


def test_arguments_are_recorded_without_secrets_or_not_at_all(tmp_path: Path) -> None:
    """The secret of the environment is no part of the event; --no-capture leaves the arguments out."""
    done = _run(tmp_path, "--dry-run", "--", "echo", "open-sesame", MY_TOKEN="open-sesame")
    assert b"open-sesame" not in done.stderr
    assert b'"argv"' in done.stderr
    assert b'"argv"' not in _run(tmp_path, "--no-capture", "--dry-run", "--", "true").stderr


def test_github_is_told_in_its_own_words(tmp_path: Path) -> None:
    """Where the log knows annotations, what was not delivered is one."""
    done = _run(tmp_path, "--", "true", GITHUB_ACTIONS="true", GITHUB_REPOSITORY="a/b", GITHUB_SERVER_URL="https://git.example")
    assert b"::warning title=pipetrail::" in done.stderr
