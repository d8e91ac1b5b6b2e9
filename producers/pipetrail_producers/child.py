"""Runs a command as if it had been called directly: no shell between, its streams, signals and exit code as they are.

The exit code is what a shell would show (POSIX, "Exit Status for Commands"): the command's own, 128 + n when signal n ended it,
126 when it cannot be executed, 127 when it is not found; 124 when its time was over, as `timeout` of GNU coreutils has it.
The command stays in this process's group, so that a terminal's own signals reach both.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipetrail_schemas.types import Result

from pipetrail_producers.tail import Tail

NOT_EXECUTABLE, NOT_FOUND, TIMED_OUT, SIGNALLED = 126, 127, 124, 128
# How long a command whose time is over may take to end by itself, seconds.
_GRACE_S = 10.0
# From outside; the terminal's own (Ctrl-C, Ctrl-\) reach the command by themselves.
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGQUIT)
_FROM_TERMINAL = frozenset({signal.SIGINT, signal.SIGQUIT})
# Whoever sends one of these wants an end.
_CANCELLING = frozenset({signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT})


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
        started: called once it runs; must return at once, since the end is not noticed before.
    """
    begin = time.monotonic_ns()
    piped = subprocess.PIPE if tail_lines else None
    # The forwarding is there before the command is: a signal between the two would leave it running alone.
    with _forwarding() as signals:
        try:
            process = subprocess.Popen(argv, stdout=piped, stderr=piped)
        except FileNotFoundError:
            return _not_started(argv[0], "not found", NOT_FOUND, begin)
        except (OSError, ValueError) as exc:  # ValueError: a NUL in an argument
            return _not_started(argv[0], getattr(exc, "strerror", None) or str(exc), NOT_EXECUTABLE, begin)
        signals.to(process)
        tail = Tail(process, tail_lines) if tail_lines else None
        started()
        timed_out = _wait(process, timeout_s)
        duration_ns = time.monotonic_ns() - begin
        output = tail.text() if tail else None
    number = -process.returncode if process.returncode < 0 else None
    code = TIMED_OUT if timed_out else SIGNALLED + number if number else process.returncode
    result = Result.TIMEOUT if timed_out else _result(process.returncode, cancelled=signals.cancelled)
    return Ended(code, result, duration_ns, number, output)


def _wait(process: "subprocess.Popen[bytes]", timeout_s: float | None) -> bool:
    """Wait for the end; True when the time was over first."""
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


def _result(returncode: int, *, cancelled: bool) -> Result:
    if returncode == 0:
        return Result.SUCCESS
    by_shell = returncode - SIGNALLED  # a shell that ran the command says so when a signal ended it
    if cancelled or -returncode in _CANCELLING or by_shell in _CANCELLING:
        return Result.CANCELLATION
    return Result.ERROR if returncode < 0 else Result.FAILURE


def _not_started(name: str, why: str, code: int, begin: int) -> Ended:
    print(f"pipetrail: {name}: {why}", file=sys.stderr)
    return Ended(code, Result.ERROR, time.monotonic_ns() - begin)


@dataclass(slots=True)
class _Signals:
    """Passes signals on to a command, once there is one."""

    process: "subprocess.Popen[bytes] | None" = None
    early: list[int] = field(default_factory=list)
    cancelled: bool = False

    def to(self, process: "subprocess.Popen[bytes]") -> None:
        """Pass them on to this one from now on, and what came before it was there."""
        self.process = process
        for number in self.early:
            process.send_signal(number)

    def on_signal(self, number: int, frame: object) -> None:
        """A signal handler."""
        del frame
        self.cancelled = self.cancelled or number in _CANCELLING
        if self.process is None:
            self.early.append(number)
        elif not (number in _FROM_TERMINAL and _in_foreground()):
            self.process.send_signal(number)


@contextmanager
def _forwarding() -> Iterator[_Signals]:
    signals = _Signals()
    # What is ignored (nohup) stays ignored, here and in the command.
    heard = [number for number in _FORWARDED if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, signals.on_signal) for number in heard}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Whether the terminal sends us, and so the command in our process group, its own signals."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
