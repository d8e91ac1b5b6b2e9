"""Processes: found, ended, and never mistaken for another."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pipetrail_deploy import process
from pipetrail_deploy.errors import StopError
from pipetrail_deploy.process import Process, find, spawn
from pipetrail_deploy.watchdog import watch
from support.wait import wait_for

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
OWNER = """
import sys, time
from pathlib import Path
from pipetrail_deploy.process import spawn
from pipetrail_deploy.watchdog import watch
server = spawn(["sleep", "600"], folder=Path.cwd(), log=Path("log"), env={"PATH": "/usr/bin:/bin"}, account=None)
watchdog = watch(server)
print(server.pid, server.started, flush=True)
time.sleep(600)
"""


def _start(folder: Path, *command: str) -> Process:
    return spawn(command, folder=folder, log=folder / "log", env={"PATH": os.environ["PATH"]}, account=None)


def test_a_process_is_ended_and_gone(tmp_path: Path) -> None:
    """SIGTERM is enough for one that listens; ending it twice is fine."""
    server = _start(tmp_path, "sleep", "600")
    assert server.is_alive()
    # Between its start and its first page it has none yet.
    wait_for(server.rss, timeout_s=120, what="memory that the process holds")
    started = time.monotonic()
    server.end(400)
    assert time.monotonic() - started < 200
    assert (server.is_alive(), server.rss()) == (False, 0)
    server.end(30)


def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    """SIGKILL follows when SIGTERM has had no effect in time."""
    server = _start(tmp_path, sys.executable, "-c", STUBBORN)
    wait_for(lambda: (tmp_path / "log").read_text() == "ready\n", timeout_s=120, what="the process to be ready")
    server.end(0.2)
    assert not server.is_alive()


def test_a_reused_id_is_never_killed(tmp_path: Path) -> None:
    """A process that started at another time is another process, whatever its id."""
    bystander = _start(tmp_path, "sleep", "600")
    gone = replace(bystander, started="0")
    assert not gone.is_alive()
    gone.end(0.1)
    gone.kill()
    assert bystander.is_alive()
    bystander.kill()


def test_one_that_ended_by_itself_is_not_alive(tmp_path: Path) -> None:
    """It is not, although nobody has asked for its exit code."""
    server = _start(tmp_path, "true")
    wait_for(lambda: not server.is_alive(), timeout_s=120, what="the end of a process that does nothing")
    assert find(server.pid) is None


def test_a_process_of_another_user_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pipetrail down` of what somebody else started says so."""
    server = _start(tmp_path, "sleep", "600")

    def forbidden(_pid: int, _number: int) -> None:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", forbidden)
        with pytest.raises(StopError, match="belongs to another user"):
            server.end(1)
    server.kill()


def test_ps_tells_the_same(tmp_path: Path) -> None:
    """Where there is no /proc, `ps` gives a mark of the start that stays the same, and the memory in bytes."""
    server = _start(tmp_path, "sleep", "600")
    # It has what it needs once it sleeps; before, its memory still grows.
    wait_for(lambda: (state := process._state(server.pid)) and state.letter == "S", timeout_s=120, what="it to sleep")
    first, second = process._ps_state(server.pid), process._ps_state(server.pid)
    assert first is not None
    assert second is not None
    assert (first.letter, first.started) == (second.letter, second.started)
    assert first.rss == pytest.approx(server.rss(), rel=0.5)
    server.kill()
    assert process._ps_state(server.pid) is None


def test_files_that_a_server_makes_are_private(tmp_path: Path) -> None:
    """Data and keys that it writes are not for others."""
    server = _start(tmp_path, "touch", "made")
    wait_for(lambda: not server.is_alive(), timeout_s=120, what="the end of `touch`")
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600


def test_a_server_dies_with_its_owner_even_by_kill_9(tmp_path: Path) -> None:
    """Tests that are killed leave nothing running."""
    with subprocess.Popen([sys.executable, "-c", OWNER], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid, started = owner.stdout.readline().split()
        server = Process(int(pid), started)
        assert server.is_alive()
        owner.kill()
    wait_for(lambda: not server.is_alive(), timeout_s=120, what="the server to end with its owner")


def test_a_watchdog_goes_with_its_server(tmp_path: Path) -> None:
    """It outlives neither the server that was ended nor the wish to watch it."""
    server = _start(tmp_path, "sleep", "600")
    watchdog = watch(server)
    server.kill()
    watchdog.release()
    assert watchdog.child.returncode == 0
