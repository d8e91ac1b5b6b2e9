"""The case that a rule judges: one event of a trail, as of which the trail is seen; and the fields by which a rule names it.

Every field always has a value of its type: an absent text is "", so nothing fires or is allowed because a field is missing.
The table of fields at the end is what rules may use; whoever adds a rule that needs more adds a line there.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from pipetrail_schemas.lazy import lazy

from pipetrail_processors.guard.policy import JUDGED_WITHOUT_POLICY, Environment, Policy
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.people import display, is_bot, same_person
from pipetrail_processors.trail.stages import (
    FAILED,
    FAILURES,
    MISSING,
    STATES,
    Standing,
    Vote,
    decided,
    judged,
    moment_of,
    votes,
)
from pipetrail_processors.trail.summary import Subject, commit_fact, ticket_of

Value = str | bool | int

_SHORT_COMMIT = 7
_SHORT_DIGEST = len("sha256:") + 12
_BOTS = frozenset({"app", "service_account", "system"})
_DELIVERED = frozenset({"build", "test", "artifact", "deploy"})
_NONE_KNOWN: Mapping[str, "Known"] = MappingProxyType({})


class Known(NamedTuple):
    """What is known of a digest: the commits (or repositories) that it was made of, and whether the wait has ended."""

    origins: Collection[str]
    waited: bool


class View:
    """A trail to be judged: its facts in order of time, and what is known of the artifacts that were deployed.

    What else follows is worked out when it is asked for: most events are judged by nothing but what they say themselves.
    """

    def __init__(
        self, subject: Subject, facts: Sequence[Fact], policy: Policy, artifacts: Mapping[str, Known] = _NONE_KNOWN
    ) -> None:
        self.subject = subject
        self.facts = facts
        self.policy = policy
        self.artifacts = artifacts
        self._environments: dict[str, Environment | None] = {}
        self._standings: dict[str, Mapping[str, Standing]] = {}
        self._events: dict[frozenset[str], Mapping[str, Fact]] = {}
        self._happened: dict[frozenset[str], Sequence[Sequence[Fact]]] = {}

    @lazy
    def by_type(self) -> Mapping[str, Sequence[Fact]]:
        """The facts by the types of their events."""
        found: dict[str, list[Fact]] = defaultdict(list)
        for fact in self.facts:
            found[fact["e"]["type"]].append(fact)
        return dict(found)

    @lazy
    def commit(self) -> Fact:
        """The fact that tells most of the commit, an empty one where none does."""
        return commit_fact(self.facts) or {"e": {}}

    @property
    def message(self) -> str:
        """What the commit's message says first."""
        return str(self.commit.get("c", {}).get("m", ""))

    @lazy
    def ticket(self) -> dict[str, Any] | None:
        """The trail's ticket."""
        return ticket_of(self.commit, self.facts)

    @lazy
    def votes(self) -> Sequence[Vote]:
        """What each fact says of its stage."""
        return votes(self.facts)

    @lazy
    def failed(self) -> bool:
        """Whether anything failed at any time, as in few trails."""
        for fact in self.facts:  # noqa: SIM110 - of every trail that is deployed: a generator costs as much as the facts
            if fact["e"].get("result") in FAILURES:
                return True
        return False

    @lazy
    def stages(self) -> Collection[str]:
        """The stages that anything is told of."""
        return {fact["s"] for fact in self.facts if "s" in fact}

    @lazy
    def authors(self) -> list[Mapping[str, str]]:
        """Who wrote or committed the commit."""
        about, entry = self.commit.get("c", {}), self.commit["e"]
        found: list[Mapping[str, str]] = []
        for person in (about.get("a"), about.get("c"), entry.get("actor") if entry.get("type") == "commit.recorded" else None):
            if person and person not in found:
                found.append(person)
        return found

    @lazy
    def writers(self) -> list[Mapping[str, str]]:
        """Its authors and committers, and who proposed the change that it came by: by whatever name each system knows them."""
        if "change.created" not in self.by_type:
            return self.authors
        proposers = [fact["e"]["actor"] for fact in self.by_type["change.created"] if fact["e"].get("actor")]
        return [*self.authors, *proposers]

    def on_trunk(self) -> bool:
        """Whether any event saw the commit on a branch that is released from."""
        heads = (fact["w"].get("head", {}) for fact in self.facts if "w" in fact)
        return any(head.get("type") != "tag" and self.policy.is_trunk(head.get("name", "")) for head in heads)

    def environment(self, name: str) -> Environment | None:
        """What the policy says of an environment; several rules ask."""
        if name not in self._environments:
            self._environments[name] = self.policy.environment(self.subject.repository or "", name)
        return self._environments[name]

    def events(self, types: frozenset[str]) -> Mapping[str, Fact]:
        """The facts of these types by the ids of their events; several rules ask."""
        if types not in self._events:
            self._events[types] = {fact["e"]["event_id"]: fact for fact in self.facts if fact["e"]["type"] in types}
        return self._events[types]

    def happened(self, types: frozenset[str]) -> Sequence[Sequence[Fact]]:
        """The deployments, each as its events of these types, in order; several rules ask."""
        if types not in self._happened:
            deployments: dict[str, list[Fact]] = {}
            for fact in self.events(types).values():
                if "d" in fact:
                    deployments.setdefault(fact["d"], []).append(fact)
            # One that its own pipeline skipped did not happen.
            skipped = {fact["d"] for whole in deployments.values() for fact in whole if fact["e"].get("result") == "skip"}
            self._happened[types] = [whole for name, whole in deployments.items() if name not in skipped]
        return self._happened[types]

    def lacks_nothing(self, types: frozenset[str]) -> bool:
        """Whether all required stages had passed or failed before any of the events of these types; no in doubt. Quick."""
        since = judged(self.votes)
        for fact in self.events(types).values():
            entry = fact["e"]
            name = entry.get("environment")
            environment = self.environment(name) if name else None
            if environment is None:
                continue
            if environment.approvers:
                return False
            moment = (entry["time"], entry["event_id"])
            for stage in environment.require:
                if stage not in since or since[stage] >= moment:
                    return False
        return True

    def standings_before(self, entry: Fact, environment: Environment | None) -> Mapping[str, Standing]:
        """How the stages that deployments are judged by stood when the event happened; several rules ask."""
        event_id = entry["event_id"]
        found = self._standings.get(event_id)
        if found is None:
            approvers, watched = (environment.approvers, environment.watched) if environment else ((), JUDGED_WITHOUT_POLICY)
            moment = (entry["time"], event_id)
            told = [vote for vote in self.votes if vote[0][0] in watched and moment_of(vote) < moment]
            found = self._standings[event_id] = decided(told, entry.get("environment"), approvers)
        return found


