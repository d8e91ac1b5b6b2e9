"""The window of a repository's commit graph: the parents and the time of each recorded commit, and who waits for one.

A key a commit, in binary: one small write however many there are. Who needs a commit that is not recorded yet waits under
its id (`Wants`), so that its coming can be acted upon. Wants stay, since what they led to must be told again with the commit.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from pipetrail_processors.state.state import State

# By event id: what the deployment waits for. See `streams`.
Wants = dict[str, list[Any]]

# Hexadecimal digits of SHA-1 and SHA-256: other lengths are no commits of git.
_ID_LENGTHS = frozenset({40, 64})
# Milliseconds since the year 1 fit into so many bytes up to the year 9999.
_TIME_BYTES = 6
_EPOCH_MS = -int(datetime(1, 1, 1, tzinfo=UTC).timestamp() * 1000)


class Commit(NamedTuple):
    """What the graph holds of one commit."""

    time: int  # milliseconds since the year 1: when it was committed, as it claims
    parents: tuple[str, ...]


class CommitGraph:
    """The graph of one repository in the state."""

    def __init__(self, state: State, repository: str) -> None:
        self._state = state
        self._commits = b"p\0" + repository.encode() + b"\0"
        self._wants = b"w\0" + repository.encode() + b"\0"

    def put(self, commit: str, time: str, parents: Sequence[str] | None) -> None:
        """Keep a commit. Parents None: they are not known, and it stays unknown where it stands in the graph."""
        if parents is None or len(commit) not in _ID_LENGTHS:
            return
        ids = b"".join(bytes.fromhex(parent) for parent in parents if len(parent) == len(commit))
        self._state.set(self._commits + bytes.fromhex(commit), milliseconds(time).to_bytes(_TIME_BYTES) + ids)

    def get(self, commit: str) -> Commit | None:
        """The commit, None where it is not recorded."""
        if len(commit) not in _ID_LENGTHS:
            return None
        value = self._state.get(self._commits + bytes.fromhex(commit))
        if value is None:
            return None
        width = len(commit) // 2
        starts = range(_TIME_BYTES, len(value), width)
        return Commit(int.from_bytes(value[:_TIME_BYTES]), tuple(value[start : start + width].hex() for start in starts))

    def wants(self, commit: str) -> Wants:
        """Which deployments wait for the commit, or did."""
        value = self._state.get(self._wants + commit.encode())
        wants: Wants = {} if value is None else orjson.loads(value)
        return wants

    def set_wants(self, commit: str, wants: Wants) -> None:
        """Write who waits for the commit."""
        self._state.set(self._wants + commit.encode(), orjson.dumps(wants))

    def forget(self, commit: str) -> None:
        """Remove a commit, and who waits for it."""
        if len(commit) in _ID_LENGTHS:
            self._state.delete(self._commits + bytes.fromhex(commit))
        self._state.delete(self._wants + commit.encode())


def milliseconds(time: str) -> int:
    """Milliseconds since the year 1 of a canonical time."""
    return int(datetime.fromisoformat(time).timestamp() * 1000) + _EPOCH_MS
