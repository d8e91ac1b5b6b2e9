"""A command runs as if it had been called directly, and how it ended is told right."""

import os
import pty
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from pipetrail_producers import child
from pipetrail_schemas.types import Result
from support.wait import wait_for

PYTHON = sys.executable
_WRAPPER = """
import sys
from pipetrail_producers import child
ended = child.run(sys.argv[2:], tail_lines=int(sys.argv[1]))
print(ended.result, file=sys.stderr)
sys.exit(ended.exit_code)
"""

# Two equal signals that come before a process has woken up are one: this gives the command the time to see the first.
_SLOWLY = """
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pipetrail_producers import child
at_once = child._in_foreground
child._in_foreground = lambda: (time.sleep(0.2), at_once())[1]
"""
# Ends with 10 and how often the signal came: a byte for each arrival, since the handler may be called once for two. The first
# byte is waited for by reading it, so that a signal that comes early is not missed.
_COUNTING = """
import os, pathlib, signal, sys, time
signal.signal({number}, lambda *_: None)
arrivals, wakeup = os.pipe()
os.set_blocking(wakeup, False)
signal.set_wakeup_fd(wakeup)
pathlib.Path('ready').touch()
first = os.read(arrivals, 1)
time.sleep(0.3)
os.write(wakeup, first)
sys.exit(10 + len(os.read(arrivals, 99)))
"""
# Listens to what was left behind for no time at all, and says when the command has ended.
_IMPATIENT = """
import sys
from pipetrail_producers import child, tail
tail._AFTER_END_S = 0
at_end = tail.Tail.text
def text(self):
    print("ended", file=sys.stderr, flush=True)
    return at_end(self)
tail.Tail.text = text
"""
# Makes standard input the terminal of this session, as a login does, and goes on as the rest of the arguments.
_WITH_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def wrapped(*argv: str, tail_lines: int = 0) -> list[str]:
    """The command line of a process that runs `argv` as `pipetrail run` does."""
    return [PYTHON, "-c", _WRAPPER, str(tail_lines), *argv]


@pytest.mark.parametrize(
    ("script", "result"),
    [
        ("exit 0", Result.SUCCESS),
        ("exit 1", Result.FAILURE),
        ("kill -SEGV $$", Result.ERROR),
        ("kill -TERM $$", Result.CANCELLATION),
        ("exit 143", Result.CANCELLATION),
    ],
)
def test_how_it_ended(script: str, result: Result) -> None:
    """Success, failure, a crash and a cancellation are told apart."""
    assert child.run(["sh", "-c", script]).result is result


def test_the_signal_that_ended_it_is_told() -> None:
    """A command killed by signal 9 has exit code 137 and says signal 9."""
    ended = child.run(["sh", "-c", "kill -KILL $$"])
    assert (ended.exit_code, ended.signal) == (137, 9)


def test_the_time_that_the_notice_of_the_start_takes_is_not_the_commands() -> None:
    """The duration is the command's own, to the precision of starting a process."""
    began = time.monotonic_ns()
    ended = child.run(["sh", "-c", "exit 0"], started=lambda: None)
    assert 0 < ended.duration_ns < time.monotonic_ns() - began


