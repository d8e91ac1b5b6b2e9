"""A dossier: the latest events about one change, environment, actor or repository, which rules judge together.

Bounded by event time and by number: the newest stay, whatever the order in which they come, so any order ends alike. A finding
about what is no longer kept stands as it was published. A dossier of which nothing was recorded for as long as nodes are kept
(`retention`) leaves the state.

    key    one of  c ID (a change)   e ENVIRONMENT SERVICE   a ACTOR   r (the repository)
    value  a line each: whether it is queued for the day when it is looked at again, the time of the latest rare fact that had
           to go, the facts in a row each (`kept`), how many pass by, and by which rules and policy it was judged; findings as
           they were published (`g`, by id) and those that were decided about (`q`); the rows of those that pass by (`passing`);
           the facts; those that pass by
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
from pipetrail_schemas.lazy import lazy

from pipetrail_processors.correlate.nodes import Node, Work
from pipetrail_processors.detect.case import View
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.state.retention import Entry, day_of, enqueue
from pipetrail_processors.state.state import State
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.summary import Subject
from pipetrail_processors.watch.kept import (
    COMMIT,
    FREQUENT,
    ID,
    KIND,
    TIME,
    Bounds,
    Kept,
    follows,
    is_first,
    is_older,
    latest_recording,
    merged,
    row_of,
)
from pipetrail_processors.watch.passing import Passing, written
from pipetrail_processors.watch.state_fields import since

# The lines of a dossier that there is not yet.
_EMPTY = (b'[false,"",[],0,""]', b"{}", b"", b"")

# The largest value is some 60 kB, an ordinary one 10. A repository and an actor are about sequences and bursts of rare events,
# a change and an environment about their life, of which the latest decides.
BOUNDS: Mapping[str, Bounds] = {
    "repository": Bounds(96, 16, timedelta(days=14)),
    "actor": Bounds(96, 100, timedelta(days=14)),
    "environment": Bounds(8, 16, timedelta(days=400)),
    "change": Bounds(128, 8, timedelta(days=400)),
}


# Begins the entries of dossiers in the queue of what is looked at again; no key of a node does.
_QUEUED = "dossier:"


class DossierView(View):
    """A dossier to be judged; `node` gives the nodes of commits (`correlate.nodes`)."""

    def __init__(
        self, subject: Subject, facts: Sequence[Fact], policy: Policy, node: Callable[[str], Node], *, gone_until: str = ""
    ) -> None:
        super().__init__(subject, facts, policy)
        self._gone_until = gone_until
        self._node = node
        self.standings: dict[str, Any] = {}

    @lazy
    def deployments(self) -> Mapping[str, Collection[str]]:
        """The deployments of each commit."""
        found: dict[str, set[str]] = {}
        for fact in self.facts:
            if "d" in fact and "o" in fact:
                found.setdefault(fact["o"], set()).add(fact["d"])
        return found

    def of_commit(self, commit: str) -> Iterable[Fact]:
        """The facts of a commit's trail."""
        facts: Mapping[str, Fact] = self._node(commit).get("f", {})
        return facts.values()

    def open_findings(self, commit: str) -> Mapping[str, Any]:
        """The findings that were published for a commit's trail."""
        published: Mapping[str, Any] = self._node(commit).get("g", {})
        return published

    def knows_state(self, fact: Fact) -> bool:
        """Whether the state as of a fact is to be told: all is kept that it rests on, or the fact is the latest."""
        return not self._gone_until or since(fact["e"]["time"]) >= self._gone_until or fact is self.facts[-1]


def _actor_key(fact: Fact) -> str | None:
    actor = fact["e"].get("actor")
    name = actor.get("id") or actor.get("email") or actor.get("name") if actor else None
    return f"a {name.casefold()}" if name else None


def _change_key(fact: Fact) -> str | None:
    change = fact.get("w", {}).get("change", {}).get("id")
    return f"c {change}" if change else None


