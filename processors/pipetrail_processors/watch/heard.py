"""When somebody was last heard: what is kept of it for each source of a repository (`silence`). Pure."""

from datetime import date
from typing import Any

import orjson

from pipetrail_processors.state.state import State

TO_THE_HOUR = len("2026-11-23T09")
_DATE = len("2026-11-23")
# More days than this are not needed to know the longest pause.
_MOST_DAYS = 40

Heard = dict[str, Any]


class Book:
    """Who tells of a repository, and when each was heard; by source."""

    def __init__(self, state: State, key: bytes) -> None:
        """Read it."""
        self._state = state
        self._key = key
        self.heard: dict[str, Heard] = orjson.loads(state.get(key) or b"{}")

    def save(self) -> None:
        """Write it."""
        self._state.set(self._key, orjson.dumps(self.heard))


def note(heard: Heard, time: str, event_id: str) -> bool:
    """Bring up to date what is known of somebody. Returns whether there is anything new."""
    hour, new = time[:TO_THE_HOUR], False
    if hour != heard["t"]:  # else the day is known
        day, days = _day_of(time), heard["d"]
        if day not in days and (len(days) < _MOST_DAYS or day > days[0]):
            heard["d"] = sorted([*days, day])[-_MOST_DAYS:]
            new = True
    if (hour, heard["e"]) > (heard["t"], event_id):
        heard["t"], heard["e"] = hour, event_id
        new = True
    return new


def _day_of(time: str) -> int:
    return date.fromisoformat(time[:_DATE]).toordinal()
