"""One server's life: start, wait until it is ready, stop, kill. What is special to Kafka or OpenSearch is its `Program`.

A server is known by its pid file, so that another process (`pipetrail down`) finds it. An owned server (`owned=True`) ends with
the process that started it; any other stays.
"""

import datetime as dt
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pipetrail_deploy import pidfile
from pipetrail_deploy.account import Account
from pipetrail_deploy.errors import PortInUseError, StartError, StartTimeoutError
from pipetrail_deploy.places import Home
from pipetrail_deploy.ports import is_free
from pipetrail_deploy.process import Process, spawn
from pipetrail_deploy.watchdog import Watchdog, watch

START_TIMEOUT_S = 300.0  # far more than a laptop needs; a busy CI machine takes its time, and who dies is not waited for
_POLL_S = 0.1
_TAIL_LINES = 15
_TAIL_BYTES = 16_384


class Program(Protocol):
    """What is special to one server. `port` is the one that clients use, `option` what changes it, `folder` its data."""

    name: str
    title: str
    option: str
    port: int
    folder: Path

    def prepare(self) -> list[str]:
        """Write its settings and return the command that starts it."""

    def is_ready(self) -> bool:
        """Whether it serves requests now."""


class Server:
    """One server of a stack."""

    def __init__(self, program: Program, home: Home, account: Account | None, *, owned: bool) -> None:
        self._program = program
        self._home = home
        self._account = account
        self._owned = owned
        self._watchdog: Watchdog | None = None

    @property
    def name(self) -> str:
        """Its name in files: kafka, opensearch."""
        return self._program.name

    @property
    def title(self) -> str:
        """Its name for people."""
        return self._program.title

    @property
    def port(self) -> int:
        """The port that clients use."""
        return self._program.port

    @property
    def log(self) -> Path:
        """Its log file."""
        return log_file(self._home, self.name)

    @property
    def process(self) -> Process | None:
        """Its process, None when it does not run."""
        started = pidfile.running_server(self._home, self.name)
        return started.process if started else None

    def start(self) -> None:
        """Start it and wait until it is ready; fine if it runs.

        Raises:
            PortInUseError: somebody else has its port.
            StartError: it died.
            StartTimeoutError: it is not ready in time.
        """
        self.begin()
        self.wait_ready()

    def begin(self) -> bool:
        """Start it without waiting; False if it runs already.

        Raises:
            PortInUseError: somebody else has its port.
            StartError: it cannot be prepared.
        """
        if self.process:
            return False
        self._forget()
        if not is_free(self.port):
            raise PortInUseError(self.title, self.port, self._program.option)
        self._rotate_log()
        command = self._program.prepare()
        env = environment(self._program.folder)
        process = spawn(command, folder=self._program.folder, log=self.log, env=env, account=self._account)
        if self._owned:
            self._watchdog = watch(process)
        pidfile.write(self._home, self.name, pidfile.Started(process, dt.datetime.now(dt.UTC)))
        return True

    def wait_ready(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until it serves requests.

        Raises:
            StartError: it died.
            StartTimeoutError: it is not ready in time; it has been ended.
        """
        deadline = time.monotonic() + timeout_s
        while not self._program.is_ready():
            if self.process is None:
                self._forget()
                raise StartError(self.title, "died while starting", self.log, tail(self.log))
            if time.monotonic() > deadline:
                self.stop()
                raise StartTimeoutError(self.title, f"was not ready after {timeout_s:.0f} s", self.log, tail(self.log))
            time.sleep(_POLL_S)

    def stop(self, timeout_s: float = pidfile.STOP_TIMEOUT_S) -> bool:
        """End it, by SIGKILL after `timeout_s` seconds; False if it did not run.

        Raises:
            StopError: it cannot be ended.
        """
        ran = pidfile.end_running(self._home, self.name, timeout_s)
        self._forget()
        return ran

    def kill(self) -> None:
        """End it with SIGKILL, as a crash or the kernel would; fine if it does not run.

        Raises:
            StopError: it cannot be ended.
        """
        process = self.process
        if process:
            process.kill()
        self._forget()

    def _forget(self) -> None:
        pidfile.path_of(self._home, self.name).unlink(missing_ok=True)
        if self._watchdog:
            self._watchdog.release()
            self._watchdog = None

    def _rotate_log(self) -> None:
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))


def log_file(home: Home, name: str) -> Path:
    """Where a server's output goes; the one before is beside it, with `.1`."""
    return home.logs / f"{name}.log"


def tail(log: Path) -> str:
    """The last lines of a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError as exc:
        return f"({exc})"
    return "\n".join(lines[-_TAIL_LINES:])


def environment(folder: Path) -> Mapping[str, str]:
    """The environment of a server: nothing of ours, so that no JAVA_TOOL_OPTIONS or the like changes how it runs."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
