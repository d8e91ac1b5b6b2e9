"""Runs a command as if it had been called directly: no shell between, its streams, signals and exit code as they are.

The exit code is what a shell would show (POSIX, "Exit Status for Commands"): the command's own, 128 + n when signal n ended it,
126 when it cannot be executed, 127 when it is not found; 124 when its time was over, as `timeout` of GNU coreutils has it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from pipetrail_schemas.types import Result

NOT_EXECUTABLE, NOT_FOUND, TIMED_OUT, SIGNALLED = 126, 127, 124, 128
# How long a command whose time is over may take to end by itself, seconds.
_GRACE_S = 10.0
_CHUNK = 65_536
# Of each line of the tail, and so of the event: enough to read, bounded against a line without end.
_LINE_CHARACTERS = 2_000
# From outside; the terminal's own (Ctrl-C, Ctrl-\) reach the command by themselves.
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGQUIT)
_FROM_TERMINAL = frozenset({signal.SIGINT, signal.SIGQUIT})


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. `exit_code` is the one to pass on; `duration_ns` is measured on the monotonic clock."""

    exit_code: int
    result: Result
    duration_ns: int
    signal: int | None = None
    output_tail: str | None = None


def run(
    argv: Sequence[str],
    *,
    timeout_s: float | None = None,
    tail_lines: int = 0,
    started: Callable[[], None] = lambda: None,
) -> Ended:
    """Run a command to its end.

    Args:
        argv: the command and its arguments.
        timeout_s: after so many seconds it gets SIGTERM, and SIGKILL when it ignores that; None for no limit.
        tail_lines: keep so many last lines of its output; 0 leaves its streams entirely alone.
        started: called once it runs, so that nothing delays its start.
    """
    begin = time.monotonic_ns()
    piped = subprocess.PIPE if tail_lines else None
    try:
        process = subprocess.Popen(argv, stdout=piped, stderr=piped)
    except FileNotFoundError:
        return _not_started(argv[0], "not found", NOT_FOUND, begin)
    except OSError as exc:
        return _not_started(argv[0], exc.strerror or str(exc), NOT_EXECUTABLE, begin)
    with _forwarding(process):
        tail = _Tail(process, tail_lines) if tail_lines else None
        started()
        timed_out = _wait(process, timeout_s)
        output = tail.text() if tail else None
    number = -process.returncode if process.returncode < 0 else None
    code = TIMED_OUT if timed_out else SIGNALLED + number if number else process.returncode
    return Ended(code, _result(process.returncode, timed_out=timed_out), time.monotonic_ns() - begin, number, output)


def _wait(process: "subprocess.Popen[bytes]", timeout_s: float | None) -> bool:
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.terminate()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return True
    return False


def _result(returncode: int, *, timed_out: bool) -> Result:
    if timed_out:
        return Result.TIMEOUT
    if returncode in {-signal.SIGINT, -signal.SIGTERM, SIGNALLED + signal.SIGINT, SIGNALLED + signal.SIGTERM}:
        return Result.CANCELLATION
    if returncode < 0:
        return Result.ERROR
    return Result.SUCCESS if returncode == 0 else Result.FAILURE


def _not_started(name: str, why: str, code: int, begin: int) -> Ended:
    print(f"pipetrail: {name}: {why}", file=sys.stderr)
    return Ended(code, Result.ERROR, time.monotonic_ns() - begin)


@contextmanager
def _forwarding(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    def forward(number: int, frame: object) -> None:
        del frame
        if number in _FROM_TERMINAL and _in_foreground():
            return
        process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Whether the terminal sends us, and so the command in our process group, its own signals."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


class _Tail:
    """Passes a command's output on, byte for byte, and keeps its last lines."""

    def __init__(self, process: "subprocess.Popen[bytes]", lines: int) -> None:
        self._lines: deque[str] = deque(maxlen=lines)
        streams = ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
        self._threads = [
            threading.Thread(target=self._pass_on, args=(source, target.buffer), daemon=True)
            for source, target in streams
            if source is not None
        ]
        for thread in self._threads:
            thread.start()

    def text(self) -> str:
        """The last lines. A process that the command left behind may hold the streams open: it is not waited for."""
        for thread in self._threads:
            thread.join(_GRACE_S)
        return "\n".join(self._lines)

    def _pass_on(self, source: IO[bytes], target: IO[bytes]) -> None:
        rest = b""
        while chunk := os.read(source.fileno(), _CHUNK):
            target.write(chunk)
            target.flush()
            *complete, rest = (rest + chunk).split(b"\n")
            rest = rest[-_CHUNK:]
            self._lines.extend(_line(line) for line in complete)
        if rest:
            self._lines.append(_line(rest))


def _line(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")[:_LINE_CHARACTERS]