def _environment_key(fact: Fact) -> str | None:
    environment = fact["e"].get("environment")
    return f"e {environment} {fact.get('v', '')}" if environment else None


# By what dossiers are of: the key of the one that an event belongs to, None for none.
KEYS: Mapping[str, Callable[[Fact], str | None]] = {
    "repository": lambda _: "r",
    "actor": _actor_key,
    "change": _change_key,
    "environment": _environment_key,
}


def keys_of(fact: Fact) -> Iterator[tuple[str, str]]:
    """The dossiers that an event belongs to, as (what, key)."""
    for what, key_of in KEYS.items():
        if key := key_of(fact):
            yield what, key


class Added(NamedTuple):
    """What became of a fact: whether it is kept, whether it had been there before, and the events that had to go for it."""

    kept: bool
    again: bool
    gone: Collection[str]


class Dossier:
    """One dossier, read from the state and written back when it has changed. Its findings and its facts are read when asked."""

    def __init__(self, state: State, scope: str, key: str) -> None:
        self.key = key
        self.name = _name(scope, key)
        self._state = state
        self.scope = scope
        value = state.get(self.name)
        self.is_unknown = value is None
        head, self._findings, passing_rows, facts = value.split(b"\n", 3) if value else _EMPTY
        # Whether it is in the queue of what is looked at again; the time of the latest rare fact that had to go, "" for none;
        # and by what it was judged.
        self.queued, self.gone_until, self._rows, passing, self.judged_by = orjson.loads(head)
        *self._lines, passing_lines = facts.split(b"\n", len(self._rows))
        self._passing = Passing(passing, passing_rows, passing_lines)
        self._kept: Kept | None = None
        self._node: dict[str, Any] | None = None

    @property
    def kept(self) -> Kept:
        """All its facts."""
        if self._kept is None:
            self._kept = merged(self._rows, self._lines, *self._passing.read())
        return self._kept

    @property
    def node(self) -> dict[str, Any]:
        """Its findings, as `detect.update` and `lifecycle.ledger` have them; may be altered."""
        if self._node is None:
            self._node = orjson.loads(self._findings)
        return self._node

    @node.setter
    def node(self, node: dict[str, Any]) -> None:
        self._node = node

    @property
    def has_findings(self) -> bool:
        """Whether any finding about it stands."""
        return self._findings != _EMPTY[1] if self._node is None else bool(self._node.get("g"))

    @property
    def facts(self) -> list[Fact]:
        """What is kept, in order of time."""
        return self.kept.facts()

    def append(self, fact: Fact, bounds: Bounds) -> bool:
        """Put a fact behind all others without reading them.

        Returns:
            False where it may be one of them or not come last, or where another one has to go for it: then nothing was done.
        """
        if self._kept is not None:
            return False
        row, rows, passing = row_of(fact), self._rows, self._passing
        if rows and not follows(row, rows, bounds):
            return False
        if passing.count and not passing.may_be_followed(row, bounds):
            return False
        if row[KIND] in FREQUENT and not is_first(row, rows):
            passing.add(row, orjson.dumps(fact), bounds)
            return True
        if len(rows) >= bounds.facts:
            return False
        rows.append(row)
        self._lines.append(orjson.dumps(fact))
        return True

    def is_new(self, commit: str | None, deployment: str | None) -> bool:
        """Whether nothing is kept of another deployment of the commit. Quick, and no in doubt."""
        if commit is None:
            return True
        if self._kept is not None or any(row[COMMIT] == commit for row in self._rows):
            return False
        return self._passing.is_new(commit, deployment)

    def has_none_of(self, kinds: Collection[str]) -> bool:
        """Whether no event of these types is kept. Quick, and no in doubt."""
        return self._kept is None and not self._passing.count and not any(row[KIND] in kinds for row in self._rows)

    def may_lose(self, events: Collection[str], time: str, bounds: Bounds) -> bool:
        """Whether another fact of that time may drive one of these out."""
        rows = self.kept.rows
        frequent = sum(row[KIND] in FREQUENT for row in rows)
        full = {True: frequent >= bounds.frequent, False: len(rows) - frequent >= bounds.facts}
        return any(
            full[row[KIND] in FREQUENT] or is_older(row[TIME], time, bounds.age.days) for row in rows if row[ID] in events
        )

    def add(self, fact: Fact, bounds: Bounds) -> Added:
        """Take in a fact."""
        again = self.kept.put(fact)
        beyond = self.kept.beyond(bounds)
        gone = {row[ID] for row in beyond}
        if gone:
            self.gone_until = max(self.gone_until, *(row[TIME] for row in beyond if row[KIND] not in FREQUENT), "")
            self.kept.remove(gone)
        return Added(fact["e"]["event_id"] not in gone, again, gone)

    def clear(self) -> None:
        """Let go of all facts; findings stay."""
        self._kept = Kept([], [])

    def shows(self, events: Collection[str]) -> bool:
        """Whether a finding that was published shows one of the events."""
        if self._node is None and not any(event.encode() in self._findings for event in events):
            return False
        return bool(events) and any(not _evidence(one).isdisjoint(events) for one in self.node.get("g", {}).values())

    def forget_what_nothing_shows(self, of_state: Collection[str] = ()) -> list[tuple[str, dict[str, Any]]]:
        """Leave findings alone whose events are not kept any more, or what their rules rest on. Returns them, by id.

        Args:
            of_state: the ids of rules that rest on the state before the event, too (`watch.state_fields`).
        """
        published = self.node.get("g", {})
        if not published:
            return []
        kept = self.kept.ids()
        unknown = {
            key
            for key, document in published.items()
            if document["rule"]["id"] in of_state and since(document["@timestamp"]) < self.gone_until
        }
        forgotten = [(key, one) for key, one in published.items() if key in unknown or not kept & _evidence(one)]
        for finding_id, _ in forgotten:
            del published[finding_id]
        return forgotten

    def forget(self) -> None:
        """Remove it."""
        self._state.delete(self.name)

    @property
    def day(self) -> int:
        """The day of the latest recording that it keeps; 0 for none."""
        rows = [*self._rows, *self._passing.read()[0]] if self._kept is None else self._kept.rows
        latest = latest_recording(rows)
        return day_of(latest) if latest else 0

    def save(self) -> None:
        """Write it."""
        if not self.queued:
            self.queued = True
            enqueue(self._state, self.day, [Entry(self.scope, _QUEUED + self.key)])
        if self._node is not None:
            self._findings = orjson.dumps(self._node)
        if self._kept is not None:
            compared, others = self._kept.parted()
            self._rows, self._lines, self._passing = compared.rows, compared.lines, written(others.rows, others.lines)
        head = orjson.dumps([self.queued, self.gone_until, self._rows, self._passing.count, self.judged_by])
        passing = self._passing
        self._state.set(self.name, b"\n".join((head, self._findings, passing.rows, *self._lines, passing.lines)))


def dossier_of(work: Work, scope: str, key: str) -> Dossier:
    """The dossier, to be written with the nodes of the repository: see `Work.alter`."""
    return work.held(_name(scope, key), Dossier, scope, key)


def is_due(state: State, entry: Entry, day: int) -> bool:
    """Whether the entry is a dossier's; it is removed where nothing was recorded of it since the day, else queued anew."""
    if not entry.key.startswith(_QUEUED):
        return False
    dossier = Dossier(state, entry.repository, entry.key.removeprefix(_QUEUED))
    if dossier.day < day:
        dossier.forget()
    else:
        enqueue(state, dossier.day, [entry])
    return True


def _name(scope: str, key: str) -> bytes:
    return b"w\0%b\0%b" % (scope.encode(), key.encode())


def _evidence(document: Mapping[str, Any]) -> set[str]:
    return set(document["pipetrail"]["finding"]["evidence"])
