"""The pure core: enrich → correlate → detect, as one function of messages and state. No clock, no broker, no index.

The live application, replay over history and the tests call it alike. Delivery is at least once, so every call may come
again: state merges, and what a message had published the first time is published again, since "already in the state" does not
mean "already published".
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache

import orjson
from pipetrail_schemas import ids
from pipetrail_schemas.codec import Headers
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.topics import LINKS, RECORDS, RESOLVED

from pipetrail_processors.correlate.foreign import CLAIMS_HEADER, NO_REPOSITORY, REPOSITORY_HEADER, Foreign, alias_of
from pipetrail_processors.correlate.join import Joiner
from pipetrail_processors.correlate.nodes import Work
from pipetrail_processors.correlate.waiting import Waiting
from pipetrail_processors.enrich import record, ticket_of
from pipetrail_processors.fact import evidence_of, fact_of, is_digest, vouched
from pipetrail_processors.output import Output
from pipetrail_processors.policy import Policy
from pipetrail_processors.publish import Publisher, trail_id
from pipetrail_processors.reading import Reading, read
from pipetrail_processors.ruleset import RuleSet
from pipetrail_processors.state import State

__all__ = ["Output", "Pipeline"]


class Pipeline:
    """All that is decided about events. Keeps nothing between calls but what it was made with."""

    def __init__(self, *, policy: Policy, rules: RuleSet, alias_wait: timedelta) -> None:
        """Make a pipeline.

        Args:
            policy: what deliveries must have gone through.
            rules: what findings are made by.
            alias_wait: how long an event that names no commit waits for a link, counted from its recordedtime.
        """
        self._projects = frozenset(policy.tickets.projects)
        self._waiting = Waiting(alias_wait)
        self._joiner = Joiner(self._waiting)
        self._foreign = Foreign(self._waiting)
        self._publisher = Publisher(policy, rules)

    def on_event(self, value: bytes | None, headers: Headers, state: State) -> list[Output]:
        """Take in a message of the events or the resolved topic.

        Raises:
            InvalidEventError: it is no event. The state is as it was.
        """
        headers = tuple(headers)
        reading = read(value, headers)
        ticket = ticket_of(reading, self._projects)
        repository = _canonical(reading.repository) if reading.repository else None
        trail = trail_id(repository, reading.commit) if repository and reading.commit else None
        partitionkey: str = reading.content["partitionkey"]
        outputs = [Output(RECORDS, partitionkey.encode(), record(reading, ticket=ticket, trail=trail))]
        sent_to, claims = _resolved(headers)
        evidence = evidence_of(reading)
        fact = fact_of(reading, ticket, evidence)
        right_key = repository or reading.artifact.get("hash") or partitionkey
        if sent_to is None and right_key != partitionkey:
            moved = (*((name, text) for name, text in headers if text is not None), (REPOSITORY_HEADER, b""))
            return [*outputs, Output(RESOLVED, right_key.encode(), value, moved)]
        repository = repository or sent_to or NO_REPOSITORY
        work = Work(state, repository)
        if repository == NO_REPOSITORY:
            alias = alias_of(fact, partitionkey)
            forwarded, again = self._foreign.add(work, fact, alias, value or b"", headers)
            outputs += forwarded
            keys = {alias}
        else:
            if claims:
                fact["q"] = claims
            vouches = vouched(reading.kind, evidence) if "o" in fact else []
            joined = self._joiner.add(work, fact, vouches)
            outputs += [_link(alias, repository, fact["o"], reading.id) for alias in vouches if is_digest(alias)]
            self._remember_commit(work, reading)
            keys, again = joined.keys, joined.again
        outputs += self._publish(work, keys, again=again)
        work.save()
        return outputs

    def on_link(self, key: bytes | None, value: bytes | None, state: State) -> list[Output]:
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
        work = Work(state, NO_REPOSITORY)
        outputs = self._foreign.link(work, alias, repository, commit)
        outputs += self._publish(work, {alias}, again=True)
        work.save()
        return outputs

    def expire(self, state: State, now: datetime) -> list[Output]:
        """End the waits that have lasted long enough by `now`. One read when none has.

        To be called while the partition's events are read up to their end: a link in the backlog is not late.
        """
        outputs: list[Output] = []
        for repository, alias in self._waiting.due(state, now):
            work = Work(state, repository)
            keys = (self._foreign if repository == NO_REPOSITORY else self._joiner).end_wait(work, alias)
            outputs += self._publish(work, keys, again=False)
            work.save()
        return outputs

    def _publish(self, work: Work, keys: Iterable[str], *, again: bool) -> list[Output]:
        return [output for key in sorted(keys) for output in self._publisher.publish(work, key, again=again)]

    def _remember_commit(self, work: Work, reading: Reading) -> None:
        if reading.commit and reading.kind.name == "commit.recorded":
            parents = (reading.own.get("commit") or {}).get("parents")
            if parents is not None:
                work.remember_parents(reading.commit, parents)


@lru_cache(maxsize=4096)
def _canonical(url: str) -> str:
    try:
        return ids.canonical_repository(url)
    except ValueError:
        return url


def _resolved(headers: Headers) -> tuple[str | None, int]:
    """Where a message of the resolved topic was sent to, and how many repositories claim it; (None, 0) for any other."""
    found = {name: text for name, text in headers if text is not None and name in {REPOSITORY_HEADER, CLAIMS_HEADER}}
    if REPOSITORY_HEADER not in found:
        return None, 0
    claims = found.get(CLAIMS_HEADER, b"")
    return found[REPOSITORY_HEADER].decode("utf-8", "replace"), int(claims) if claims.isdigit() else 0


def _link(alias: str, repository: str, commit: str, event_id: str) -> Output:
    value = orjson.dumps({"repository": repository, "commit": commit, "event_id": event_id})
    return Output(LINKS, alias.encode(), value)