class Item(NamedTuple):
    """One of the stages that a rule with `each` judges one by one."""

    standing: Standing

    @property
    def entry(self) -> Fact:
        """The timeline entry that decided how the stage stands, an empty one where it is missing."""
        entry: Fact = self.standing.fact.get("e", {})
        return entry


class Case(NamedTuple):
    """One event of the trail, or one deployment with all its events, of which the first decides the moment; perhaps a stage."""

    view: View
    facts: Sequence[Fact]
    item: Item | None = None

    @property
    def entry(self) -> Fact:
        """The timeline entry of the event."""
        entry: Fact = self.facts[0]["e"]
        return entry

    @property
    def environment(self) -> Environment | None:
        """What the policy says of the environment."""
        name = self.facts[0]["e"].get("environment")
        return self.view.environment(name) if name else None

    def items(self, name: str, states: Collection[str] = STATES) -> list["Case"]:
        """The cases of a rule with `each: NAME`.

        Args:
            name: required or failed.
            states: in which stages are asked for.
        """
        environment = self.environment
        required = environment.require if environment else ()
        if not (required if name == "required" else self.view.failed):
            return []
        stages = self.view.standings_before(self.entry, environment)
        if name == "required":
            found = [stages.get(stage) or Standing(stage, MISSING, {}) for stage in required]
        else:
            found = [stages[stage] for stage in sorted(stages) if stages[stage].state == FAILED]
        return [Case(self.view, self.facts, Item(standing)) for standing in found if standing.state in states]

    def artifact(self) -> str:
        """What is known of what was deployed: known, other (commit), ambiguous, waiting, unknown, untraceable (no digest)."""
        digest, commit = self.entry.get("digest"), self.view.subject.commit
        if not digest:
            return "" if commit or "d" not in self.facts[0] else "untraceable"
        known = self.view.artifacts.get(digest)
        if known is None:
            return ""
        if not known.origins:
            return "unknown" if known.waited else "waiting"
        if commit:
            return "known" if commit in known.origins else "other"
        return "known" if len(known.origins) == 1 else "ambiguous"

    def own_change(self) -> bool:
        """Whether the actor, or whom it acts for, is an author or committer of the commit, or proposed the change."""
        actor, human = self.facts[0]["e"].get("actor"), self.facts[0].get("u")
        return any(
            (actor and same_person(actor, writer)) or (human and same_person(human, writer)) for writer in self.view.writers
        )


