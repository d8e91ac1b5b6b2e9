"""Passes a command's output on, byte for byte, and keeps its last lines. Standard library only."""

import os
import select
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

_CHUNK = 65_536
# A line without end must not fill the memory; what of it is kept is its end, and says so.
MAX_LINE_BYTES = 65_536
# A process that the command left behind may hold its streams open, and go on writing. A build must not hang on that: after the
# command's end such a process is listened to for so many seconds, and for what the pipe holds then. What the command itself
# wrote is in the pipe at its end, so none of it is lost, however late a busy machine lets us read.
_AFTER_END_S = 2.0
_PIPE_BYTES = 1 << 20  # the most that a pipe holds unless an administrator allows more (pipe(7)); 64 KiB is usual


class Tail:
    """Reads a process's piped stdout and stderr in threads of its own, from the moment it is made."""

    def __init__(self, process: "subprocess.Popen[bytes]", lines: int) -> None:
        self._lines: deque[bytes] = deque(maxlen=lines)
        # Its reading end becomes readable when the command has ended.
        self._ended, self._tell_end = os.pipe()
        self._threads = [
            threading.Thread(target=self._pass_on, args=(source, target.fileno()), daemon=True)
            for source, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
            if source is not None
        ]
        sys.stdout.flush()
        sys.stderr.flush()
        for thread in self._threads:
            thread.start()

    def text(self) -> str:
        """The last lines of both streams, in the order in which they came. Call it after the process's end."""
        os.close(self._tell_end)
        for thread in self._threads:
            thread.join()
        os.close(self._ended)
        return b"\n".join(self._lines).decode("utf-8", "backslashreplace")

    def _pass_on(self, source: IO[bytes], target: int) -> None:
        rest = b""
        with suppress(OSError):
            for chunk in self._chunks(source.fileno()):
                *complete, rest = (rest + chunk).split(b"\n")
                self._lines.extend(_kept(line) for line in complete)
                rest = rest[-MAX_LINE_BYTES - 1 :]
                _write(target, chunk)
        if rest:
            self._lines.append(_kept(rest))
        # Nobody reads our output any more, or the end: closing tells the command, as it would have been told directly.
        with suppress(OSError):
            source.close()

    def _chunks(self, source: int) -> "Iterator[bytes]":
        """What comes: to the stream's end, or until the command has ended and whoever it left behind has had its time."""
        deadline: float | None = None
        late = 0
        while late < _PIPE_BYTES:
            if deadline is None:
                ready = _ready([source, self._ended])
                if self._ended in ready:
                    deadline = time.monotonic() + _AFTER_END_S
                    continue
            elif not _ready([source], max(0.0, deadline - time.monotonic())):
                return
            if not (chunk := os.read(source, _CHUNK)):
                return
            if deadline is not None and time.monotonic() >= deadline:
                late += len(chunk)
            yield chunk


def _ready(files: list[int], wait_s: float | None = None) -> list[int]:
    """Which of these can be read, after `wait_s` seconds at most."""
    poll = select.poll()
    for file in files:
        poll.register(file, select.POLLIN)
    return [file for file, _ in poll.poll(None if wait_s is None else 1000 * wait_s)]


def _kept(line: bytes) -> bytes:
    line = line.rstrip(b"\r")
    return line if len(line) <= MAX_LINE_BYTES else b"[beginning of a long line not kept] " + line[-MAX_LINE_BYTES:]


def _write(target: int, content: bytes) -> None:
    while content:
        content = content[os.write(target, content) :]
