"""Keys and values in a file, one after the other: how a replay's outcome comes from its workers, whatever is in the bytes."""

import heapq
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

Pair = tuple[bytes, bytes]

_LENGTHS = struct.Struct("<II")


def write(path: Path, pairs: Iterable[Pair]) -> None:
    """Write a file of these pairs."""
    with path.open("wb") as file:
        for key, value in pairs:
            file.write(_LENGTHS.pack(len(key), len(value)) + key + value)


def read(path: Path) -> Iterator[Pair]:
    """The pairs of a file."""
    with path.open("rb") as file:
        while lengths := file.read(_LENGTHS.size):
            key, value = _LENGTHS.unpack(lengths)
            yield file.read(key), file.read(value)


def merged(paths: Sequence[Path]) -> Iterator[Pair]:
    """The pairs of several files, each in order of its keys, as one in that order."""
    return heapq.merge(*map(read, paths))
