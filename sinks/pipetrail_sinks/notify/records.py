"""What stands in the notifier's memory, read and written within one transaction of the store.

It knows tables and rows; what follows from them is decided elsewhere.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pipetrail_sinks.notify.alert import Alert, Doer, Item, Override
from pipetrail_sinks.notify.conversation import Conversation, Member

# Earlier overrides that a message names; it counts the others.
_LATEST = 3
# How far back an actor's overrides are counted.
OVERRIDES_SPAN = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding is a member: which conversation, on which lane's behalf."""

    channel: str
    step: int
    conversation: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A conversation as it is kept: its id, its lane's key, channel and step, what its group is called, if it is a digest."""

    id: str
    lane: str
    channel: str
    step: int
    name: str
    state: Conversation = field(default_factory=Conversation)
    digest: bool = False


@dataclass(frozen=True, slots=True)
class Traffic:
    """When a lane's latest messages went, and how many digests it had."""

    sent: tuple[datetime, ...] = ()
    digests: int = 0


class Records:
    """The rows, for as long as a transaction lasts."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def places(self, finding: str) -> list[Place]:
        """Where a finding is a member already."""
        rows = self._db.execute("SELECT channel, step, conversation FROM members WHERE finding = ?", (finding,))
        return [Place(*row) for row in rows]

    def conversation(self, conversation: str) -> Kept | None:
        """A conversation with its members."""
        row = self._db.execute(
            "SELECT lane, channel, step, name, begun, acknowledged, digest FROM conversations WHERE id = ?", (conversation,)
        ).fetchone()
        if row is None:
            return None
        members = {
            finding: Member(finding, revision, status, severity, told, _moment(due))
            for finding, revision, status, severity, told, due in self._db.execute(
                "SELECT finding, revision, status, severity, told, due FROM members WHERE conversation = ?", (conversation,)
            )
        }
        state = Conversation(members, bool(row[4]), bool(row[5]))
        return Kept(conversation, row[0], row[1], row[2], row[3], state, bool(row[6]))

    def due(self, now: datetime) -> list[str]:
        """The conversations that have something to tell by now, in the order in which it fell due."""
        query = "SELECT id FROM conversations WHERE due <= ? ORDER BY due, id"
        return [row[0] for row in self._db.execute(query, (now.timestamp(),))]

    def next_due(self) -> datetime | None:
        """When the next conversation has something to tell."""
        row = self._db.execute("SELECT min(due) FROM conversations WHERE due IS NOT NULL").fetchone()
        return _moment(row[0])

    def waiting_lanes(self) -> list[tuple[str, str]]:
        """(conversation, lane) of all that have something to tell some time."""
        return list(self._db.execute("SELECT id, lane FROM conversations WHERE due IS NOT NULL ORDER BY due, id"))

    def keep(self, kept: Kept, state: Conversation, now: datetime, item: Item | None = None) -> None:
        """Write down what a conversation has become; `item` is what is new of one of its findings."""
        self._db.execute(
            "INSERT INTO conversations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET lane = excluded.lane,"
            " begun = excluded.begun, acknowledged = excluded.acknowledged, due = excluded.due",
            (
                *(kept.id, kept.lane, kept.channel, kept.step, kept.name),
                *(state.begun, state.acknowledged, _seconds(state.due), kept.digest),
            ),
        )
        changed = [one for name, one in state.members.items() if kept.state.members.get(name) is not one]
        self._db.executemany(
            "INSERT INTO members (finding, channel, step, conversation, revision, status, severity, told, due, seen)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (finding, channel, step) DO UPDATE SET"
            " conversation = excluded.conversation, revision = excluded.revision, status = excluded.status,"
            " severity = excluded.severity, told = excluded.told, due = excluded.due",
            [
                (
                    *(one.finding, kept.channel, kept.step, kept.id, one.revision, one.status, one.severity, one.told),
                    *(_seconds(one.due), now.timestamp()),
                )
                for one in changed
            ],
        )
        if item is not None:
            self._db.execute(
                "UPDATE members SET item = ? WHERE finding = ? AND channel = ? AND step = ?",
                (item.model_dump_json(), item.finding, kept.channel, kept.step),
            )

    def remove(self, kept: Kept, findings: Sequence[str]) -> None:
        """Take findings out of a conversation, as if they had never been seen there; nothing of it is due then."""
        for finding in findings:
            self._db.execute("DELETE FROM members WHERE conversation = ? AND finding = ?", (kept.id, finding))
        self._db.execute("UPDATE conversations SET due = NULL WHERE id = ?", (kept.id,))

    def items(self, conversation: str, findings: Sequence[str]) -> list[Item]:
        """What a conversation's findings say, in the order asked for."""
        query = "SELECT item FROM members WHERE conversation = ? AND finding = ? AND item IS NOT NULL"
        rows = [self._db.execute(query, (conversation, finding)).fetchone() for finding in findings]
        return [Item.model_validate_json(row[0]) for row in rows if row]

    def traffic(self, lane: str) -> Traffic:
        """What went over a lane lately."""
        row = self._db.execute("SELECT sent, digests FROM lanes WHERE lane = ?", (lane,)).fetchone()
        return Traffic(tuple(datetime.fromtimestamp(one, UTC) for one in json.loads(row[0])), row[1]) if row else Traffic()

    def note_traffic(self, lane: str, traffic: Traffic) -> None:
        """Write down what went over a lane."""
        sent = json.dumps([one.timestamp() for one in traffic.sent])
        self._db.execute("INSERT OR REPLACE INTO lanes VALUES (?, ?, ?)", (lane, sent, traffic.digests))

    def note_override(self, item: Item, *, counts: bool) -> None:
        """Remember who overrode what, or that it was none after all."""
        if item.person and counts:
            values = (item.finding, *_names(item.person), item.time.timestamp(), item.title)
            self._db.execute("INSERT OR REPLACE INTO overrides VALUES (?, ?, ?, ?, ?, ?)", values)
        else:
            self._db.execute("DELETE FROM overrides WHERE finding = ?", (item.finding,))

    def with_overrides(self, item: Item) -> Item:
        """The finding with what the same person overrode before it: what one deed broke beside it is not earlier."""
        if item.person is None:
            return item
        since, until = (item.time - OVERRIDES_SPAN).timestamp(), item.time.timestamp()
        count, found = 0, list[tuple[float, str, str]]()
        for same, names in _same_person(item.person):
            values = (*names, since, until)
            of_person = f"FROM overrides WHERE {same} AND time >= ? AND time < ?"
            count += self._db.execute(f"SELECT count(*) {of_person}", values).fetchone()[0]
            # In the index's own order, so that no more rows are read than are shown.
            newest = f"SELECT time, finding, title {of_person} ORDER BY time DESC, finding DESC LIMIT {_LATEST}"
            found += self._db.execute(newest, values)
        rows = sorted(found, reverse=True)[:_LATEST]
        latest = tuple(Override(time=datetime.fromtimestamp(seconds, UTC), title=title) for seconds, _, title in rows)
        return item.model_copy(update={"overrides": count, "latest_overrides": latest})

    def queue(self, alert: Alert, now: datetime) -> bool:
        """Put a message into its channel's queue; False where one of its id was there before, sent or not."""
        cursor = self._db.execute(
            "INSERT INTO outbox (id, channel, conversation, alert, state, time) VALUES (?, ?, ?, ?, 'waiting', ?)"
            " ON CONFLICT (id) DO NOTHING",
            (f"{alert.channel} {alert.id}", alert.channel, alert.conversation, alert.model_dump_json(), now.timestamp()),
        )
        return cursor.rowcount > 0

    def forget(self, before: datetime) -> None:
        """Drop what is too old to matter: messages sent, overrides, and findings that are over or that nobody was told of.

        A finding of that age is too old to be told if it comes again.
        """
        limit = before.timestamp()
        self._db.execute("DELETE FROM outbox WHERE state = 'sent' AND time < ?", (limit,))
        self._db.execute("DELETE FROM overrides WHERE time < ?", (limit,))
        over = "due IS NULL AND seen < ? AND (told IS NULL OR status IN ('justified', 'resolved', 'withdrawn', 'excluded'))"
        self._db.execute(f"DELETE FROM members WHERE {over}", (limit,))  # noqa: S608 - a constant
        empty = "id NOT IN (SELECT conversation FROM members)"
        self._db.execute(f"DELETE FROM threads WHERE conversation IN (SELECT id FROM conversations WHERE {empty})")  # noqa: S608
        self._db.execute(f"DELETE FROM conversations WHERE {empty}")  # noqa: S608 - likewise


def _names(person: Doer) -> tuple[str | None, ...]:
    return tuple(name.casefold() if name else None for name in (person.id, person.email, person.name))


def _same_person(person: Doer) -> Iterator[tuple[str, list[str]]]:
    """Conditions, no two of which hold at once, by which an override is the person's, with their values.

    By id where both have one, else by e-mail address where both have one, else by name: as the processor tells people apart.
    """
    without: list[str] = []
    for column, name in zip(("id", "email", "name"), _names(person), strict=True):
        if name:
            yield " AND ".join([f"{column} = ?", *without]), [name]
            without.append(f"{column} IS NULL")


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
