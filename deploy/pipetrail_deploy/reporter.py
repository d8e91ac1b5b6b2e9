"""What people see while the stack comes and goes: one line a step, each said when it is true and not before.

    Fetching    Kafka 4.1.1, OpenSearch 3.4.0 (kept for next time)   41s
    Kafka       127.0.0.1:9092   ready   4s

On a terminal a long step shows how far it is, on a line that the final one replaces.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

_LABEL_WIDTH = 12
_REDRAW_S = 0.1  # often enough to look alive, too seldom to cost anything
_MB = 1_000_000


class Reporter(Protocol):
    """Where lines go. `Lines` prints them, `Silent` drops them."""

    def line(self, label: str, text: str, took_s: float | None = None, note: str = "") -> None:
        """One step is done, in `took_s` seconds if that is of interest; `note` is what else is to be known."""

    def progress(self, label: str, text: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """A long step of `total` bytes: call what is yielded with the bytes of each part, from any thread."""


class Lines:
    """Prints lines to `out`, standard output by default."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._drawn = 0

    def line(self, label: str, text: str, took_s: float | None = None, note: str = "") -> None:
        """Print one line."""
        seconds = "" if took_s is None else f"{max(1, round(took_s))}s"
        self._replace(f"{label:<{_LABEL_WIDTH}}" + "   ".join(part for part in (text, seconds, note) if part))
        self._out.write("\n")
        self._out.flush()
        self._drawn = 0

    @contextmanager
    def progress(self, label: str, text: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show on a terminal how much of `total` bytes is done; print the line with its seconds at the end."""
        started = drawn = time.monotonic()
        lock, done = threading.Lock(), 0

        def advance(size: int) -> None:
            nonlocal done, drawn
            with lock:
                done += size
                if self._out.isatty() and time.monotonic() - drawn > _REDRAW_S:
                    drawn = time.monotonic()
                    self._replace(f"{label:<{_LABEL_WIDTH}}{text}   {done // _MB} of {total // _MB} MB")
                    self._out.flush()

        try:
            yield advance
        except BaseException:
            self._replace("")
            raise
        self.line(label, text, time.monotonic() - started)

    def _replace(self, text: str) -> None:
        if self._drawn:
            self._out.write("\r" + " " * self._drawn + "\r")
        self._out.write(text)
        self._drawn = len(text)


class Silent:
    """Says nothing: for tests and for programs that have something else to say."""

    def line(self, label: str, text: str, took_s: float | None = None, note: str = "") -> None:
        """Drop the line."""

    @contextmanager
    def progress(self, label: str, text: str, total: int) -> Iterator[Callable[[int], None]]:  # noqa: ARG002 - the protocol's
        """Drop the progress."""
        yield _nothing


def _nothing(_size: int) -> None:
    """Take note of nothing."""
