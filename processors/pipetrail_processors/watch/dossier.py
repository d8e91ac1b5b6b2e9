"""A dossier: the latest events about one change, environment, actor or repository, which rules judge together.

Bounded by event time and by number: the newest stay, whatever the order in which they come, so any order ends alike. A finding
about what is no longer kept stands as it was published. A dossier of which nothing was recorded for as long as nodes are kept
(`retention`) leaves the state.

    key    one of  c ID (a change)   e ENVIRONMENT SERVICE   a ACTOR   r (the repository)
    value  f  facts by event id, in order of time (`o`)   g  findings as they were published, by id
           q  those that were decided about   z  the time of the latest fact that had to go
           y  it is queued for the day when it is looked at again
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import orjson
from pipetrail_schemas.times import format_time, parse_time

from pipetrail_processors.correlate.nodes import Work
from pipetrail_processors.detect.case import View
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.state.retention import Entry, day_of, enqueue
from pipetrail_processors.state.state import State
from pipetrail_processors.trail.fact import Fact, stands
from pipetrail_processors.trail.summary import Subject, in_order
from pipetrail_processors.watch.state_fields import since

_IN_ORDER = "o"
_DAY, _DATE = timedelta(days=1), len("2026-11-23")


class Bounds(NamedTuple):
    """How much a dossier keeps: so many facts, so many of types that come all day, none older than this before the newest."""

    facts: int
    frequent: int
    age: timedelta


# What comes all day must not drive out what comes once a year and is compared with it.
_FREQUENT = frozenset({"push.received", "change.merged", "deployment.started", "deployment.finished"})
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
    """A dossier to be judged. `of_commit` gives the facts of a commit's trail, `open_findings` the ids found for it."""

    def __init__(
        self,
        subject: Subject,
        facts: Sequence[Fact],
        policy: Policy,
        of_commit: Callable[[str], Sequence[Fact]],
        open_findings: Callable[[str], Mapping[str, Any]],
        *,
        gone_until: str = "",
    ) -> None:
        super().__init__(subject, facts, policy)
        self._gone_until = gone_until
        self.standings: dict[str, Any] = {}
        # The deployments of each commit.
        self.deployments: dict[str, set[str]] = {}
        for fact in facts:
            if "d" in fact and "o" in fact:
                self.deployments.setdefault(fact["o"], set()).add(fact["d"])
        self.of_commit = of_commit
        self.open_findings = open_findings

    def knows_state(self, fact: Fact) -> bool:
        """Whether the state as of a fact is to be told: all is kept that it rests on, or the fact is the latest."""
        return not self._gone_until or since(fact["e"]["time"]) >= self._gone_until or fact is self.facts[-1]


def keys_of(fact: Fact) -> Iterator[tuple[str, str]]:
    """The dossiers that an event belongs to, as (what, key)."""
    yield "repository", "r"
    entry = fact["e"]
    actor = entry.get("actor", {})
    if name := actor.get("id") or actor.get("email") or actor.get("name"):
        yield "actor", f"a {name.casefold()}"
    if change := fact.get("w", {}).get("change", {}).get("id"):
        yield "change", f"c {change}"
    if environment := entry.get("environment"):
        yield "environment", f"e {environment} {fact.get('v', '')}"


class Added(NamedTuple):
    """What became of a fact: whether it is kept, whether it had been there before, and the events that had to go for it."""

    kept: bool
    again: bool
    gone: Collection[str]


