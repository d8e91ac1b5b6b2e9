"""A series: the latest samples of one measure of one subject, by event time. Bounded, and the same in any order of arrival.

Kept are the newest samples one by one (`newest`), and before those at most one in each slot (an hour, as a rule) with the
smallest hash: a random choice that any order makes alike. So a pipeline that runs all day has a history of weeks, and one that
runs once a week loses nothing. What is judged is among the newest; a sample that comes later than so many others corrects
nothing any more.

    key    y REPOSITORY NAME                       the newest samples, and the facts of those that may still be judged anew
    key    Y REPOSITORY NAME                       the history before them; written once for a number of samples
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from itertools import chain, groupby, islice
from typing import Any, NamedTuple

from pipetrail_processors.anomaly.newest import Newest, Sample
from pipetrail_processors.state.state import State

# How many of the newest are judged anew when a late one comes before them.
JUDGED = 16
# Rates are those of so many events.
WINDOW = 20
# After so many normal ones what is out of the ordinary is a new finding: a shift is told once, and so is a burst, which is in
# as many rates as there are events in one.
QUIET = WINDOW
QUIET_ALONE, QUIET_ALONE_MS = 8, 7 * 86_400_000
NEWEST = JUDGED + QUIET + WINDOW
# What is compared with: so many slots at most, none older than this.
BASELINE = 240
BASELINE_MS = 180 * 86_400_000
_HISTORY = BASELINE + JUDGED + QUIET
# So many samples go into the history together, on average, so that it is written seldom. It is cut where a sample's key is a
# multiple of this: then where it is cut does not depend on the order in which they came.
_PORTION = 16
# Facts that are kept beside those that are needed, should a sample be removed again.
_SPARE = 4

_Row = tuple[int, int, float]


class Slot(NamedTuple):
    """What of the older samples stand for each other: those of the same so many milliseconds, of each value perhaps."""

    ms: int
    each_value: bool = False

    def of(self, ms: int, value: float) -> Hashable:
        """The slot of a sample."""
        return (ms // self.ms, value) if self.each_value else ms // self.ms


class Point(NamedTuple):
    """What is compared with."""

    ms: int
    value: float


def name_of(repository: str, name: str) -> bytes:
    """The key of the state that a series is kept under."""
    return f"y\0{repository}\0{name}".encode()


def most_facts(span: int) -> int:
    """Of how many samples facts are kept, where findings are about so many of them."""
    return JUDGED + span + _SPARE


def is_cut_at(key: int) -> bool:
    """Whether what is before the sample with the key goes into the history, once it is one of the last `NEWEST`."""
    return key % _PORTION == 0


def key_of(text: str) -> int:
    """A number for a text: 64 bits."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