def test_a_command_that_ignores_its_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past its time and the grace after it, SIGKILL ends it; the code is that of a time-out."""
    monkeypatch.setattr(child, "_GRACE_S", 0.2)
    ended = child.run([PYTHON, "-c", "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()"], timeout_s=0.5)
    assert (ended.exit_code, ended.result) == (child.TIMED_OUT, Result.TIMEOUT)


def test_an_argument_with_a_nul_cannot_be_executed() -> None:
    """What no system call takes ends in 126, not in a traceback."""
    assert child.run(["echo", "a\0b"]).exit_code == child.NOT_EXECUTABLE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1])
def test_signals_are_passed_on(tmp_path: Path, number: signal.Signals) -> None:
    """A signal that is sent to us arrives at the command once, whose answer is the exit code."""
    with subprocess.Popen(
        wrapped(PYTHON, "-c", _COUNTING.format(number=int(number))), cwd=tmp_path, stderr=subprocess.PIPE
    ) as process:
        wait_for((tmp_path / "ready").exists, timeout_s=120, what="the command to start")
        process.send_signal(number)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 11
    cancelled = number is not signal.SIGUSR1
    assert err == (b"cancellation\n" if cancelled else b"failure\n")


def test_ctrl_c_at_a_terminal_reaches_the_command_once(tmp_path: Path) -> None:
    """The terminal tells the whole group; nothing is passed on a second time."""
    program = _COUNTING.format(number=2)
    terminal, inside = pty.openpty()
    own_terminal = [PYTHON, "-c", _WITH_TERMINAL, PYTHON, "-c", _SLOWLY + _WRAPPER, "0", PYTHON, "-c", program]
    with subprocess.Popen(
        own_terminal, cwd=tmp_path, stdin=inside, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        os.close(inside)
        wait_for((tmp_path / "ready").exists, timeout_s=120, what="the command to start")
        os.write(terminal, b"\x03")
        code = process.wait(120)
    os.close(terminal)
    assert code == 11


def test_what_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """Under nohup, a hang-up reaches neither us nor the command."""
    script = "touch ready; while [ ! -e go ]; do sleep 0.05; done; exit 6"
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *wrapped("sh", "-c", script)]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        wait_for((tmp_path / "ready").exists, timeout_s=120, what="the command to start")
        process.send_signal(signal.SIGHUP)
        (tmp_path / "go").touch()
        assert process.wait(120) == 6


def test_the_tail_has_the_last_lines_of_both_streams(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The last lines are kept without their ends; bytes that are no UTF-8 are shown, not lost."""
    go = tmp_path / "go"

    def when_two_was_passed_on() -> None:
        wait_for(lambda: os.fstat(2).st_size, timeout_s=120, what="what was written to stderr")
        go.touch()

    script = r"echo one; echo two >&2; until [ -e $1 ]; do sleep 0.05; done; printf 'three\377\r\nfour'"
    with ThreadPoolExecutor() as beside:
        passed = beside.submit(when_two_was_passed_on)
        ended = child.run(["sh", "-c", script, "sh", str(go)], tail_lines=2)
        passed.result()
    assert ended.output_tail == "three\\xff\nfour"
    assert capfd.readouterr().err == "two\n"


def test_a_process_left_behind_does_not_hold_up_the_build(tmp_path: Path) -> None:
    """A daemon that keeps the streams open is not waited for."""
    script = "sleep 600 & echo $! > pid"
    done = subprocess.run(wrapped("sh", "-c", script, tail_lines=5), cwd=tmp_path, check=False, timeout=300)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert done.returncode == 0


def test_what_a_command_wrote_is_passed_on_however_late_it_is_read() -> None:
    """Whoever reads our output may be slower than a process that was left behind is listened to: nothing is cut off."""
    program = "import sys; sys.stdout.buffer.write(bytes(100_000))"
    with subprocess.Popen(
        [PYTHON, "-c", _IMPATIENT + _WRAPPER, "3", PYTHON, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # Ours is full, the command's as well, and it has ended: so it says before it goes on to pass the rest on.
        assert process.stderr.readline() == b"ended\n"
        assert process.stdout.read() == bytes(100_000)
    assert process.returncode == 0


def test_who_is_left_behind_and_goes_on_writing_does_not_hold_up_the_build() -> None:
    """With the tail on, an endless writer in the background is let go after its time."""
    script = "yes & echo $!"
    command = wrapped("sh", "-c", script, tail_lines=3)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        lines = process.stdout.read().split(b"\n")
        (writer,) = {line for line in lines if line.isdigit()}
        assert process.wait(120) == 0
    with suppress(ProcessLookupError):
        os.kill(int(writer), signal.SIGKILL)


def test_a_reader_that_goes_away_ends_the_command_as_it_would_directly() -> None:
    """With the tail on, `… | head -1` ends an endless writer instead of blocking it."""
    with subprocess.Popen(wrapped("yes", tail_lines=3), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"y\n"
        process.stdout.close()
        assert process.wait(120) != 0


def test_a_line_without_end_is_kept_in_bounds() -> None:
    """Of a line of many megabytes the end is kept, and it says so."""
    ended = child.run(["sh", "-c", "head -c 9000000 /dev/zero | tr '\\0' x"], tail_lines=1)
    assert ended.output_tail is not None
    assert ended.output_tail.startswith("[beginning of a long line not kept] xxx")
    assert len(ended.output_tail) < 70_000
