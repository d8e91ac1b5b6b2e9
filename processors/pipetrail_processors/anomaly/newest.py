"""The newest samples of a series, one by one, with the facts of the last of them: one value of the state. Pure.

Most samples come in order and are ordinary: then a row is added to the others, and none of those is read. They are decoded into
columns only when more is asked of them than the last one, and encoded anew only when they were altered.
"""

import struct
from array import array
from bisect import bisect_left
from itertools import starmap
from typing import Any, NamedTuple

import orjson

# Version, findings held, facts, samples, samples in the history, day of the latest recording.
_HEADER = struct.Struct("<BBHHHI")
_VERSION = 2
# Of a sample: ms, key, value, told, mark, flag.
_ROW = struct.Struct("<qQdqQb")
_KEY = struct.Struct("<Q")
_MOMENT = struct.Struct("<qQd")
_MOMENTS = struct.Struct("<qQd17x")  # of rows, one after the other
_CODES = ("q", "Q", "d", "q", "Q", "b")
_FLAG_AT = _ROW.size - 1


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


class Columns(NamedTuple):
    """The samples in order of time; `flag`: it was out of the ordinary when it was judged. To be read only."""

    ms: "array[int]"
    key: "array[int]"
    value: "array[float]"
    told: "array[int]"
    mark: "array[int]"
    flag: "array[int]"


class Newest:
    """The newest samples. Facts are kept of the last so many of them."""

    def __init__(self, value: bytes | None, most_facts: int) -> None:
        """Make it from what `packed` gave, None for nothing."""
        self._most_facts = most_facts
        self.holds, self.older, self.day = False, 0, 0
        self._count = self._kept = 0
        self._rows = self._facts = b""
        self._columns: Columns | None = None
        self._altered = False
        if value is not None:
            _, holds, self._kept, self._count, self.older, self.day = _HEADER.unpack_from(value)
            self.holds = bool(holds)
            end = _HEADER.size + self._count * _ROW.size
            self._rows, self._facts = value[_HEADER.size : end], value[end:]

    def __len__(self) -> int:
        """How many samples there are."""
        return self._count

    @property
    def columns(self) -> Columns:
        """All samples, for reading."""
        if self._columns is None:
            cells: Any = list(zip(*_ROW.iter_unpack(self._rows), strict=True)) or [()] * len(_CODES)
            self._columns = Columns(*map(array, _CODES, cells))
        return self._columns

    def at(self, place: int) -> tuple[int, int, float]:
        """Time, key and value of one sample."""
        if self._altered:
            columns = self.columns
            return columns.ms[place], columns.key[place], columns.value[place]
        return _MOMENT.unpack_from(self._rows, place * _ROW.size)

    def before(self, place: int) -> "list[tuple[int, int, float]]":
        """Time, key and value of those before a place."""
        if self._altered:
            columns = self.columns
            return list(zip(columns.ms[:place], columns.key[:place], columns.value[:place], strict=True))
        return list(_MOMENTS.iter_unpack(self._rows[: place * _ROW.size]))

    def append(self, sample: Sample) -> bool:
        """Put a sample after the others; False where it is not certain that it belongs there: see `place_of`."""
        if self._altered or _KEY.pack(sample.key) in self._rows:
            return False  # it, or what looks like it
        if self._count and sample[:2] <= _MOMENT.unpack_from(self._rows, len(self._rows) - _ROW.size)[:2]:
            return False
        self._rows += _ROW.pack(*sample[:5], 0)
        self._columns = None
        self._count += 1
        self._add_fact(sample.fact)
        return True

    def place_of(self, ms: int, key: int) -> int:
        """Where a sample of this time and key belongs."""
        columns = self.columns
        place = bisect_left(columns.ms, ms)
        while place < self._count and (columns.ms[place], columns.key[place]) < (ms, key):
            place += 1
        return place

    def insert(self, place: int, sample: Sample) -> None:
        """Put a sample before the one at the place."""
        at = place - (self._count - self._kept)
        columns: Any = self._alter()
        for column, cell in zip(columns, (*sample[:5], 0), strict=True):
            column.insert(place, cell)
        self._count += 1
        if at >= 0:
            facts = self._all_facts()
            facts.insert(at, sample.fact)
            self._keep(facts[-self._most_facts :])

    def delete(self, place: int) -> None:
        """Remove the sample at the place."""
        at = place - (self._count - self._kept)
        for column in self._alter():
            del column[place]
        self._count -= 1
        if at >= 0:
            facts = self._all_facts()
            del facts[at]
            self._keep(facts)

    def cut(self, count: int) -> list[tuple[int, int, float]]:
        """Remove the first samples. Returns time, key and value of them."""
        cells = self.before(count)
        self._rows = self._encoded()[count * _ROW.size :]
        self._columns = None
        self._count -= count
        return cells

    def is_flagged(self, place: int) -> bool:
        """Whether the sample was out of the ordinary when it was judged."""
        return bool(self.columns.flag[place] if self._altered else self._rows[place * _ROW.size + _FLAG_AT])

    def any_flag(self) -> bool:
        """Whether any sample was out of the ordinary when it was judged."""
        flags = self.columns.flag.tobytes() if self._altered else self._rows[_FLAG_AT :: _ROW.size]
        return bool(flags.strip(b"\0"))

    def flag(self, place: int, *, flagged: bool) -> None:
        """Note whether the sample is out of the ordinary."""
        if self.is_flagged(place) != flagged:
            self._alter().flag[place] = flagged

    def fact(self, place: int) -> dict[str, Any] | None:
        """The fact of a sample, None where it is not kept."""
        at = place - (self._count - self._kept)
        line = self._all_facts()[at] if at >= 0 else b""
        return orjson.loads(line) if line else None

    def packed(self) -> bytes:
        """All of it, as it is kept."""
        header = _HEADER.pack(_VERSION, self.holds, self._kept, self._count, self.older, self.day)
        return b"".join((header, self._encoded(), self._facts))

    def _alter(self) -> Columns:
        columns = self.columns
        self._altered = True
        return columns

    def _encoded(self) -> bytes:
        if self._altered:
            self._rows = b"".join(starmap(_ROW.pack, zip(*self.columns, strict=True)))
            self._altered = False
        return self._rows

    def _add_fact(self, fact: bytes) -> None:
        if not self._kept:
            self._facts = fact
        elif self._kept < self._most_facts:
            self._facts = b"%b\n%b" % (self._facts, fact)
        else:
            self._facts = b"%b\n%b" % (self._facts[self._facts.index(b"\n") + 1 :], fact)
            return
        self._kept += 1

    def _all_facts(self) -> list[bytes]:
        return self._facts.split(b"\n") if self._kept else []

    def _keep(self, facts: list[bytes]) -> None:
        self._facts, self._kept = b"\n".join(facts), len(facts)
