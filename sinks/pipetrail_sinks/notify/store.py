"""The notifier's memory: one SQLite file with what was told, what waits, and what is on its way.

Rules:
- What is taken from Kafka, what follows from it, and the messages to send are one transaction, synced to disk before offsets
  are committed (`transaction`). A message's id is its key here for as long as it is kept, so it is queued once.
- That a message is on its way, or has arrived, is noted without a sync (`begin`, `done`): it survives the death of the program.
  After a power cut a message may be sent once more, with the same id.
- Of one channel's messages only the oldest is on its way: they arrive in order.

One program at a time: the file beside it is locked. Used by several threads; calls are short.
"""

import fcntl
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from pipetrail_sinks.notify.alert import Alert
from pipetrail_sinks.notify.errors import StateError
from pipetrail_sinks.notify.records import Records

_VERSION = 2
# Seconds that a writer waits for another connection of this program.
_BUSY_S = 30.0
_SCHEMA = """
CREATE TABLE conversations (id TEXT PRIMARY KEY, lane TEXT NOT NULL, channel TEXT NOT NULL, step INTEGER NOT NULL,
  name TEXT NOT NULL, begun INTEGER NOT NULL, acknowledged INTEGER NOT NULL, due REAL, digest INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX conversations_due ON conversations (due) WHERE due IS NOT NULL;
CREATE TABLE members (channel TEXT NOT NULL, step INTEGER NOT NULL, finding TEXT NOT NULL, conversation TEXT NOT NULL,
  revision INTEGER NOT NULL, status TEXT NOT NULL, severity TEXT NOT NULL, told TEXT, due REAL, seen REAL NOT NULL, item BLOB,
  PRIMARY KEY (finding, channel, step)) WITHOUT ROWID;
CREATE INDEX members_conversation ON members (conversation);
CREATE TABLE lanes (lane TEXT PRIMARY KEY, sent TEXT NOT NULL, digests INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE overrides (finding TEXT PRIMARY KEY, id TEXT, email TEXT, name TEXT, time REAL NOT NULL, title TEXT NOT NULL)
  WITHOUT ROWID;
CREATE INDEX overrides_id ON overrides (id, time) WHERE id IS NOT NULL;
CREATE INDEX overrides_email ON overrides (email, time, id) WHERE email IS NOT NULL;
CREATE INDEX overrides_name ON overrides (name, time, id, email) WHERE name IS NOT NULL;
CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, channel TEXT NOT NULL,
  conversation TEXT NOT NULL, alert BLOB, state TEXT NOT NULL, began INTEGER NOT NULL DEFAULT 0, mark TEXT, reason TEXT,
  time REAL NOT NULL);
CREATE INDEX outbox_waiting ON outbox (channel, seq) WHERE state = 'waiting';
CREATE TABLE threads (conversation TEXT PRIMARY KEY, receipt TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits for its channel.

    `uncertain`: an earlier attempt may have arrived. `mark`: what the channel noted before that attempt. `thread`: what the
    channel gave back for the conversation's first message.
    """

    seq: int
    alert: Alert
    uncertain: bool
    mark: str | None
    thread: str | None


class Store:
    """The state file, open."""

    def __init__(self, path: Path) -> None:
        """Open it, or make it.

        Raises:
            StateError: it is damaged, of a later version, not to be written, or in use by another notifier.
        """
        self.path = path
        self._lock = threading.Lock()
        self._held = _hold(path)
        try:
            self._synced, self._quick = (_connect(path, mode) for mode in ("FULL", "NORMAL"))
            _prepare(self._synced)
        except (sqlite3.Error, StateError) as exc:
            self._held.close()
            raise StateError(f"the notifier's state {path} cannot be used: {exc}") from exc

    @contextmanager
    def transaction(self) -> Iterator[Records]:
        """All or nothing, on disk when it is left without an exception.

        Raises:
            StateError: the disk is full, or the file is damaged.
        """
        with self._lock, _told(self.path):
            self._synced.execute("BEGIN IMMEDIATE")
            try:
                yield Records(self._synced)
            except BaseException:
                self._synced.execute("ROLLBACK")
                raise
            self._synced.execute("COMMIT")

    def next(self, channel: str) -> Waiting | None:
        """The channel's oldest waiting message."""
        query = (
            "SELECT seq, alert, began, mark, receipt FROM outbox LEFT JOIN threads USING (conversation)"
            " WHERE state = 'waiting' AND channel = ? ORDER BY seq LIMIT 1"
        )
        with self._lock, _told(self.path):
            row = self._quick.execute(query, (channel,)).fetchone()
        if row is None:
            return None
        return Waiting(row[0], Alert.model_validate_json(row[1]), bool(row[2]), row[3], row[4])

    def begin(self, seq: int, mark: str | None) -> None:
        """A message is about to be sent."""
        self._note("UPDATE outbox SET began = 1, mark = ? WHERE seq = ?", mark, seq)

    def did_not_arrive(self, seq: int) -> None:
        """The attempt is known to have failed."""
        self._note("UPDATE outbox SET began = 0, mark = NULL WHERE seq = ?", seq)

    def done(self, waiting: Waiting, receipt: str | None, now: datetime) -> None:
        """A message has arrived; `receipt` is what the channel wants to be told with the next ones of the conversation."""
        if receipt and not waiting.thread:
            keep = "INSERT INTO threads VALUES (?, ?) ON CONFLICT DO NOTHING"
            self._note(keep, waiting.alert.conversation, receipt)
        self._end("sent", waiting.seq, None, now)

    def refuse(self, seq: int, reason: str, now: datetime) -> None:
        """A message will never be taken. It is kept, with the reason."""
        self._end("refused", seq, reason, now)

    def counts(self) -> dict[tuple[str, str], int]:
        """How many messages there are, by channel and state (waiting, sent, refused)."""
        return counts(self.path)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._synced.close()
            self._quick.close()
            self._held.close()

    def _end(self, state: str, seq: int, reason: str | None, now: datetime) -> None:
        # What was refused is kept whole, for whoever looks into it.
        query = "UPDATE outbox SET state = ?1, reason = ?2, time = ?3, alert = iif(?1 = 'sent', NULL, alert) WHERE seq = ?4"
        self._note(query, state, reason, now.timestamp(), seq)

    def _note(self, query: str, *values: object) -> None:
        with self._lock, _told(self.path):
            self._quick.execute(query, values)


def counts(path: Path) -> dict[tuple[str, str], int]:
    """How many messages stand in a state file, which a notifier may be using, by channel and state.

    Raises:
        StateError: it cannot be read.
    """
    query = "SELECT channel, state, count(*) FROM outbox GROUP BY channel, state"
    with _told(path), closing(sqlite3.connect(path, timeout=_BUSY_S)) as connection:
        return {(channel, state): count for channel, state, count in connection.execute(query)}


def _hold(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.with_name(path.name + ".lock").open("a", encoding="utf-8")
    except OSError as exc:
        raise StateError(f"the notifier's state {path} cannot be made: {exc.strerror}") from exc
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        held.close()
        raise StateError(f"another notifier uses the state {path}; give this one another with PIPETRAIL_NOTIFY_STATE") from exc
    return held


def _connect(path: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in {0, _VERSION}:
        raise StateError(f"it is of version {version}, and the one known here is {_VERSION}")
    if version == 0:
        connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as exc:
        raise StateError(f"the notifier's state {path}: {exc}") from exc