def _text(name: str) -> Callable[[Case], Value]:
    return lambda case: str(case.facts[0]["e"].get(name, ""))


def _because(reason: str | None) -> str:
    return f", “{reason}”" if reason else ""


def _item(name: str) -> Callable[[Case], Value]:
    return lambda case: str(case.item.entry.get(name, "")) if case.item else ""


def _who(entry: Fact) -> str:
    return display(entry.get("actor", {})) or "somebody unknown"


def _is_bot(view: View) -> bool:
    entry = view.commit["e"]
    return entry.get("actor_type") in _BOTS or any(is_bot(author) for author in view.authors)


def _short_name(repository: str | None) -> str:
    return "/".join((repository or "").split("/")[-2:]) or "an unknown repository"


FIELDS: dict[str, Callable[[Case], Value]] = {
    "event.id": _text("event_id"),
    "event.type": _text("type"),
    "event.time": _text("time"),
    "event.name": _text("name"),
    "event.stage": lambda case: str(case.facts[0].get("s", "")),
    "event.who": lambda case: _who(case.entry),
    "event.actor": lambda case: display(case.entry.get("actor", {})),
    "event.actor_type": _text("actor_type"),
    "event.own_change": lambda case: case.own_change(),
    "event.reason": _text("reason"),
    "event.because": lambda case: _because(case.entry.get("reason")),
    "event.result": _text("result"),
    "event.decision": _text("decision"),
    "event.control": lambda case: str(case.facts[0].get("x", "")),
    "event.environment": _text("environment"),
    "event.production": lambda case: bool(case.environment and case.environment.production),
    "event.service": lambda case: str(case.facts[0].get("v", "")),
    "event.digest": _text("digest"),
    "event.short_digest": lambda case: str(case.entry.get("digest", ""))[:_SHORT_DIGEST],
    "event.artifact": lambda case: case.artifact(),
    "trail.repository": lambda case: case.view.subject.repository or "",
    "trail.name": lambda case: _short_name(case.view.subject.repository),
    "trail.commit": lambda case: case.view.subject.commit or "",
    "trail.short_commit": lambda case: (case.view.subject.commit or "")[:_SHORT_COMMIT],
    "trail.traced": lambda case: case.view.subject.commit is not None,
    "trail.message": lambda case: case.view.message,
    "trail.described": lambda case: bool(case.view.message),
    "trail.author": lambda case: display(case.view.authors[0]) if case.view.authors else "",
    "trail.ticket": lambda case: str(case.view.ticket["id"]) if case.view.ticket else "",
    "trail.ticketed": lambda case: case.view.ticket is not None,
    "trail.merge": lambda case: len(case.view.commit.get("c", {}).get("p", ())) > 1,
    "trail.revert": lambda case: case.view.message.startswith('Revert "'),
    "trail.bot": lambda case: _is_bot(case.view),
    "trail.trunk": lambda case: case.view.on_trunk(),
    "trail.delivered": lambda case: not _DELIVERED.isdisjoint(case.view.stages),
    "trail.deployed": lambda case: any("d" in fact for fact in case.view.facts),
    "policy.ticket_required": lambda case: case.view.policy.tickets.required(
        case.view.subject.repository or "", str(case.entry.get("time", ""))
    ),
    "policy.exempt_merges": lambda case: case.view.policy.tickets.exempt_merges,
    "policy.exempt_reverts": lambda case: case.view.policy.tickets.exempt_reverts,
    "policy.exempt_bots": lambda case: case.view.policy.tickets.exempt_bots,
    "item.stage": lambda case: case.item.standing.stage if case.item else "",
    "item.state": lambda case: case.item.standing.state if case.item else "",
    "item.name": _item("name"),
    "item.result": _item("result"),
    "item.time": _item("time"),
    "item.who": lambda case: _who(case.item.entry) if case.item else "",
    "item.because": lambda case: _because(case.item.entry.get("reason")) if case.item else "",
}
