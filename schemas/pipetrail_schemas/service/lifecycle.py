"""The beginning and the end of a program that runs for long: the ready mark, and the wish to stop."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ReadyFile:
    """A file that is there while the program does its work: for who starts it and waits. Without a path it does nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, content: str = "ready") -> None:
        """The program does its work now; `content` is one line, such as the port it listens on."""
        if self._path:
            # Whoever waits for the file may read it the moment it is there.
            draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
            draft.write_text(f"{content}\n", encoding="utf-8")
            draft.replace(self._path)

    def remove(self) -> None:
        """The program works no more."""
        if self._path:
            self._path.unlink(missing_ok=True)


@contextmanager
def ready_file(path: Path | None) -> Iterator[ReadyFile]:
    """The ready file of a program; gone at the end of the block, however it ends."""
    file = ReadyFile(path)
    try:
        yield file
    finally:
        file.remove()


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT (Ctrl-C) set. Call it in the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
