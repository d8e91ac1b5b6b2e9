"""The latest of what comes all day, which almost always nothing is compared with. Pure.

A push to the trunk matters only between two rare events, and hardly any repository has those. So what comes in order of time is
put behind the others without reading them; whoever wants to compare reads them all (`kept`).
"""

from collections.abc import Sequence

import orjson

from pipetrail_processors.watch.kept import ID, TIME, Bounds, Row, is_older

# A row begins with the fact's time.
_TIME_AT = slice(len('["'), len('["2026-11-23T09:00:00.000Z'))


class Passing:
    """Facts in order of time: `rows`, with a tab after each, and `lines`, with the end of the line."""

    def __init__(self, count: int, rows: bytes, lines: bytes) -> None:
        """Make it of so many."""
        self.count = count
        self.rows = rows
        self.lines = lines

    def may_be_followed(self, row: Row, bounds: Bounds) -> bool:
        """Whether a row comes after all of these, of which none is it or too old beside it; there must be any."""
        time, rows = row[TIME], self.rows
        last = rows.rfind(b"\t", 0, -1) + 1
        if rows[last:][_TIME_AT] >= time.encode() or is_older(rows[_TIME_AT].decode(), time, bounds.age.days):
            return False
        return orjson.dumps(row[ID]) not in rows

    def add(self, row: Row, fact: bytes, bounds: Bounds) -> None:
        """Put a fact (JSON) behind the others, and let go of the first of too many."""
        if self.count == bounds.frequent:
            self.rows = self.rows[self.rows.index(b"\t") + 1 :]
            self.lines = self.lines[self.lines.index(b"\n") + 1 :]
            self.count -= 1
        self.rows += orjson.dumps(row) + b"\t"
        self.lines += fact + b"\n"
        self.count += 1

    def is_new(self, commit: str, deployment: str | None) -> bool:
        """Whether none of them is of another deployment of the commit; it may say no where there is none."""
        named = b",%b," % orjson.dumps(commit)
        first = self.rows.find(named)
        if first < 0:
            return True
        # A row ends with the two; most are of a deployment that has begun before.
        return self.rows.count(named, first) == self.rows.count(b"%b%b]\t" % (named, orjson.dumps(deployment)), first)

    def read(self) -> tuple[list[Row], list[bytes]]:
        """Their rows, and the facts as JSON."""
        return orjson.loads(b"[%b]" % self.rows[:-1].replace(b"\t", b",")), self.lines.splitlines()


def written(rows: Sequence[Row], facts: Sequence[bytes]) -> Passing:
    """These facts, each with its row."""
    return Passing(len(rows), b"".join(orjson.dumps(row) + b"\t" for row in rows), b"".join(fact + b"\n" for fact in facts))
