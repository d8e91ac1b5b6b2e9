"""A dossier: the latest events about one change, environment, actor or repository, which rules judge together.

Bounded by event time and by number: the newest stay, whatever the order in which they come, so any order ends alike. A finding
about what is no longer kept stands as it was published. A dossier of which nothing was recorded for as long as nodes are kept
(`retention`) leaves the state.

    key    one of  c ID (a change)   e ENVIRONMENT SERVICE   a ACTOR   r (the repository)
    value  f  facts by event id      g  findings as they were published, by id      q  those that were decided about
           y  it is queued for the day when it is looked at again
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
from pipetrail_schemas.times import format_time, parse_time

from pipetrail_processors.case import View
from pipetrail_processors.fact import Fact, stands
from pipetrail_processors.policy import Policy
from pipetrail_processors.retention import Entry, day_of, enqueue
from pipetrail_processors.state import State
from pipetrail_processors.summary import Subject, in_order


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
    "repository": Bounds(96, 32, timedelta(days=14)),
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
    ) -> None:
        super().__init__(subject, facts, policy)
        self.standings: dict[str, Any] = {}
        # The deployments of each commit.
        self.deployments: dict[str, set[str]] = {}
        for fact in facts:
            if "d" in fact and "o" in fact:
                self.deployments.setdefault(fact["o"], set()).add(fact["d"])
        self.of_commit = of_commit
        self.open_findings = open_findings


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


class Dossier:
    """One dossier, read from the state and written back when it has changed."""

    def __init__(self, state: State, scope: str, key: str) -> None:
        self.key = key
        self._state = state
        self._scope = scope
        self._key = b"w\0" + scope.encode() + b"\0" + key.encode()
        value = state.get(self._key)
        self.node: dict[str, Any] = {"f": {}} if value is None else orjson.loads(value)

    @property
    def facts(self) -> list[Fact]:
        """What is kept, in order of time."""
        return in_order(self.node["f"].values())

    def add(self, fact: Fact, bounds: Bounds) -> tuple[bool, bool]:
        """Take in a fact. Returns whether it is kept, and whether it had been there before."""
        facts: dict[str, Fact] = self.node["f"]
        event_id = fact["e"]["event_id"]
        known = facts.get(event_id)
        if known is None or not stands(known, fact):
            facts[event_id] = fact
        newest = max(kept["e"]["time"] for kept in facts.values())
        oldest = format_time(parse_time(newest) - bounds.age)
        young = [one for one in in_order(facts.values()) if one["e"]["time"] >= oldest]
        frequent = [one for one in young if one["e"]["type"] in _FREQUENT][-bounds.frequent :]
        others = [one for one in young if one["e"]["type"] not in _FREQUENT][-bounds.facts :]
        self.node["f"] = {one["e"]["event_id"]: one for one in (*frequent, *others)}
        return event_id in self.node["f"], known is not None

    def forget_what_nothing_shows(self) -> list[tuple[str, dict[str, Any]]]:
        """Leave findings alone whose events are not kept any more. Returns them, by id."""
        published = self.node.get("g", {})
        kept = self.node["f"].keys()
        forgotten = [(key, document) for key, document in published.items() if not kept & _evidence(document)]
        for finding_id, _ in forgotten:
            del published[finding_id]
        return forgotten

    def forget(self) -> None:
        """Remove it."""
        self._state.delete(self._key)

    @property
    def day(self) -> int:
        """The day of the latest recording that it keeps; 0 for none."""
        return max((day_of(fact["r"]) for fact in self.node["f"].values()), default=0)

    def save(self) -> None:
        """Write it."""
        if "y" not in self.node:
            self.node["y"] = 1
            enqueue(self._state, self.day, [Entry(self._scope, _QUEUED + self.key)])
        self._state.set(self._key, orjson.dumps(self.node))


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


def _evidence(document: Mapping[str, Any]) -> set[str]:
    return set(document["pipetrail"]["finding"]["evidence"])
