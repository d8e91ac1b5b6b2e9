"""Reads audit log entries from a file or a stream: one JSON object a line, or one JSON array; compressed or not.

Streams to buckets write `.json.log.gz`, exports `.json`. A line that is no JSON costs itself and is told at the end.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from pipetrail_producers.importers.errors import SavedAnswerError
from pipetrail_producers.webhook.github.audit_log import entries

_GZIP = b"\x1f\x8b"
_ARRAY = b"["


def read(file: Path, left_out: Callable[[str], None]) -> Iterator[Any]:
    """The entries of a file in its order.

    Args:
        file: the file.
        left_out: told of every line that is no JSON, and why.

    Raises:
        SavedAnswerError: the file cannot be read, or is an array that is no JSON.
    """
    try:
        with file.open("rb") as raw:
            compressed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            with gzip.open(raw) if compressed else raw as stream:
                yield from of_stream(stream, str(file), left_out)
    except (OSError, EOFError) as exc:
        raise SavedAnswerError(f"{file} cannot be read: {exc}") from exc


def of_stream(stream: IO[bytes] | gzip.GzipFile, name: str, left_out: Callable[[str], None]) -> Iterator[Any]:
    """The entries of a stream, which is not compressed, as `read`."""
    for number, line in enumerate(stream, start=1):
        text = line.strip()
        if not text:
            continue
        if number == 1 and text.startswith(_ARRAY):
            # An export is one array, mostly over many lines; a line that is whole is a batch of a stream.
            yield from _array(line, stream, name)
            continue
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as exc:
            left_out(f"{name}:{number} is no JSON: {exc}")
            continue
        yield from entries(found)


def _array(first: bytes, stream: IO[bytes] | gzip.GzipFile, name: str) -> Iterator[Any]:
    try:
        found = json.loads(first)
    except (ValueError, RecursionError):
        try:
            found = json.loads(first + stream.read())
        except (ValueError, RecursionError) as exc:
            raise SavedAnswerError(f"{name} is no JSON: {exc}") from exc
    yield from entries(found)
