"""What bounds the state by time: nodes that nothing has happened to for long leave it. Their documents stay in the index.

Each node has the day of the latest recording that changed it (`y`) and stands in the queue of a day: the one of its making, or
of its last look. When that day is long enough ago the node is looked at: it goes if it is old, and queues anew if it is not. So
a node costs one small entry in its life, not one an event. Who is late by more than the retention begins a new trail, whose
document the index refuses as older than the one it has.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

import orjson

from pipetrail_processors.state import State

_INDEX = b"E"
# Looks in one go: some milliseconds, so that events do not wait.
_LOOKS = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Entry(NamedTuple):
    """A node that is to be looked at."""

    repository: str
    key: str


def day_of(time: str) -> int:
    """The day of a canonical time, counted from 1970."""
    return (datetime.fromisoformat(time) - _EPOCH).days


def enqueue(state: State, day: int, entries: Iterable[Entry]) -> None:
    """Put nodes into the queue of a day."""
    key = _bucket(day)
    value = state.get(key)
    count = int(value or 0)
    if value is None:
        index = _load_index(state)
        state.set(_INDEX, orjson.dumps(sorted([*index, day])))
    for entry in entries:
        state.set(b"%b\0%d" % (key, count), orjson.dumps(list(entry)))
        count += 1
    state.set(key, b"%d" % count)


def due(state: State, now: datetime, kept: timedelta) -> list[Entry]:
    """Take out some of the nodes whose day is long enough ago; one read when there is none."""
    index = _load_index(state)
    if not index or index[0] >= (now - _EPOCH - kept).days:
        return []
    key = _bucket(index[0])
    count = int(state.get(key) or 0)
    left = max(0, count - _LOOKS)
    entries = []
    for number in range(left, count):
        name = b"%b\0%d" % (key, number)
        entries.append(Entry(*orjson.loads(state.get(name) or b'["",""]')))
        state.delete(name)
    if left:
        state.set(key, b"%d" % left)
    else:
        state.delete(key)
        state.set(_INDEX, orjson.dumps(index[1:]))
    return entries


def is_old(node: dict[str, Any], now: datetime, kept: timedelta) -> bool:
    """Whether nothing has happened to the node for as long as it is kept."""
    return bool(node.get("y", 0) < (now - _EPOCH - kept).days)


def _bucket(day: int) -> bytes:
    return b"E\0%d" % day


def _load_index(state: State) -> list[int]:
    value = state.get(_INDEX)
    return [] if value is None else cast("list[int]", orjson.loads(value))
