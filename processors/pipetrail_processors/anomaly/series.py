"""A series: the latest samples of one measure of one subject, by event time. Bounded, and the same in any order of arrival.

Kept are the newest samples one by one, and before those at most one in each slot (an hour, as a rule) with the smallest hash:
a random choice that any order makes alike. So a pipeline that runs all day has a history of weeks, and one that runs once a
week loses nothing. What is judged is among the newest; a sample that comes later than so many others corrects nothing any more.

    key    y REPOSITORY NAME                       the newest samples, and the facts of those that may still be judged anew
    key    Y REPOSITORY NAME                       the history before them; written once for a number of samples
"""

import hashlib
import struct
from array import array
from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import orjson

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
# Samples that go into the history together, so that it is written seldom.
_PORTION = 16
# Facts that are kept beside those that are needed, should a sample be removed again.
_SPARE = 4
_HEADER = struct.Struct("<BBHI")  # version, findings held, number of facts, day of the latest recording
_VERSION = 1
_ROW = 41  # bytes

Slot = Callable[[int, float], Hashable]


class Sample(NamedTuple):
    """One value. `key` tells it from others, `told` and `mark` one version of it from another (see `fact.stands`).

    `fact` is JSON, and empty where no finding will ever need it.
    """

    ms: int
    key: int
    value: float
    told: int
    mark: int
    fact: bytes


class Point(NamedTuple):
    """What is compared with."""

    ms: int
    value: float


