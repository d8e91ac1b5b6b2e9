"""History from files: events or records as JSON, an object a line or however laid out, plain or gzip; `-` is standard input."""

import gzip
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

from pipetrail_schemas.errors import InvalidEventError

from pipetrail_processors.errors import ReplayError
from pipetrail_processors.replay.history import events
from pipetrail_processors.replay.message import Message

STDIN = "-"
_GZIP_MAGIC = b"\x1f\x8b"


class FileHistory:
    """The lines of files, one file after the other. `done` of `total` bytes are read; None: nobody knows how many there are."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Look at the files.

        Raises:
            ReplayError: one of them cannot be read.
        """
        self._paths = paths
        self._before = 0
        self._file: io.BufferedReader | None = None
        try:
            self.total = None if STDIN in paths else sum(Path(path).stat().st_size for path in paths)
        except OSError as exc:
            raise ReplayError(f"{exc.filename} cannot be read: {exc.strerror}") from exc

    @property
    def done(self) -> int:
        """How many bytes of the files are read."""
        return self._before + (self._file.tell() if self._file else 0)

    def __iter__(self) -> Iterator[Message]:
        """The events; a record is turned back into the event that it was made of.

        Raises:
            ReplayError: a file cannot be read, or something in it is no JSON object; names it.
        """
        for path in self._paths:
            try:
                if path == STDIN:
                    yield from _messages(cast("io.BufferedReader", sys.stdin.buffer))
                    continue
                with Path(path).open("rb") as file:
                    self._file = file
                    yield from _messages(file)
                    self._before, self._file = self._before + file.tell(), None
            except InvalidEventError as exc:
                raise ReplayError(f"{_name(path)}: {exc}") from exc
            except (OSError, EOFError) as exc:  # a file that is cut off in the middle of gzip's data
                raise ReplayError(f"{_name(path)} cannot be read: {exc}") from exc


def _messages(file: io.BufferedReader) -> Iterator[Message]:
    zipped = file.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
    lines: Iterable[bytes] = gzip.GzipFile(fileobj=file) if zipped else file
    return (Message(None, value) for value in events(lines))


def _name(path: str) -> str:
    return "standard input" if path == STDIN else path
