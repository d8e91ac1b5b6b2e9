"""Reads JSON out of files that hold one value, an array, or one value a line; compressed or not. A stream is read line by line.

A line that is no JSON costs itself and is told; a file whose first line is no whole value is one value over many lines.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from pipetrail_producers.importers.errors import SavedAnswerError

# What is read of a folder. Files that are named are read whatever they are called.
_ENDINGS = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
_GZIP = b"\x1f\x8b"


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files, with those of folders at any depth, in the order of their names."""
    found: list[Path] = []
    for path in paths:
        inner = (
            sorted(one for one in path.rglob("*") if one.name.endswith(_ENDINGS) and one.is_file()) if path.is_dir() else [path]
        )
        found.extend(inner)
    return found


def of_file(file: Path, left_out: Callable[[str], None]) -> Iterator[tuple[str, Any]]:
    """The values of a file, each with its place for people.

    Args:
        file: the file.
        left_out: told of everything that is no JSON, and why.

    Raises:
        SavedAnswerError: the file cannot be read.
    """
    try:
        with file.open("rb") as raw:
            compressed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            if compressed:
                with gzip.open(raw) as inner:
                    yield from of_stream(inner, str(file), left_out)
            else:
                yield from of_stream(raw, str(file), left_out)
    except (OSError, EOFError) as exc:
        raise SavedAnswerError(f"{file} cannot be read: {exc}") from exc


def of_stream(stream: IO[bytes] | gzip.GzipFile, name: str, left_out: Callable[[str], None]) -> Iterator[tuple[str, Any]]:
    """The values of a stream, as `of_file`."""
    is_first = True
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        found, problem = _parsed(line)
        if problem and is_first:
            found, problem = _parsed(line + stream.read())
        is_first = False
        if problem:
            left_out(f"{name}:{number} is no JSON: {problem}")
            continue
        for value in found if isinstance(found, list) else [found]:
            yield f"{name}:{number}", value


def _parsed(text: bytes) -> tuple[Any, str]:
    """The value, or why there is none."""
    try:
        return json.loads(text.removeprefix(b"\xef\xbb\xbf")), ""
    except (ValueError, RecursionError) as exc:
        return None, str(exc)[:200]