def key_of(text: str) -> int:
    """A number for a text: 64 bits."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


class Series:
    """One series, read from the state and written back."""

    def __init__(self, state: State, repository: str, name: str, slot: Slot, span: int = 1) -> None:
        """Read it.

        Args:
            state: of the partition.
            repository: whose it is.
            name: of rule and subject.
            slot: what of the older samples stand for each other.
            span: so many samples are what one finding is about.
        """
        self._state = state
        self._name = b"\0%b\0%b" % (repository.encode(), name.encode())
        self._slot = slot
        self._most_facts = JUDGED + span + _SPARE
        self.ms, self.key, self.value = array("q"), array("Q"), array("d")
        self._told, self._mark, self.flag = array("q"), array("Q"), array("b")
        self._columns: tuple[array[Any], ...] = (self.ms, self.key, self.value, self._told, self._mark, self.flag)
        self._facts: list[bytes] = []
        self.holds, self.day = False, 0
        self._history: tuple[array[int], array[int], array[float]] | None = None
        value = state.get(b"y" + self._name)
        self.is_new = value is None
        if value is not None:
            self._load(value)

    def put(self, sample: Sample) -> int | None:
        """Take in a sample. Returns the place from which on the series has changed, None where it has not."""
        moment = (sample.ms, sample.key)
        changed = len(self.ms)
        if sample.key in self.key:
            place = self.key.index(sample.key)
            stays, comes = (self._told[place], self._mark[place]), (sample.told, sample.mark)
            same = (self.ms[place], self.value[place]) == (sample.ms, sample.value)
            if stays < comes or (stays == comes and same):
                return None
            self._delete(place)
            changed = place
        elif self.ms and moment < (self.ms[0], self.key[0]) and self._older()[0]:
            return self._put_into_history(sample)
        place = bisect_left(self.ms, sample.ms)
        while place < len(self.ms) and (self.ms[place], self.key[place]) < moment:
            place += 1
        self._insert(place, sample)
        return min(place, changed)

    def drop(self, key: int) -> int | None:
        """Remove a sample. Returns the place from which on the series has changed, None where it has not."""
        if key not in self.key:
            return None
        place = self.key.index(key)
        self._delete(place)
        return place

    def fact(self, place: int) -> dict[str, Any] | None:
        """The fact of a sample, None where it is not kept any more."""
        at = place - (len(self.ms) - len(self._facts))
        found: dict[str, Any] | None = orjson.loads(self._facts[at]) if at >= 0 and self._facts[at] else None
        return found

    def surely(self, place: int) -> tuple[Sequence[int], Sequence[float]]:
        """Times and values that are in the baseline of the sample at a place, whatever else is: for a quick look."""
        ms, _, values = self._older()
        # The last one may stand back for a newer one of its slot, and the first ones may be too many.
        first = max(bisect_left(ms, self.ms[place] - BASELINE_MS), len(ms) - (BASELINE - NEWEST - _PORTION))
        return ms[first:-1], values[first:-1]

    def size(self, place: int) -> int:
        """How many samples are kept before the place: the baseline has no more."""
        return len(self._older()[0]) + place

    def baseline(self, place: int, skipped: int = 0) -> list[Point]:
        """What the sample at a place is compared with, in order of time.

        Args:
            place: of the sample.
            skipped: so many before it are left out.
        """
        before = max(0, place - skipped)
        oldest = self.ms[place] - BASELINE_MS
        best: dict[Hashable, tuple[int, Point]] = {}
        old_ms, old_key, old_value = self._older()
        for ms, key, value in (
            *zip(old_ms, old_key, old_value, strict=True),
            *zip(self.ms[:before], self.key[:before], self.value[:before], strict=True),
        ):
            slot = self._slot(ms, value)
            if slot not in best or key < best[slot][0]:
                best[slot] = key, Point(ms, value)
        points = sorted(point for _, point in best.values())[-BASELINE:]
        return points if not points or points[0].ms >= oldest else [point for point in points if point.ms >= oldest]

    def save(self) -> None:
        """Write it."""
        if len(self.ms) >= NEWEST + _PORTION:
            self._move_to_history(len(self.ms) - NEWEST)
        header = _HEADER.pack(_VERSION, self.holds, len(self._facts), self.day)
        facts = b"\n".join(self._facts)
        value = b"".join((header, struct.pack("<I", len(self.ms)), *(column.tobytes() for column in self._columns), facts))
        self._state.set(b"y" + self._name, value)

    def forget(self) -> None:
        """Remove it."""
        self._state.delete(b"y" + self._name)
        self._state.delete(b"Y" + self._name)

    def _load(self, value: bytes) -> None:
        _, holds, facts, self.day = _HEADER.unpack_from(value)
        self.holds = bool(holds)
        count = int.from_bytes(value[8:12], "little")
        at = 12
        for column in self._columns:
            end = at + count * column.itemsize
            column.frombytes(value[at:end])
            at = end
        self._facts = value[at:].split(b"\n") if facts else []

    def _insert(self, place: int, sample: Sample) -> None:
        at = place - (len(self.ms) - len(self._facts))
        for column, cell in zip(self._columns, (*sample[:5], 0), strict=True):
            column.insert(place, cell)
        if at >= 0:
            self._facts.insert(at, sample.fact)
            del self._facts[: -self._most_facts]

    def _delete(self, place: int) -> None:
        at = place - (len(self.ms) - len(self._facts))
        if at >= 0:
            del self._facts[at]
        for column in self._columns:
            del column[place]

    def _older(self) -> tuple["array[int]", "array[int]", "array[float]"]:
        if self._history is None:
            self._history = array("q"), array("Q"), array("d")
            value = self._state.get(b"Y" + self._name) or b""
            width = len(value) // 3
            columns: tuple[array[Any], ...] = self._history
            for number, column in enumerate(columns):
                column.frombytes(value[number * width : (number + 1) * width])
        return self._history

    def _put_into_history(self, sample: Sample) -> int | None:
        slot = self._slot(sample.ms, sample.value)
        rows = list(zip(*self._older(), strict=True))
        known = any(key <= sample.key and self._slot(ms, value) == slot for ms, key, value in rows)
        if known or (len(rows) >= _HISTORY and sample.ms < rows[0][0]):
            return None
        self._write_history([(sample.ms, sample.key, sample.value)])
        return 0

    def _move_to_history(self, count: int) -> None:
        self._write_history(list(zip(self.ms[:count], self.key[:count], self.value[:count], strict=True)))
        for column in self._columns:
            del column[:count]

    def _write_history(self, added: list[tuple[int, int, float]]) -> None:
        best: dict[Hashable, tuple[int, int, float]] = {}
        for row in (*zip(*self._older(), strict=True), *added):
            slot = self._slot(row[0], row[2])
            if slot not in best or row[1] < best[slot][1]:
                best[slot] = row
        rows = sorted(best.values())[-_HISTORY:]
        self._history = (
            array("q", [row[0] for row in rows]),
            array("Q", [row[1] for row in rows]),
            array("d", [row[2] for row in rows]),
        )
        self._state.set(b"Y" + self._name, b"".join(column.tobytes() for column in self._history))
