"""The facts of a dossier, in order of time: a line each, which is read only where the fact itself is asked for. Pure.

What quick looks need of all of them stands before the lines, a row each. So an event that concerns no rule costs little.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from pipetrail_schemas.times import format_time, parse_time

from pipetrail_processors.trail.fact import Fact

# The places of a row. Rows are in order of time; those of the same millisecond in order of their ids.
TIME, ID, KIND, _RECORDED, _HASH, COMMIT, DEPLOYMENT = range(7)
_DATE = len("2026-11-23")

Row = list[Any]


class Bounds(NamedTuple):
    """How much is kept: so many facts, so many of types that come all day, none older than this before the newest (`_newest`).

    Of what comes all day the first of a type after each rare fact is kept as long as that one: it is what rules compare.
    """

    facts: int
    frequent: int
    age: timedelta


# What comes all day must not drive out what comes once a year and is compared with it.
FREQUENT = frozenset({"push.received", "change.merged", "deployment.started", "deployment.finished"})


class Kept:
    """The facts that are kept."""

    def __init__(self, rows: list[Row], lines: Sequence[bytes]) -> None:
        """Make it of what `rows` and `lines` gave."""
        self.rows = rows
        self.lines = list(lines)
        # Read when they are asked for.
        self._facts: list[Fact] | None = None

    def facts(self) -> list[Fact]:
        """All of them."""
        if self._facts is None:
            self._facts = [orjson.loads(line) for line in self.lines]
        return self._facts

    def of(self, events: Collection[str]) -> list[Fact]:
        """Those of some events."""
        return [orjson.loads(line) for row, line in zip(self.rows, self.lines, strict=True) if row[ID] in events]

    def kinds(self) -> set[str]:
        """The types of their events."""
        return {row[KIND] for row in self.rows}

    def ids(self) -> set[str]:
        """The ids of their events."""
        return {row[ID] for row in self.rows}

    def outlines(self) -> list[Fact]:
        """Of each the commit and the deployment, where it has them: what `fields.GATES` look at."""
        return [{"o": row[COMMIT], "d": row[DEPLOYMENT]} for row in self.rows if row[COMMIT] and row[DEPLOYMENT]]

    def put(self, fact: Fact) -> bool:
        """Take in a fact, unless another version of it stands (`fact.stands`). Returns whether one had been there before."""
        row = row_of(fact)
        ids = [one[ID] for one in self.rows]
        known = row[ID] in ids
        if known:
            place = ids.index(row[ID])
            if self.rows[place][_RECORDED : _HASH + 1] <= row[_RECORDED : _HASH + 1]:
                return True
            del self.rows[place], self.lines[place]
        place = bisect_left(self.rows, row[: ID + 1])
        self.rows.insert(place, row)
        self.lines.insert(place, orjson.dumps(fact))
        self._facts = None
        return known

    def remove(self, gone: Collection[str]) -> None:
        """Let go of the facts of these events."""
        stay = [at for at, row in enumerate(self.rows) if row[ID] not in gone]
        self.rows = [self.rows[at] for at in stay]
        self.lines = [self.lines[at] for at in stay]
        self._facts = None

    def beyond(self, bounds: Bounds) -> list[Row]:
        """Those that are too old or too many."""
        rows = self.rows
        oldest = _oldest(rows[0][TIME], _newest(rows), bounds.age)
        gone = [row for row in rows if row[TIME] < oldest] if oldest else []
        if len(rows) <= min(bounds.facts, bounds.frequent):
            return gone
        young = rows[len(gone) :]
        rare = [row for row in young if row[KIND] not in FREQUENT]
        if len(rare) > bounds.facts:
            gone += rare[: -bounds.facts]
            dropped = {row[ID] for row in rare[: -bounds.facts]}
            young = [row for row in young if row[ID] not in dropped]
        passing = [row for row, pinned in _pinned(young) if not pinned]
        return gone + passing[: max(0, len(passing) - bounds.frequent)]

    def parted(self) -> tuple["Kept", "Kept"]:
        """Those that are rare, or compared with what is; and those that pass by."""
        stays: tuple[list[Row], list[bytes]] = ([], [])
        passes: tuple[list[Row], list[bytes]] = ([], [])
        for (row, pinned), line in zip(_pinned(self.rows), self.lines, strict=True):
            rows, lines = stays if pinned else passes
            rows.append(row)
            lines.append(line)
        return Kept(*stays), Kept(*passes)


def row_of(fact: Fact) -> Row:
    """The row of a fact."""
    entry = fact["e"]
    return [entry["time"], entry["event_id"], entry["type"], fact["r"], fact["h"], fact.get("o"), fact.get("d")]


def merged(rows: list[Row], lines: list[bytes], others: list[Row], other_lines: list[bytes]) -> Kept:
    """Those of two, in order of time."""
    if rows and others:
        both = sorted(zip([*rows, *others], [*lines, *other_lines], strict=True), key=lambda pair: pair[0][: ID + 1])
        return Kept([row for row, _ in both], [line for _, line in both])
    return Kept([*rows, *others], [*lines, *other_lines])


def latest_recording(rows: Iterable[Row]) -> str:
    """When the latest of them was recorded; "" where there are none."""
    return max((row[_RECORDED] for row in rows), default="")


def follows(row: Row, rows: Sequence[Row], bounds: Bounds) -> bool:
    """Whether a row comes after all of these, of which none is it or too old beside it."""
    if rows[-1][TIME] >= row[TIME] or is_older(rows[0][TIME], row[TIME], bounds.age.days):
        return False
    return row[ID] not in [other[ID] for other in rows]


def is_first(row: Row, rows: Sequence[Row]) -> bool:
    """Whether a row of what comes all day is the first of its type after the last that is rare; they come before it."""
    for other in reversed(rows):
        if other[KIND] not in FREQUENT:
            return True
        if other[KIND] == row[KIND]:
            return False
    return False


def is_older(time: str, last: str, days: int) -> bool:
    """Whether a time may be so many days before another one; told quickly, by their dates."""
    day, last_day = time[:_DATE], last[:_DATE]
    return days == 0 if day == last_day else day <= _days_before(last_day, days)


def _pinned(rows: Iterable[Row]) -> Iterator[tuple[Row, bool]]:
    """Each row, and whether it is to stay: it is rare, or the first of its type after a rare one."""
    seen: set[str] | None = None
    for row in rows:
        if row[KIND] not in FREQUENT:
            seen = set()
            yield row, True
        else:
            yield row, seen is not None and row[KIND] not in seen
            if seen is not None:
                seen.add(row[KIND])


def _newest(rows: Sequence[Row]) -> str:
    """How late it is, by the rows: none tells more than when it was recorded.

    A date to come, set by mistake or to that end, would drive out all that is kept, and what is kept no more is not judged.
    """
    last = rows[-1]
    if last[TIME] <= last[_RECORDED]:
        return str(last[TIME])
    return max(str(min(row[TIME], row[_RECORDED])) for row in rows)


def _oldest(first: str, last: str, age: timedelta) -> str:
    """From when on facts are kept; "" where even the first one is young enough for sure, which is to be told quickly."""
    if not is_older(first, last, age.days):
        return ""
    oldest = format_time(parse_time(last) - age)
    return oldest if first < oldest else ""


@lru_cache(maxsize=1024)
def _days_before(day: str, days: int) -> str:
    return (date.fromisoformat(day) - timedelta(days=days)).isoformat()
