"""Processes that outlive us: start, recognise, end.

A process is known by its id and its start, so that a reused id is never killed.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipetrail_deploy.account import Account
from pipetrail_deploy.errors import StopError

_POLL_S = 0.02
_KILL_TIMEOUT_S = 60.0  # a killed process goes as soon as it is given a moment, unless the kernel is stuck in I/O for it
_PS_FIELDS = ("stat", "rss", "lstart")


@dataclass(frozen=True, slots=True)
class Process:
    """A process: its id, and a mark of when it started that no later process with that id has."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        """Whether it runs; one that has ended but was not reaped by its parent does not."""
        state = _state(self.pid)
        if state is None or state.started != self.started:
            return False
        return state.letter != "Z" or not _reap(self.pid)

    def rss(self) -> int:
        """The memory it holds, in bytes; 0 when it does not run."""
        state = _state(self.pid)
        return state.rss if state is not None and state.started == self.started else 0

    def end(self, timeout_s: float) -> None:
        """End it: SIGTERM, and SIGKILL when that has had no effect after `timeout_s` seconds. Fine if it does not run.

        Raises:
            StopError: it may not be signalled, or outlives even that.
        """
        self._signal(signal.SIGTERM)
        if not self._gone(timeout_s):
            self.kill()

    def kill(self) -> None:
        """End it with SIGKILL, at once.

        Raises:
            StopError: it may not be signalled, or outlives even that.
        """
        self._signal(signal.SIGKILL)
        if not self._gone(_KILL_TIMEOUT_S):
            raise StopError(f"process {self.pid} does not end, even by SIGKILL")

    def _signal(self, number: signal.Signals) -> None:
        if not self.is_alive():
            return
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return
        except PermissionError as exc:
            raise StopError(f"process {self.pid} belongs to another user: stop it as the one who started it") from exc

    def _gone(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True


def spawn(command: Sequence[str], *, folder: Path, log: Path, env: Mapping[str, str], account: Account | None) -> Process:
    """Start a program in a session of its own, its output appended to `log`, files it makes private to its account."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    return adopt(child)


def adopt(child: subprocess.Popen[bytes]) -> Process:
    """The process of a child, which from now on is watched and reaped here instead of by `subprocess`."""
    process = find(child.pid) or Process(child.pid, "")
    child.returncode = 0  # or its destructor warns that the child still runs, which is what it is meant to do
    return process


def find(pid: int) -> Process | None:
    """The process with this id, if there is one."""
    state = _state(pid)
    return None if state is None else Process(pid, state.started)


@dataclass(frozen=True, slots=True)
class _State:
    letter: str
    started: str
    rss: int


def _state(pid: int) -> _State | None:
    return _linux_state(pid) if sys.platform == "linux" else _ps_state(pid)


def _linux_state(pid: int) -> _State | None:
    """By proc_pid_stat(5): the name, which may hold anything, ends at the last bracket; fields 3, 22 and 24 follow it."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return _State(fields[0], fields[19], int(fields[21]) * os.sysconf("SC_PAGE_SIZE"))


def _ps_state(pid: int) -> _State | None:
    fields = [option for field in _PS_FIELDS for option in ("-o", f"{field}=")]
    answer = subprocess.run(["ps", *fields, "-p", str(pid)], capture_output=True, text=True, check=False)
    if not answer.stdout.strip():
        return None
    letter, rss, started = answer.stdout.split(maxsplit=len(_PS_FIELDS) - 1)
    return _State(letter[0], started.strip(), int(rss) * 1024)


def _reap(pid: int) -> bool:
    """Whether an ended process is gone altogether: its first thread ends before the others, which still hold its ports."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:  # not a child of ours
        return True
