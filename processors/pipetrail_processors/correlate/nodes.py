"""What the state holds about one repository: a node for each trail and for each piece of evidence (alias); the unit of work.

A node is a JSON object with short keys. The node of a commit:

    f  facts of the trail by event id           n  how much is known of the evidence of events that could belong here, by id
    l  aliases that the commit is linked to → [time, id] of the earliest event that says so
    g  findings as they were published for the trail, by id; q those of them that were decided about (`lifecycle.ledger`)
    i  what other commits say of this one: "kind commit event" → [kind, the other commit, id of the event that says so]
    b  deployments of other commits that brought this one somewhere or took it away, by event id (`graph.streams`)
    j  what the commit's own deployments carried, by event id     u  the last revision that was published
    k  how ambiguous deployments are that are, or could be, the commit's own, and those before them, by event id
    h  changes that the commit is head or merge of: key of the dossier → [until when, which] facts it is judged by (`watch`)
    p  events about the commit, of a proposed change, that went on to the commit that its merge made: id → that commit
    o  what was left out of `f` because there was too much (`correlate.cap`)
    y  the day of the latest recording that changed it (`retention`), for nodes of any kind

The node of an alias (`run:…`, `deployment:…`, `change:…`, a digest) has `f` and `g` too, for what waits under it, and

    c  commits (or repositories) that were linked to it: only a single one proves anything
    m  members: event id → [key of the node that holds its fact, its `n`]
    t  times of its earliest and latest member  x  the wait has ended  w  a wait is queued  z  published
    v  the node where what was left out of its members counts
    d  of a deployment: the digests that its events name
    h  without a repository: how many of its facts count as held (`correlate.foreign`)

Beside the nodes stands for each event the key of a node that knows it, so that a version of it that says that it belongs
elsewhere finds the others.

Keys are scoped by repository, so that one read and one write of a small value is what an event costs, however many there are.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import orjson

from pipetrail_processors.state.retention import Entry, enqueue
from pipetrail_processors.state.state import State
from pipetrail_processors.state.tally import count_trails, is_trail

Node = dict[str, Any]

# More commits than this behind one alias prove nothing that fewer do not, and every event would carry the list on.
MAX_LINKS = 64


class Held(Protocol):
    """What is kept of a repository beside its nodes, read from the state."""

    def save(self) -> None:
        """Write it."""
        ...


_Held = TypeVar("_Held", bound=Held)


class Work:
    """The nodes of one repository that events touch, and what else is kept of it: each is read once and written once."""

    def __init__(self, state: State, repository: str, day: int | None = None) -> None:
        """Begin.

        Args:
            state: of the partition.
            repository: whose nodes.
            day: when what is being taken in was recorded (`retention.day_of`); None: it does not make nodes younger.
        """
        self.state = state
        self.repository = repository
        self.day = day
        self._prefix = b"n\0" + repository.encode() + b"\0"
        self._whereabouts = b"h\0" + repository.encode() + b"\0"
        self._nodes: dict[str, Node] = {}
        self._changed: set[str] = set()
        self._held: dict[bytes, Any] = {}
        self._altered: set[bytes] = set()
        # What is being taken in, in words: what a finding that it corrects says it was corrected by.
        self.cause = ""

    def begin(self, day: int | None) -> None:
        """Go on with something that was recorded on another day."""
        if day != self.day:
            self.save()
            self.day = day

    def node(self, key: str) -> Node:
        """The node, an empty one where there is none, for reading."""
        found = self._nodes.get(key)
        if found is None:
            value = self.state.get(self._prefix + key.encode())
            found = self._nodes[key] = {} if value is None else orjson.loads(value)
        return found

    def change(self, key: str) -> Node:
        """The node, for writing."""
        self._changed.add(key)
        return self.node(key)

    def held(self, key: bytes, read: Callable[..., _Held], *where: object) -> _Held:
        """What is kept under a key of the state, read from there unless it was before. Each key has one type of its own."""
        found: _Held | None = self._held.get(key)
        if found is None:
            found = self._held[key] = read(self.state, *where)
        return found

    def alter(self, key: bytes) -> None:
        """Note that what is held under the key is to be written."""
        self._altered.add(key)

    def knows(self, event_id: str) -> str | None:
        """The key of a node that knows the event: that has its fact, or has it among its members. None for a new one."""
        value = self.state.get(self._whereabouts + event_id.encode())
        return None if value is None else value.decode()

    def note(self, event_id: str, key: str | None) -> None:
        """Keep which node knows the event; None: none does any more."""
        name = self._whereabouts + event_id.encode()
        if key is None:
            self.state.delete(name)
        else:
            self.state.set(name, key.encode())

    def save(self) -> None:
        """Write what was changed, and queue what is new for the day when it is looked at again."""
        for name in sorted(self._altered):
            self._held[name].save()
        self._altered.clear()
        new = []
        for key in sorted(self._changed):
            node = self._nodes[key]
            if self.day is not None:
                if "y" not in node:
                    new.append(Entry(self.repository, key))
                node["y"] = max(node.get("y", 0), self.day)
            self.state.set(self._prefix + key.encode(), orjson.dumps(node))
        self._changed.clear()
        if new and self.day is not None:
            enqueue(self.state, self.day, new)
            count_trails(self.state, sum(is_trail(entry.key) for entry in new))

    def forget(self, key: str) -> None:
        """Remove a node that there is."""
        node = self.node(key)
        for event_id in {**node.get("f", {}), **node.get("m", {})} if self.repository else ():
            self.note(event_id, None)
        count_trails(self.state, -is_trail(key))
        self.state.delete(self._prefix + key.encode())
        self._nodes.pop(key, None)