class Series:
    """One series, which writes itself back."""

    __slots__ = ("_history", "_state", "is_new", "name", "newest", "slot")

    def __init__(self, state: State, name: bytes, value: bytes | None, slot: Slot, span: int = 1) -> None:
        """Make it of what the state has of it.

        Args:
            state: of the partition.
            name: what `name_of` gives for its repository, and for rule and subject.
            value: what is kept under it, None for nothing.
            slot: what of the older samples stand for each other.
            span: so many samples are what one finding is about.
        """
        self._state = state
        self.name = name
        self.slot = slot
        self.is_new = value is None
        self.newest = Newest(value, most_facts(span))
        self._history: tuple[array[int], array[int], array[float]] | None = None

    @property
    def _history_name(self) -> bytes:
        return b"Y" + self.name[1:]

    @property
    def ms(self) -> "array[int]":
        """Times of the newest, for reading."""
        return self.newest.columns.ms

    @property
    def key(self) -> "array[int]":
        """Keys of the newest, for reading."""
        return self.newest.columns.key

    @property
    def value(self) -> "array[float]":
        """Values of the newest, for reading."""
        return self.newest.columns.value

    @property
    def flag(self) -> "array[int]":
        """Which of the newest were out of the ordinary when they were judged, for reading."""
        return self.newest.columns.flag

    def put(self, sample: Sample) -> int | None:
        """Take in a sample. Returns the place from which on the series has changed, None where it has not."""
        newest = self.newest
        changed = len(newest)
        if newest.append(sample) is not None:
            return changed
        columns = newest.columns
        if sample.key in columns.key:
            place = columns.key.index(sample.key)
            stays, comes = (columns.told[place], columns.mark[place]), (sample.told, sample.mark)
            same = (columns.ms[place], columns.value[place]) == (sample.ms, sample.value)
            if stays < comes or (stays == comes and same):
                return None
            newest.delete(place)
            changed = place
        elif changed and sample[:2] < (newest.at(0)[0], newest.key_at(0)) and newest.older:
            return self._put_into_history(sample)
        place = newest.place_of(sample.ms, sample.key)
        newest.insert(place, sample)
        return min(place, changed)

    def drop(self, key: int) -> int | None:
        """Remove a sample. Returns the place from which on the series has changed, None where it has not."""
        keys = self.key
        if key not in keys:
            return None
        place = keys.index(key)
        self.newest.delete(place)
        return place

    def size(self, place: int) -> int:
        """How many samples are kept before the place: the baseline has no more."""
        return self.newest.older + place

    @property
    def oldest(self) -> int:
        """The time of the oldest sample that is kept; there must be one."""
        return self._older()[0][0] if self.newest.older else self.newest.at(0)[0]

    def surely(self, place: int) -> tuple[Sequence[int], Sequence[float]]:
        """Times and values that are in the baseline of the sample at a place, whatever else is: for a quick look."""
        ms, _, values = self._older()
        # The last one may stand back for a newer one of its slot, and the first ones may be too many.
        oldest = self.newest.at(place)[0] - BASELINE_MS
        first = max(bisect_left(ms, oldest), len(ms) - max(0, BASELINE - place))
        return ms[first:-1], values[first:-1]

    def back(self, place: int, skipped: int = 0) -> Iterator[Point]:
        """What the sample at a place is compared with, the latest first; what is not asked for is not read.

        Args:
            place: of the sample.
            skipped: so many before it are left out.
        """
        oldest = self.newest.at(place)[0] - BASELINE_MS
        points = islice(self._points(max(0, place - skipped)), BASELINE)
        return (point for point in points if point.ms >= oldest)

    def baseline(self, place: int, skipped: int = 0) -> list[Point]:
        """All that `back` gives, in order of time."""
        return list(self.back(place, skipped))[::-1]

    def trim(self, place: int) -> None:
        """Let the oldest of the newest go into the history, up to the last one where it is to be cut.

        To be called after each sample, with the place from which on the series has changed.
        """
        last = len(self.newest) - NEWEST
        came_last = place == len(self.newest) - 1  # then none before has become one where it is to be cut
        for at in range(last, last - 1 if came_last else 0, -1):
            if at > 0 and is_cut_at(self.newest.key_at(at)):
                self._write_history(self.newest.cut(at))
                return

    def save(self) -> None:
        """Write it."""
        self._state.set(self.name, self.newest.packed())

    def forget(self) -> None:
        """Remove it."""
        self._state.delete(self.name)
        self._state.delete(self._history_name)

    def _points(self, before: int) -> Iterator[Point]:
        """Of each slot the sample with the smallest hash, the latest first, of what is before a place."""
        rows, length = self._rows_back(before), self.slot.ms
        if self.slot.each_value:
            for _, together in groupby(rows, lambda row: row[0] // length):
                best: dict[float, _Row] = {}
                for row in together:
                    if row[2] not in best or row[1] < best[row[2]][1]:
                        best[row[2]] = row
                yield from sorted((Point(ms, value) for ms, _, value in best.values()), reverse=True)
            return
        chosen = next(rows, None)
        if chosen is None:
            return
        slot = chosen[0] // length
        for row in rows:
            if row[0] // length != slot:
                yield Point(chosen[0], chosen[2])
                chosen, slot = row, row[0] // length
            elif row[1] < chosen[1]:
                chosen = row
        yield Point(chosen[0], chosen[2])

    def _rows_back(self, before: int) -> Iterator[_Row]:
        yield from reversed(self.newest.before(before))
        if self.newest.older:
            yield from zip(*(reversed(column) for column in self._older()), strict=True)

    def _older(self) -> tuple["array[int]", "array[int]", "array[float]"]:
        if self._history is None:
            self._history = array("q"), array("Q"), array("d")
            value = self._state.get(self._history_name) or b""
            width = len(value) // 3
            columns: tuple[array[Any], ...] = self._history
            for number, column in enumerate(columns):
                column.frombytes(value[number * width : (number + 1) * width])
        return self._history

    def _put_into_history(self, sample: Sample) -> int | None:
        slot = self.slot.of(sample.ms, sample.value)
        rows = list(zip(*self._older(), strict=True))
        known = any(key <= sample.key and self.slot.of(ms, value) == slot for ms, key, value in rows)
        if known or (len(rows) >= _HISTORY and sample.ms < rows[0][0]):
            return None
        self._write_history([sample[:3]])
        return 0

    def _write_history(self, added: list[_Row]) -> None:
        best: dict[Hashable, _Row] = {}
        for row in chain(zip(*self._older(), strict=True), added):
            slot = self.slot.of(row[0], row[2])
            if slot not in best or row[1] < best[slot][1]:
                best[slot] = row
        rows = sorted(best.values())[-_HISTORY:]
        self._history = (
            array("q", [row[0] for row in rows]),
            array("Q", [row[1] for row in rows]),
            array("d", [row[2] for row in rows]),
        )
        self.newest.older = len(rows)
        self._state.set(self._history_name, b"".join(column.tobytes() for column in self._history))
