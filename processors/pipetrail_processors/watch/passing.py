"""The latest of what comes all day, a line each, which almost always nothing is compared with. Pure.

A push to the trunk matters only between two rare events, and hardly any repository has those. So what comes in order of time is
put behind the others without reading them; whoever wants to compare reads them all (`kept`).

    line    the row of the fact (`kept`), a tab, the fact
"""

from collections.abc import Sequence

import orjson

from pipetrail_processors.watch.kept import TIME, Bounds, Row, is_older

# A line begins with the fact's time.
_TIME_AT = slice(len('["'), len('["2026-11-23T09:00:00.000Z'))


class Passing:
    """Lines in order of time."""

    def __init__(self, count: int, lines: bytes) -> None:
        """Make it of so many lines, each with its end."""
        self.count = count
        self.lines = lines

    def follow(self, row: Row, fact: bytes, bounds: Bounds) -> bool:
        """Put a fact (JSON) behind the others, and let go of the first of too many.

        Returns:
            False where it may not come last, or where others are too old beside it: then nothing was done.
        """
        if self.count:
            time = row[TIME]
            if is_older(self.lines[_TIME_AT].decode(), time, bounds.age.days):
                return False
            last = self.lines.rindex(b"\n", 0, -1) + 1 if self.count > 1 else 0
            if self.lines[last:][_TIME_AT] >= time.encode():
                return False
            if self.count == bounds.frequent:
                self.lines = self.lines[self.lines.index(b"\n") + 1 :]
                self.count -= 1
        self.lines += b"%b\t%b\n" % (orjson.dumps(row), fact)
        self.count += 1
        return True

    def is_new(self, commit: str, deployment: str | None) -> bool:
        """Whether none of them is of another deployment of the commit; it may say no where there is none."""
        named = orjson.dumps(commit)
        # A row ends with the two.
        return self.lines.count(b",%b," % named) == self.lines.count(b",%b,%b]\t" % (named, orjson.dumps(deployment)))

    def read(self) -> tuple[list[Row], list[bytes]]:
        """Their rows, and the facts as JSON."""
        parts = [line.split(b"\t", 1) for line in self.lines.splitlines()]
        return orjson.loads(b"[%b]" % b",".join(row for row, _ in parts)), [fact for _, fact in parts]


def written(rows: Sequence[Row], facts: Sequence[bytes]) -> Passing:
    """These facts, each with its row."""
    lines = (b"%b\t%b\n" % (orjson.dumps(row), fact) for row, fact in zip(rows, facts, strict=True))
    return Passing(len(rows), b"".join(lines))
