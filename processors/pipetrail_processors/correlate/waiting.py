"""The queue of what waits for a link: by deadline, in buckets, so that looking costs one or two reads when nothing is due.

A backlog may span months in which no wait can end, and an import may make all of its waits at once: buckets are found through
eras, and stand in pages. How many wait is kept beside them.
"""

from datetime import datetime, timedelta
from typing import cast

import orjson
from pipetrail_schemas.times import parse_time

from pipetrail_processors.state.pages import append, take
from pipetrail_processors.state.state import State

_WAITS = b"q"
_COUNT = b"#waits"
# A wait ends up to this share of its length late; the index stays as short.
_BUCKETS_PER_WAIT = 64
_BUCKETS_PER_ERA = 256
# Waits that end in one go, and a page more at most: some hundred milliseconds, so that events do not wait.
_ENDS = 200


class Waiting:
    """The waits of one partition. All of them last equally long."""

    def __init__(self, wait: timedelta, queue: bytes = _WAITS) -> None:
        """Make it; another `queue` is for what waits for something else, and is not counted as `waits`."""
        self._wait_s = wait.total_seconds()
        self._width_s = max(1.0, self._wait_s / _BUCKETS_PER_WAIT)
        self._index = queue

    def add(self, state: State, recorded: str, repository: str, alias: str) -> None:
        """Let the alias wait, counted from when its event was recorded."""
        self.add_until(state, parse_time(recorded).timestamp() + self._wait_s, repository, alias)

    def add_until(self, state: State, deadline: float, repository: str, alias: str) -> None:
        """Let the alias wait until then, in seconds since 1970."""
        bucket = int(deadline // self._width_s) + 1
        era = bucket // _BUCKETS_PER_ERA
        buckets = _load(state, self._era_key(era))
        if bucket not in buckets:
            if not buckets:
                state.set(self._index, orjson.dumps(sorted({*_load(state, self._index), era})))
            state.set(self._era_key(era), orjson.dumps(sorted([*buckets, bucket])))
        append(state, self._bucket_key(bucket), [orjson.dumps([repository, alias])])
        self._count(state, 1)

    def due(self, state: State, now: datetime) -> list[tuple[str, str]]:
        """Take out some of what has waited long enough, as (repository, alias), in order; nothing when there is none."""
        index = _load(state, self._index)
        current = now.timestamp() // self._width_s
        lines: list[bytes] = []
        while index and len(lines) < _ENDS:
            era = index[0]
            buckets = _load(state, self._era_key(era))
            if buckets[0] > current:
                break
            taken, left = take(state, self._bucket_key(buckets[0]), _ENDS - len(lines))
            lines += taken
            if left:
                break
            if buckets[1:]:
                state.set(self._era_key(era), orjson.dumps(buckets[1:]))
            else:
                state.delete(self._era_key(era))
                index = index[1:]
                state.set(self._index, orjson.dumps(index))
        if lines:
            self._count(state, -len(lines))
        return sorted({(entry[0], entry[1]) for entry in map(orjson.loads, lines)})

    def _count(self, state: State, change: int) -> None:
        if self._index == _WAITS:
            state.set(_COUNT, b"%d" % (waits(state) + change))

    def _era_key(self, era: int) -> bytes:
        return b"%b\0e%d" % (self._index, era)

    def _bucket_key(self, bucket: int) -> bytes:
        return b"%b\0%d" % (self._index, bucket)


def waits(state: State) -> int:
    """How many waits have not ended; one whose link came counts until then, too."""
    return int(state.get(_COUNT) or 0)


def _load(state: State, key: bytes) -> list[int]:
    value = state.get(key)
    return [] if value is None else cast("list[int]", orjson.loads(value))
