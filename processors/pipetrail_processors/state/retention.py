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

from pipetrail_processors.state.pages import append, take
from pipetrail_processors.state.state import State

_INDEX = b"E"
# Looks in one go, and a page more at most: some milliseconds, so that events do not wait.
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
    if append(state, _bucket(day), (orjson.dumps(list(entry)) for entry in entries)):
        state.set(_INDEX, orjson.dumps(sorted({*_load_index(state), day})))


def due(state: State, now: datetime, kept: timedelta) -> list[Entry]:
    """Take out some of the nodes whose day is long enough ago; one read when there is none."""
    index = _load_index(state)
    if not index or index[0] >= (now - _EPOCH - kept).days:
        return []
    lines, left = take(state, _bucket(index[0]), _LOOKS)
    if not left:
        state.set(_INDEX, orjson.dumps(index[1:]))
    return [Entry(*orjson.loads(line)) for line in lines]


def is_old(node: dict[str, Any], now: datetime, kept: timedelta) -> bool:
    """Whether nothing has happened to the node for as long as it is kept."""
    return bool(node.get("y", 0) < (now - _EPOCH - kept).days)


def _bucket(day: int) -> bytes:
    return b"E\0%d" % day


def _load_index(state: State) -> list[int]:
    value = state.get(_INDEX)
    return [] if value is None else cast("list[int]", orjson.loads(value))