class Dossier:
    """One dossier, read from the state and written back when it has changed."""

    def __init__(self, state: State, scope: str, key: str) -> None:
        self.key = key
        self.name = _name(scope, key)
        self._state = state
        self._scope = scope
        value = state.get(self.name)
        self.is_new = value is None
        self.node: dict[str, Any] = {"f": {}} if value is None else orjson.loads(value)
        # What is kept, in order of time: `f` is written so.
        self.facts = list(self.node["f"].values()) if _IN_ORDER in self.node else in_order(self.node["f"].values())

    def add(self, fact: Fact, bounds: Bounds) -> Added:
        """Take in a fact."""
        facts: dict[str, Fact] = self.node["f"]
        event_id = fact["e"]["event_id"]
        known = facts.get(event_id)
        if known is None or not stands(known, fact):
            facts[event_id] = fact
            if known or _precedes(fact, self.facts):
                self.facts = in_order(facts.values())
                self.node["f"] = facts = {one["e"]["event_id"]: one for one in self.facts}
            else:
                self.facts = [*self.facts, fact]
        gone = _beyond(self.facts, bounds)
        if gone:
            self.node["z"] = max(self.gone_until, *(facts[one]["e"]["time"] for one in gone))
            self.facts = [one for one in self.facts if one["e"]["event_id"] not in gone]
            for one in gone:
                del facts[one]
        return Added(event_id not in gone, known is not None, gone)

    def clear(self) -> None:
        """Let go of all facts; findings stay."""
        self.node["f"], self.facts = {}, []

    def shows(self, events: Collection[str]) -> bool:
        """Whether a finding that was published shows one of the events."""
        return bool(events) and any(not _evidence(one).isdisjoint(events) for one in self.node.get("g", {}).values())

    def forget_what_nothing_shows(self, of_state: Collection[str] = ()) -> list[tuple[str, dict[str, Any]]]:
        """Leave findings alone whose events are not kept any more, or what their rules rest on. Returns them, by id.

        Args:
            of_state: the ids of rules that rest on the state before the event, too (`watch.state_fields`).
        """
        published = self.node.get("g", {})
        kept = self.node["f"].keys()
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
    def gone_until(self) -> str:
        """The time of the latest fact that had to go; "" for none."""
        until: str = self.node.get("z", "")
        return until

    @property
    def day(self) -> int:
        """The day of the latest recording that it keeps; 0 for none."""
        return max((day_of(fact["r"]) for fact in self.node["f"].values()), default=0)

    def save(self) -> None:
        """Write it."""
        if "y" not in self.node:
            self.node["y"] = 1
            enqueue(self._state, self.day, [Entry(self._scope, _QUEUED + self.key)])
        if _IN_ORDER not in self.node:
            self.node["f"] = {one["e"]["event_id"]: one for one in self.facts}
            self.node[_IN_ORDER] = True
        self._state.set(self.name, orjson.dumps(self.node))


def dossier_of(work: Work, scope: str, key: str) -> Dossier:
    """The dossier, to be written with the nodes of the repository: see `Work.alter`."""
    return work.held(_name(scope, key), partial(Dossier, work.state, scope, key))


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


def _precedes(fact: Fact, facts: Sequence[Fact]) -> bool:
    return bool(facts) and fact["e"]["time"] <= facts[-1]["e"]["time"]


def _beyond(facts: Sequence[Fact], bounds: Bounds) -> set[str]:
    """The events that are too old or too many, of facts in order of time."""
    gone: set[str] = set()
    if bounds.age < _DAY or facts[0]["e"]["time"][:_DATE] != facts[-1]["e"]["time"][:_DATE]:
        oldest = format_time(parse_time(facts[-1]["e"]["time"]) - bounds.age)
        if facts[0]["e"]["time"] < oldest:
            gone = {one["e"]["event_id"] for one in facts if one["e"]["time"] < oldest}
    if len(facts) <= min(bounds.facts, bounds.frequent):
        return gone
    number = sum(one["e"]["type"] in _FREQUENT for one in facts)
    if number > bounds.frequent or len(facts) - number > bounds.facts:
        young = [one["e"] for one in facts if one["e"]["event_id"] not in gone]
        frequent = [entry["event_id"] for entry in young if entry["type"] in _FREQUENT]
        others = [entry["event_id"] for entry in young if entry["type"] not in _FREQUENT]
        gone.update(frequent[: -bounds.frequent], others[: -bounds.facts])
    return gone


def _evidence(document: Mapping[str, Any]) -> set[str]:
    return set(document["pipetrail"]["finding"]["evidence"])
