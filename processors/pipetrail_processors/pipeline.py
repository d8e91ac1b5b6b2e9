"""The pure core: enrich → correlate → detect, as one function of messages and state. No clock, no broker, no index.

The live application, replay over history and the tests call it alike, in rounds of many messages or of one. Delivery is at
least once, so every call may come again: state merges, and what a message had published the first time is published again,
since "already in the state" does not mean "already published".
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache, partial

import orjson
from pipetrail_schemas import ids
from pipetrail_schemas.codec import Headers
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.ticket import find_ticket, ticket_pattern
from pipetrail_schemas.times import format_time
from pipetrail_schemas.topics import FINDINGS, LINKS, RECORDS, RESOLVED

from pipetrail_processors.anomaly.anomalies import Anomalies
from pipetrail_processors.correlate.foreign import (
    CLAIMS_HEADER,
    NO_REPOSITORY,
    REPOSITORY_HEADER,
    VERSIONS_HEADER,
    Foreign,
    alias_of,
)
from pipetrail_processors.correlate.join import Joiner
from pipetrail_processors.correlate.nodes import Work
from pipetrail_processors.correlate.round import Round, Told
from pipetrail_processors.correlate.waiting import Waiting
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.directory.context import context_of, resolve_authors
from pipetrail_processors.directory.reference import Reference, no_reference
from pipetrail_processors.enrich.enrich import record, ticket_of
from pipetrail_processors.enrich.reading import Reading, read
from pipetrail_processors.graph.commits import CommitGraph
from pipetrail_processors.graph.streams import Streams
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.lifecycle.ledger import ENDS, decide, is_decision, is_held, let_go
from pipetrail_processors.output import Output
from pipetrail_processors.state.retention import Entry, day_of, due, enqueue, is_old
from pipetrail_processors.state.state import State
from pipetrail_processors.trail.bonds import bonds_of, identity_of
from pipetrail_processors.trail.fact import (
    MAX_VERSIONS,
    Fact,
    evidence_of,
    fact_of,
    is_about_change,
    is_digest,
    names_bytes,
    vouched,
)
from pipetrail_processors.trail.publish import Publisher, trail_id
from pipetrail_processors.trail.relations import merged_as
from pipetrail_processors.watch.dossier import is_due
from pipetrail_processors.watch.watch import Watch

__all__ = ["Output", "Pipeline"]

_PARTITIONKEY_HEADER = "ce_partitionkey"
# More than a year: a service that is deployed once a year still finds what it ran before.
DEFAULT_RETENTION = timedelta(days=400)
_CLAIMS_DIGITS = 4  # far above `nodes.MAX_LINKS`: anybody may write headers


class Pipeline:
    """All that is decided about events. Keeps nothing between calls but what it was made with."""

    def __init__(
        self,
        *,
        policy: Policy,
        rules: RuleSet,
        alias_wait: timedelta,
        reference: Callable[[], Reference] = no_reference,
        retention: timedelta = DEFAULT_RETENTION,
    ) -> None:
        """Make a pipeline.

        Args:
            policy: what deliveries must have gone through.
            rules: what findings are made by.
            alias_wait: how long an event that names no commit waits for a link, counted from its recordedtime.
            reference: gives the reference data that are in force.
            retention: how long what nothing happens to stays in the state, counted from the latest recordedtime.
        """
        self._reference = reference
        self._retention = retention
        self._policy = policy
        self._rules = rules
        projects, patterns = frozenset(policy.tickets.projects), [ticket_pattern(text) for text in policy.tickets.patterns]
        restricted = partial(find_ticket, projects=projects, patterns=patterns)
        self._find_ticket = restricted if projects or patterns else find_ticket
        self._waiting = Waiting(alias_wait)
        self._joiner = Joiner(self._waiting)
        self._foreign = Foreign(self._waiting)
        self._publisher = Publisher(policy, rules)
        self._watch = Watch(policy, rules)
        self._anomalies = Anomalies(policy, rules)

    def on_event(self, value: bytes | None, headers: Headers, state: State, key: bytes | None = None) -> list[Output]:
        """A round of one message of the events or the resolved topic: see `take_event`."""
        alone = Round(state)
        return [*self.take_event(alone, value, headers, key), *self.end(alone)]

    def on_link(self, key: bytes | None, value: bytes | None, state: State) -> list[Output]:
        """A round of one message of the links topic: see `take_link`."""
        alone = Round(state)
        return [*self.take_link(alone, key, value), *self.end(alone)]

    def take_event(self, together: Round, value: bytes | None, headers: Headers, key: bytes | None = None) -> list[Output]:
        """Take in a message of the events or the resolved topic. Gives what does not wait for the round's end.

        The message's key stands in for a missing `partitionkey` in binary mode (CloudEvents Kafka binding 1.0, section 3.1).

        Raises:
            InvalidEventError: it is no event. The state is as it was.
        """
        headers = _with_key(tuple(headers), key)
        reading = read(value, headers)
        ticket = ticket_of(reading, self._find_ticket)
        repository = _canonical(reading.repository) if reading.repository else None
        # What such events are of may turn out to be another commit, and a record is written once.
        commit = None if is_about_change(reading) or names_bytes(reading) else reading.commit
        trail = trail_id(repository, commit) if repository and commit else None
        reference = self._reference()
        context = context_of(reading, reference)
        partitionkey: str = reading.content["partitionkey"]
        outputs = [Output(RECORDS, partitionkey.encode(), record(reading, ticket=ticket, trail=trail, context=context))]
        sent_to, claims = _resolved(headers)
        right_key = repository or reading.artifact.get("hash") or partitionkey
        if sent_to is None and right_key != partitionkey:
            moved = (*((name, text) for name, text in headers if text is not None), (REPOSITORY_HEADER, b""))
            return [*outputs, Output(RESOLVED, right_key.encode(), value, moved)]
        decides = is_decision(reading.kind.name)
        # The run in which somebody decides about a finding is not the one that the finding is about.
        evidence = [] if decides else evidence_of(reading)
        fact = fact_of(reading, ticket, evidence, context)
        resolve_authors(fact, reference)
        work = together.work(repository or sent_to or NO_REPOSITORY, day_of(reading.recorded))
        work.cause = f"{reading.kind.name} of {reading.time} was told (event {reading.id})"
        if decides:
            outputs += decide(work, self._policy, reading.own["finding"]["id"], fact)
            if trail is None:
                return outputs
        if work.repository == NO_REPOSITORY:
            fact["b"] = right_key
            alias = alias_of(fact, partitionkey)
            forwarded, again = self._foreign.add(work, fact, alias, value or b"", headers)
            outputs += forwarded
            together.tell(work, {alias}, again=again)
            for crowded_out in self._foreign.crowded_out(work):
                outputs += self._publisher.publish(work, crowded_out, again=False)
                self._foreign.let_go(work, crowded_out)
        else:
            if claims and repository is None:
                fact["q"] = claims
                if others := _versions(headers):
                    fact["y"] = others
            outputs += self._join(together, work, reading, fact, evidence)
        self._anomalies.on_event(work, fact)
        self._watch.on_event(work, fact, reading.source)
        return outputs

    def take_link(self, together: Round, key: bytes | None, value: bytes | None) -> list[Output]:
        """Take in a message of the links topic: which repository and commit made what the alias names.

        Raises:
            InvalidEventError: it is no link. The state is as it was.
        """
        if value is None:  # compacted away
            return []
        try:
            link = orjson.loads(value)
            alias, repository, commit = (key or b"").decode(), link["repository"], link["commit"]
        except (ValueError, TypeError, KeyError) as exc:
            raise InvalidEventError([("value", f"is no link: {exc!r}")]) from exc
        if not (alias and isinstance(repository, str) and isinstance(commit, str)):
            raise InvalidEventError([("value", "is no link: alias, repository and commit must be texts")])
        work = together.work(NO_REPOSITORY, link.get("day") if isinstance(link.get("day"), int) else None)
        outputs = self._foreign.link(work, alias, repository, commit)
        together.tell(work, {alias}, again=True)
        return outputs

    def end(self, together: Round) -> list[Output]:
        """The trails that a round has touched, and their findings; then the state is whole."""
        return [output for work, told in together.end() for output in self._publish(work, told)]

    def expire(self, state: State, now: datetime) -> list[Output]:
        """End waits and exclusions whose time has come, find who fell silent, let go what is old. Four reads for nothing.

        Some of them; to be called again until it gives nothing.

        To be called while the partition's events are read up to their end: a link in the backlog is not late. What it gives
        must be acknowledged before the state that it leaves is durable: nothing but the queue in that state brings it up again.
        """
        outputs: list[Output] = []
        while not outputs and (ended := self._waiting.due(state, now)):
            for repository, alias in ended:
                alone = Round(state)
                work = alone.work(repository, day_of(format_time(now)))
                keys = (self._foreign if repository == NO_REPOSITORY else self._joiner).end_wait(work, alias)
                alone.tell(work, keys, again=False)
                outputs += self.end(alone)
        for repository, key in ENDS.due(state, now):
            work = Work(state, repository, day_of(format_time(now)))
            outputs += let_go(work, self._policy, key, now, partial(self._rules.renewed, now=now))
            work.save()
        outputs += self._watch.expire(state, now)
        for entry in due(state, now, self._retention):
            self._look_at(Work(state, entry.repository), entry, now)
        return outputs

    def _look_at(self, work: Work, entry: Entry, now: datetime) -> None:
        """Remove a node that is old, with all that belongs to it; another one is looked at again later."""
        if is_due(work.state, entry, day_of(format_time(now - self._retention))):
            return
        if self._anomalies.is_due(work, entry.key, day_of(format_time(now - self._retention))):
            return
        node = work.node(entry.key)
        if not node:
            return
        if not is_old(node, now, self._retention):
            enqueue(work.state, node["y"], [entry])
            return
        if is_held(work, entry.key):
            enqueue(work.state, day_of(format_time(now)), [entry])
            return
        if entry.repository == NO_REPOSITORY:
            self._foreign.forget(work, entry.key)
        streams = Streams(work)
        for event_id in node.get("j", ()):
            streams.forget(event_id)
        CommitGraph(work.state, entry.repository).forget(entry.key)
        work.forget(entry.key)
        if entry.repository == NO_REPOSITORY:
            self._foreign.tidy(work, now - self._retention, now)

    def _join(self, together: Round, work: Work, reading: Reading, fact: Fact, evidence: list[str]) -> list[Output]:
        vouches = vouched(reading.kind, evidence, has_bytes=names_bytes(reading)) if "o" in fact else []
        joined = self._joiner.add(work, fact, vouches)
        if commit := reading.commit:
            if bonds := bonds_of(reading):
                joined.keys |= self._joiner.bind(work, commit, bonds, reading.id)
            if reading.kind.name == "commit.recorded":
                joined.keys |= self._record_commit(work, commit, reading)
        links = [_link(alias, work.repository, fact["o"], reading) for alias in vouches if is_digest(alias)]
        together.tell(work, joined.keys, again=joined.again)
        return links

    def _record_commit(self, work: Work, commit: str, reading: Reading) -> set[str]:
        """Put the commit into the graph. Returns the keys to publish, because of it."""
        about = reading.own.get("commit") or {}
        CommitGraph(work.state, work.repository).put(commit, reading.time, about.get("parents"))
        touched = Streams(work).commit_recorded(commit)
        if identity := identity_of(about):
            touched |= self._joiner.bind_copies(work, commit, identity, reading.id)
        return touched

    def _publish(self, work: Work, told: Mapping[str, Told]) -> list[Output]:
        # A trail that another took over is published with it.
        all_told = {one: why for key, why in told.items() for one in merged_as(work.node(key))} | dict(told)
        outputs = self._watch.take(work)
        for key, why in sorted(all_told.items()):
            work.begin(why.day)
            work.cause = why.cause
            published = self._publisher.publish(work, key, again=why.again)
            outputs += published
            self._watch.on_trail(work, key, found=any(output.topic is FINDINGS for output in published), again=why.again)
            outputs += self._anomalies.on_trail(work, key, again=why.again)
        found = self._watch.judge(work)
        return outputs + found + self._anomalies.judge(work) + self._anomalies.on_findings(work, found)


@lru_cache(maxsize=4096)
def _canonical(url: str) -> str:
    try:
        return ids.canonical_repository(url)
    except ValueError:
        return url


def _with_key(headers: tuple[tuple[str, bytes | None], ...], key: bytes | None) -> tuple[tuple[str, bytes | None], ...]:
    """The headers, with the key as `ce_partitionkey` where a message in binary mode has none."""
    names = {name.lower() for name, _ in headers}
    if key is None or _PARTITIONKEY_HEADER in names or not any(name.startswith("ce_") for name in names):
        return headers
    return (*headers, (_PARTITIONKEY_HEADER, key))


def _resolved(headers: Headers) -> tuple[str | None, int]:
    """Where a message of the resolved topic was sent to, and how many repositories claim it; (None, 0) for any other."""
    found = {name: text for name, text in headers if text is not None and name in {REPOSITORY_HEADER, CLAIMS_HEADER}}
    if REPOSITORY_HEADER not in found:
        return None, 0
    claims = found.get(CLAIMS_HEADER, b"")
    number = int(claims) if claims.isdigit() and len(claims) <= _CLAIMS_DIGITS else 0
    return found[REPOSITORY_HEADER].decode("utf-8", "replace"), number


def _versions(headers: Headers) -> list[str]:
    """The hashes of the other versions of an event that came by alias. Anybody may write headers."""
    told = next((text for name, text in headers if name == VERSIONS_HEADER and text is not None), b"")
    return sorted(set(told.decode("ascii", "replace").split()))[:MAX_VERSIONS]


def _link(alias: str, repository: str, commit: str, reading: Reading) -> Output:
    told = {"repository": repository, "commit": commit, "event_id": reading.id, "day": day_of(reading.recorded)}
    value = orjson.dumps(told)
    return Output(LINKS, alias.encode(), value)
