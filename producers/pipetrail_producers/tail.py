"""Passes a command's output on, byte for byte, and keeps its last lines. Standard library only."""

import os
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

_CHUNK = 65_536
# A line without end must not fill the memory; what of it is kept is its end, and says so.
MAX_LINE_BYTES = 65_536
# A process that the command left behind may hold its streams open. A build must not hang on that.
_AFTER_END_S = 2.0


class Tail:
    """Reads a process's piped stdout and stderr in threads of its own, from the moment it is made."""

    def __init__(self, process: "subprocess.Popen[bytes]", lines: int) -> None:
        self._lines: deque[bytes] = deque(maxlen=lines)
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
        deadline = time.monotonic() + _AFTER_END_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return b"\n".join(list(self._lines)).decode("utf-8", "backslashreplace")

    def _pass_on(self, source: IO[bytes], target: int) -> None:
        rest = b""
        with suppress(OSError):
            while chunk := os.read(source.fileno(), _CHUNK):
                *complete, rest = (rest + chunk).split(b"\n")
                self._lines.extend(_kept(line) for line in complete)
                rest = rest[-MAX_LINE_BYTES - 1 :]
                _write(target, chunk)
        if rest:
            self._lines.append(_kept(rest))
        # Nobody reads our output any more, or the end: closing tells the command, as it would have been told directly.
        with suppress(OSError):
            source.close()


def _kept(line: bytes) -> bytes:
    line = line.rstrip(b"\r")
    return line if len(line) <= MAX_LINE_BYTES else b"[beginning of a long line not kept] " + line[-MAX_LINE_BYTES:]


def _write(target: int, content: bytes) -> None:
    while content:
        content = content[os.write(target, content) :]
