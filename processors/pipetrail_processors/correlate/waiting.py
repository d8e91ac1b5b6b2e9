"""The queue of what waits for a link: by deadline, in buckets, so that looking costs one read when nothing is due."""

from datetime import datetime, timedelta
from typing import cast

import orjson
from pipetrail_schemas.times import parse_time

from pipetrail_processors.state import State

_INDEX = b"q"
# A wait ends up to this share of its length late; the index stays as short.
_BUCKETS_PER_WAIT = 64


class Waiting:
    """The waits of one partition. All of them last equally long."""

    def __init__(self, wait: timedelta) -> None:
        self._wait_s = wait.total_seconds()
        self._width_s = max(1.0, self._wait_s / _BUCKETS_PER_WAIT)

    def add(self, state: State, recorded: str, repository: str, alias: str) -> None:
        """Let the alias wait, counted from when its event was recorded."""
        deadline = parse_time(recorded).timestamp() + self._wait_s
        bucket = int(deadline // self._width_s) + 1
        index: list[int] = _load(state, _INDEX)
        if bucket not in index:
            state.set(_INDEX, orjson.dumps(sorted([*index, bucket])))
        entries: list[list[str]] = _load(state, _bucket_key(bucket))
        state.set(_bucket_key(bucket), orjson.dumps([*entries, [repository, alias]]))

    def due(self, state: State, now: datetime) -> list[tuple[str, str]]:
        """Take out what has waited long enough, as (repository, alias), in a fixed order."""
        index: list[int] = _load(state, _INDEX)
        current = now.timestamp() // self._width_s
        ended = [bucket for bucket in index if bucket <= current]
        if not ended:
            return []
        found = {(entry[0], entry[1]) for bucket in ended for entry in _load(state, _bucket_key(bucket))}
        for bucket in ended:
            state.delete(_bucket_key(bucket))
        state.set(_INDEX, orjson.dumps(index[len(ended) :]))
        return sorted(found)


def waits(state: State) -> int:
    """How many waits have not ended; one whose link came counts until then, too."""
    index: list[int] = _load(state, _INDEX)
    return sum(len(_load(state, _bucket_key(bucket))) for bucket in index)


def _bucket_key(bucket: int) -> bytes:
    return b"q\0%d" % bucket


def _load(state: State, key: bytes) -> list:  # type: ignore[type-arg]
    value = state.get(key)
    return [] if value is None else cast("list", orjson.loads(value))  # type: ignore[type-arg]
