"""The facts of a dossier, in order of time: a line each, which is read only where the fact itself is asked for. Pure.

What quick looks need of all of them stands before the lines, a row each. So an event that concerns no rule costs little.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from pipetrail_schemas.times import format_time, parse_time

from pipetrail_processors.trail.fact import Fact

# The places of a row. Rows are in order of time; those of the same millisecond in order of their ids.
TIME, ID, KIND, _RECORDED, _HASH, _COMMIT, _DEPLOYMENT = range(7)
_DATE = len("2026-11-23")

Row = list[Any]


class Bounds(NamedTuple):
    """How much is kept: so many facts, so many of types that come all day, none older than this before the newest."""

    facts: int
    frequent: int
    age: timedelta


# What comes all day must not drive out what comes once a year and is compared with it.
_FREQUENT = frozenset({"push.received", "change.merged", "deployment.started", "deployment.finished"})


class Kept:
    """The facts that are kept."""

    def __init__(self, rows: list[Row], lines: Sequence[bytes]) -> None:
        """Make it of what `rows` and `lines` gave."""
        self.rows = rows
        # Each as its line until it is read.
        self._facts: list[bytes | Fact] = list(lines)

    def facts(self) -> list[Fact]:
        """All of them."""
        read = [orjson.loads(one) if isinstance(one, bytes) else one for one in self._facts]
        self._facts = list(read)
        return read

    def lines(self) -> list[bytes]:
        """All of them, as they are kept."""
        return [one if isinstance(one, bytes) else orjson.dumps(one) for one in self._facts]

    def kinds(self) -> set[str]:
        """The types of their events."""
        return {row[KIND] for row in self.rows}

    def ids(self) -> set[str]:
        """The ids of their events."""
        return {row[ID] for row in self.rows}

    def outlines(self) -> list[Fact]:
        """Of each the commit and the deployment, where it has them: what `fields.GATES` look at."""
        return [{"o": row[_COMMIT], "d": row[_DEPLOYMENT]} for row in self.rows if row[_COMMIT] and row[_DEPLOYMENT]]

    def latest_recording(self) -> str:
        """When the latest of them was recorded; "" where there are none."""
        return max((row[_RECORDED] for row in self.rows), default="")

    def put(self, fact: Fact) -> bool:
        """Take in a fact, unless another version of it stands (`fact.stands`). Returns whether one had been there before."""
        entry = fact["e"]
        row = [entry["time"], entry["event_id"], entry["type"], fact["r"], fact["h"], fact.get("o"), fact.get("d")]
        ids = [one[ID] for one in self.rows]
        known = row[ID] in ids
        if known:
            place = ids.index(row[ID])
            if self.rows[place][_RECORDED : _HASH + 1] <= row[_RECORDED : _HASH + 1]:
                return True
            del self.rows[place], self._facts[place]
        place = bisect_left(self.rows, row[: ID + 1])
        self.rows.insert(place, row)
        self._facts.insert(place, fact)
        return known

    def remove(self, gone: Collection[str]) -> None:
        """Let go of the facts of these events."""
        stay = [at for at, row in enumerate(self.rows) if row[ID] not in gone]
        self.rows = [self.rows[at] for at in stay]
        self._facts = [self._facts[at] for at in stay]

    def beyond(self, bounds: Bounds) -> list[Row]:
        """Those that are too old or too many."""
        rows = self.rows
        oldest = _oldest(rows[0][TIME], rows[-1][TIME], bounds.age)
        gone = [row for row in rows if row[TIME] < oldest] if oldest else []
        if len(rows) <= min(bounds.facts, bounds.frequent):
            return gone
        young = rows[len(gone) :]
        frequent = [row for row in young if row[KIND] in _FREQUENT]
        if len(frequent) > bounds.frequent:
            gone += frequent[: -bounds.frequent]
        if len(young) - len(frequent) > bounds.facts:
            gone += [row for row in young if row[KIND] not in _FREQUENT][: -bounds.facts]
        return gone


def _oldest(first: str, last: str, age: timedelta) -> str:
    """From when on facts are kept; "" where even the first one is young enough for sure, which is to be told quickly."""
    if first[:_DATE] > _days_before(last[:_DATE], age.days):
        return ""
    oldest = format_time(parse_time(last) - age)
    return oldest if first < oldest else ""


@lru_cache(maxsize=1024)
def _days_before(day: str, days: int) -> str:
    return (date.fromisoformat(day) - timedelta(days=days)).isoformat()
