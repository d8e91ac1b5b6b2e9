"""The store's reading end: what waits to be delivered, in order, and how far it has come.

`read` gives entries; `done` says that all that was read is on Kafka: the place is written down, and segments that were read to
their end are removed. A place that is lost costs nothing but a second delivery of the same bytes. Damaged frames are copied to
`damaged/`, told, and passed over; the torn end of a segment that nobody writes to any more was never acknowledged.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pipetrail_producers.collector import frame
from pipetrail_producers.collector.errors import DamagedFrameError, StoreError
from pipetrail_producers.collector.store import FILE_MODE, FOLDER_MODE, Segment, segments
from pipetrail_producers.durable import sync

DAMAGED = "damaged"
_PLACE = "place"
# The reading end holds one piece of a segment in memory; an entry that is longer makes it read more.
PIECE_BYTES = 4 * 1024 * 1024


class Place(NamedTuple):
    """How far the store was delivered: the segment's number, and the offset in it."""

    segment: int
    offset: int

    @property
    def position(self) -> int:
        """One number, which grows from entry to entry."""
        return self.segment * 2**36 + self.offset

    def moved(self, length: int) -> "Place":
        """So many bytes further on."""
        return Place(self.segment, self.offset + length)


class Item(NamedTuple):
    """What waits: an entry's bytes, and where it stands."""

    content: bytes
    at: Place


class Backlog:
    """What waits in a store's folder. For one thread."""

    def __init__(self, folder: Path, *, piece_bytes: int = PIECE_BYTES) -> None:
        self._folder = folder
        self._piece_bytes = piece_bytes
        self.damaged: list[Path] = []
        self._place = read_place(folder)

    @property
    def place(self) -> Place:
        """How far was read."""
        return self._place

    def read(self, most: int, most_bytes: int) -> list[Item]:
        """The next entries after what was read last, at least one, up to so many and so large; empty when there are none.

        Raises:
            StoreError: a segment cannot be read.
        """
        found: list[Item] = []
        taken = 0
        try:
            for item in self._items():
                found.append(item)
                taken += len(item.content)
                if len(found) == most or taken >= most_bytes:
                    break
        except OSError as exc:
            raise StoreError(f"cannot read the store {self._folder}: {exc.strerror or exc}") from exc
        return found

    def done(self) -> None:
        """All that was read is delivered.

        Raises:
            StoreError: it cannot be written down.
        """
        try:
            _write_place(self._folder, self._place)
            for segment in segments(self._folder):
                if segment.number < self._place.segment:
                    segment.path.unlink(missing_ok=True)
        except OSError as exc:
            raise StoreError(f"cannot write the store {self._folder}: {exc.strerror or exc}") from exc

    def _items(self) -> Iterator[Item]:
        there = segments(self._folder)
        for segment in there:
            if segment.number < self._place.segment:
                continue
            if segment.number > self._place.segment:
                self._place = Place(segment.number, 0)
            yield from self._entries(segment, ended=segment is not there[-1])

    def _entries(self, segment: Segment, *, ended: bool) -> Iterator[Item]:
        """What is left of a segment. Nobody writes any more to one that has `ended`: what is torn there stays so."""
        with segment.path.open("rb") as file:
            while data := _piece(file.fileno(), self._place.offset, self._piece_bytes):
                start = self._place
                yield from self._whole(data, segment)
                if self._place == start:
                    if not ended:
                        return
                    self._pass_over(data[: frame.next_start(data, 1)], segment)

    def _whole(self, data: bytes, segment: Segment) -> Iterator[Item]:
        """The whole frames of a piece."""
        offset = 0
        while offset < len(data):
            try:
                decoded = frame.decode(data, offset, segment.salt)
            except DamagedFrameError as exc:
                self._pass_over(data[offset : exc.resume], segment)
                offset = exc.resume
                continue
            if decoded is None:
                return
            content, after = decoded
            at, self._place = self._place, self._place.moved(after - offset)
            offset = after
            yield Item(content, at)

    def _pass_over(self, data: bytes, segment: Segment) -> None:
        folder = self._folder / DAMAGED
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        target = folder / f"{segment.number}-{self._place.offset}"
        write_whole(target, data)
        self.damaged.append(target)
        self._place = self._place.moved(len(data))


def read_place(folder: Path) -> Place:
    """How far the store was delivered; its beginning where that is not known."""
    try:
        segment, offset = (folder / _PLACE).read_text(encoding="ascii").split()
        return Place(int(segment), int(offset))
    except (OSError, ValueError):
        return Place(0, 0)


def next_segment(folder: Path) -> int:
    """A number for a new segment, higher than that of any that is or was there."""
    return max([read_place(folder).segment, *(segment.number for segment in segments(folder))]) + 1


def waiting_bytes(folder: Path, place: Place) -> int:
    """Bytes after a place."""
    total = 0
    for segment in segments(folder):
        if segment.number >= place.segment:
            with suppress(FileNotFoundError):
                total += segment.path.stat().st_size - (place.offset if segment.number == place.segment else 0)
    return total


def write_whole(target: Path, content: bytes) -> None:
    """Write a file so that it is there whole, or as it was before."""
    temporary = target.with_name(f"{target.name}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(target)
    sync(target.parent)


def _write_place(folder: Path, place: Place) -> None:
    # Not synced: a place that is behind costs a second delivery, and syncs would hold up those of the writing end.
    temporary = folder / f"{_PLACE}.tmp"
    temporary.write_text(f"{place.segment} {place.offset}\n", encoding="ascii")
    temporary.rename(folder / _PLACE)


def _piece(descriptor: int, start: int, most: int) -> bytes:
    """The bytes from an offset on: so many, or as many as the first frame has."""
    data = os.pread(descriptor, most, start)
    while len(data) == most and frame.needed(data) > most:
        most = frame.needed(data)
        data = os.pread(descriptor, most, start)
    return data
