"""The newest samples of a series, one by one, with the facts of the last of them: one value of the state. Pure.

Most samples come in order and are ordinary: then a key and a row are added to the others, and none of those is read. They are
decoded into columns only when more is asked of them than the last one, and encoded anew only when they were altered. Keys stand
together, apart from the rows, so that whether there is one is quickly seen.
"""

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import starmap
from typing import Any, NamedTuple

import orjson

# Version, findings held, facts, samples, samples in the history, day of the latest recording.
HEADER = struct.Struct("<BBHHHI")
VERSION = 3
# Of a sample: its key, and its row of ms, value, told, mark and flag.
KEY = struct.Struct("<Q")
ROW = struct.Struct("<qdqQb")
MS = struct.Struct("<q")  # the first of a row
_MOMENT = struct.Struct("<qd")
_MOMENTS = struct.Struct("<qd17x")  # of rows, one after the other
_KEY_SIZE, _ROW_SIZE = KEY.size, ROW.size
_FLAG_AT = _ROW_SIZE - 1


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

    __slots__ = (
        "_added",
        "_altered",
        "_columns",
        "_count",
        "_facts_at",
        "_kept",
        "_keys",
        "_most_facts",
        "_rows",
        "_value",
        "day",
        "holds",
        "older",
    )

    def __init__(self, value: bytes | None, most_facts: int) -> None:
        """Make it from what `packed` gave, None for nothing."""
        self._most_facts = most_facts
        self._columns: Columns | None = None
        self._altered = False
        # Facts: so many in what was read, from a place on, each before a line feed; and those that were added.
        self._value, self._facts_at, self._kept = value or b"", 0, 0
        self._added: list[bytes] = []
        if value is None:
            self.holds, self.older, self.day = False, 0, 0
            self._count = 0
            self._keys = self._rows = b""
            return
        _, holds, self._kept, self._count, self.older, self.day = HEADER.unpack_from(value)
        self.holds = holds == 1
        rows = HEADER.size + self._count * _KEY_SIZE
        self._facts_at = rows + self._count * _ROW_SIZE
        self._keys, self._rows = value[HEADER.size : rows], value[rows : self._facts_at]

    def __len__(self) -> int:
        """How many samples there are."""
        return self._count

    @property
    def columns(self) -> Columns:
        """All samples, for reading."""
        if self._columns is None:
            keys = struct.unpack(f"<{self._count}Q", self._keys)
            ms, value, told, mark, flag = zip(*ROW.iter_unpack(self._rows), strict=True) if keys else [()] * 5
            columns = array("q", ms), array("Q", keys), array("d", value), array("q", told), array("Q", mark), array("b", flag)
            self._columns = Columns(*columns)
        return self._columns

    def at(self, place: int) -> tuple[int, float]:
        """Time and value of one sample."""
        if self._altered:
            columns = self.columns
            return columns.ms[place], columns.value[place]
        return _MOMENT.unpack_from(self._rows, place * _ROW_SIZE)

    def key_at(self, place: int) -> int:
        """The key of one sample."""
        if self._altered:
            return self.columns.key[place]
        key: int = KEY.unpack_from(self._keys, place * _KEY_SIZE)[0]
        return key

    def before(self, place: int) -> list[tuple[int, int, float]]:
        """Time, key and value of those before a place."""
        if self._altered:
            columns = self.columns
            return list(zip(columns.ms[:place], columns.key[:place], columns.value[:place], strict=True))
        keys = struct.unpack_from(f"<{place}Q", self._keys)
        moments = _MOMENTS.iter_unpack(self._rows[: place * _ROW_SIZE])
        return [(ms, key, value) for key, (ms, value) in zip(keys, moments, strict=True)]

    def back(self, place: int) -> Iterator[tuple[int, float]]:
        """Time and value of those before a place, the latest first; what is not asked for is not read."""
        return map(self.at, range(place - 1, -1, -1))

    def append(self, sample: Sample) -> int | None:
        """Put a sample after the others. Returns its place; None where it is not certain that it is the last (`place_of`)."""
        ms, number, value, told, mark, fact = sample
        key = KEY.pack(number)
        place = self._count
        if self._altered or key in self._keys:
            return None  # it, or what looks like it, may be there
        if place and ms <= MS.unpack_from(self._rows, (place - 1) * _ROW_SIZE)[0]:
            return None
        self._keys += key
        self._rows += ROW.pack(ms, value, told, mark, 0)
        self._columns = None
        self._added.append(fact)
        self._count += 1
        return place

    def place_of(self, ms: int, key: int) -> int:
        """Where a sample of this time and key belongs."""
        columns = self.columns
        place = bisect_left(columns.ms, ms)
        while place < self._count and (columns.ms[place], columns.key[place]) < (ms, key):
            place += 1
        return place

    def insert(self, place: int, sample: Sample) -> None:
        """Put a sample before the one at the place."""
        facts = self._all_facts()
        at = place - (self._count - len(facts))
        columns: Any = self._alter()
        for column, cell in zip(columns, (*sample[:5], 0), strict=True):
            column.insert(place, cell)
        self._count += 1
        if at >= 0:
            facts.insert(at, sample.fact)
            self._keep(facts[-self._most_facts :])

    def delete(self, place: int) -> None:
        """Remove the sample at the place."""
        facts = self._all_facts()
        at = place - (self._count - len(facts))
        for column in self._alter():
            del column[place]
        self._count -= 1
        if at >= 0:
            del facts[at]
            self._keep(facts)

    def cut(self, count: int) -> list[tuple[int, int, float]]:
        """Remove the first samples. Returns time, key and value of them."""
        cells = self.before(count)
        self._encode()
        self._keys, self._rows = self._keys[count * _KEY_SIZE :], self._rows[count * _ROW_SIZE :]
        self._columns = None
        self._count -= count
        return cells

    def is_flagged(self, place: int) -> bool:
        """Whether the sample was out of the ordinary when it was judged."""
        return bool(self.columns.flag[place] if self._altered else self._rows[place * _ROW_SIZE + _FLAG_AT])

    def any_flag(self) -> bool:
        """Whether any sample was out of the ordinary when it was judged."""
        flags = self.columns.flag.tobytes() if self._altered else self._rows[_FLAG_AT::_ROW_SIZE]
        return bool(flags.strip(b"\0"))

    def flag(self, place: int, *, flagged: bool) -> None:
        """Note whether the sample is out of the ordinary."""
        if self.is_flagged(place) != flagged:
            self._alter().flag[place] = flagged

    def fact(self, place: int) -> dict[str, Any] | None:
        """The fact of a sample, None where it is not kept."""
        facts = self._all_facts()
        at = place - (self._count - len(facts))
        line = facts[at] if at >= 0 else b""
        return orjson.loads(line) if line else None

    def packed(self) -> bytes:
        """All of it, as it is kept."""
        self._encode()
        self._bound_facts()
        facts = self._kept + len(self._added)
        header = HEADER.pack(VERSION, self.holds, facts, self._count, self.older, self.day)
        kept, added = self._value[self._facts_at :], b"\n".join((*self._added, b""))
        return b"".join((header, self._keys, self._rows, kept, added))

    def _alter(self) -> Columns:
        columns = self.columns
        self._altered = True
        return columns

    def _encode(self) -> None:
        if self._altered:
            columns = self.columns
            self._keys = struct.pack(f"<{self._count}Q", *columns.key)
            rows = zip(columns.ms, columns.value, columns.told, columns.mark, columns.flag, strict=True)
            self._rows = b"".join(starmap(ROW.pack, rows))
            self._altered = False

    def _all_facts(self) -> list[bytes]:
        self._bound_facts()
        return [*self._value[self._facts_at :].split(b"\n")[: self._kept], *self._added]

    def _bound_facts(self) -> None:
        """Let the first facts go where there are too many."""
        too_many = self._kept + len(self._added) - self._most_facts
        for _ in range(min(too_many, self._kept)):
            self._facts_at = self._value.index(b"\n", self._facts_at) + 1
            self._kept -= 1
        del self._added[: -self._most_facts]

    def _keep(self, facts: list[bytes]) -> None:
        self._value, self._facts_at, self._kept, self._added = b"", 0, 0, facts
