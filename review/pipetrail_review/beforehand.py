"""What the rules would find if something were done now: the question of the gate, asked of the trails before the deed.

The deed is an event that has not happened. It is judged after those that are indexed of its change, by the machine that would
judge it afterwards, so that the gate says no where a finding would say that it should have: a required stage that did not run
or failed, approvals that are not there or do not count, an artifact that nobody built. What only roles and freezes decide is
asked of the policy itself (`guard.decision`).
"""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import NamedTuple

import orjson
from pipetrail_processors.detect.ruleset import Compiled, RuleSet
from pipetrail_processors.directory.reference import Reference
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.guard.roles import Action
from pipetrail_processors.output import Output
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.replay.history import event_of
from pipetrail_processors.state.state import MemoryState
from pipetrail_schemas.check import lookup
from pipetrail_schemas.times import parse_time
from pipetrail_schemas.topics import EVENTS as EVENTS_TOPIC
from pipetrail_schemas.topics import FINDINGS, LINKS, RESOLVED

from pipetrail_review.client import Client, Document
from pipetrail_review.kinds import EVENTS, TRAILS
from pipetrail_review.query import Query, all_of, any_of, is_, one_of

# The event that a deed will be; for other actions the trails say nothing that the policy does not.
DEEDS: Mapping[str, str] = {Action.DEPLOY: "deployment.started", Action.MERGE: "change.merged"}
# The policy itself was asked for roles and freezes; and who was there is no reason to wait for.
_NOT_ASKED = frozenset({"role-overstepped", "deployed-in-freeze", "no-human-behind"})
_CATEGORIES = frozenset({"override", "policy"})
# An artifact that nobody built by now is unknown to whoever asks now.
_ALIAS_WAIT = timedelta(seconds=1)
# Of one change; more are of a trail that a person should look at.
_MOST_EVENTS = 1_000
_MOST_TRAILS = 20
_REPOSITORY, _HEAD, _CHANGE, _HASHES = "vcs.repository.url.full", "vcs.ref.head.revision", "vcs.change.id", "related.hash"
_HEADERS = (("content-type", b"application/cloudevents+json"),)


class Judges(NamedTuple):
    """By what is judged: as the live processor is told in the same place."""

    policy: Policy
    rules: RuleSet
    reference: Reference


def history(client: Client, deed: Document) -> list[bytes]:
    """The events that are indexed of what the deed is about: its commit, artifact and change, in order of time.

    Args:
        client: where the trails are.
        deed: the event that it would be (`DEEDS`); it names one of the three.

    Raises:
        ReviewError: OpenSearch has no answer.
    """
    data = deed["data"]
    repository = lookup(data, _REPOSITORY) or ""
    named = [lookup(data, field) for field in (_HEAD, "artifact.hash", _CHANGE)]
    events = _events(client, [_about(repository, *named)])
    # The commits of a change have runs that do not name it.
    heads = {head for one in events if (head := lookup(one, _HEAD))}
    if named[-1] and heads:
        runs = all_of(is_(_REPOSITORY, repository), one_of(_HEAD, sorted(heads)))
        events = _events(client, [_about(repository, *named), runs])
    return [event_of(one) for one in events]


def judged(events: Iterable[bytes], deed: Document, judges: Judges) -> list[str]:
    """What would be found about the deed after the events, by rules' ids, then words; nothing where it may be done. Pure.

    Args:
        events: what happened before.
        deed: the event that it would be.
        judges: by what to judge.
    """
    asked = RuleSet.of([one.rule for one in judges.rules.rules if _is_asked(one)], judges.rules.grounds)
    pipeline = Pipeline(policy=judges.policy, rules=asked, alias_wait=_ALIAS_WAIT, reference=lambda: judges.reference)
    state = MemoryState()
    latest: dict[bytes, Document] = {}
    told = deque(Output(EVENTS_TOPIC, b"", value, _HEADERS) for value in (*events, orjson.dumps(deed)))
    ends = parse_time(deed["recordedtime"]) + 2 * _ALIAS_WAIT
    while told:
        for output in _follows(pipeline, told.popleft(), state):
            if output.topic is FINDINGS:
                latest[output.key] = orjson.loads(output.value or b"{}")
            elif output.topic in {LINKS, RESOLVED}:
                told.append(output)
        if not told:
            told.extend(pipeline.expire(state, ends))
    found = (one for one in latest.values() if _is_about(one, deed["id"]))
    hits = sorted((one["rule"]["id"], one["message"]) for one in found)
    return [f"{message} ({rule})" for rule, message in hits]


def _follows(pipeline: Pipeline, message: Output, state: MemoryState) -> list[Output]:
    if message.topic is LINKS:
        return pipeline.on_link(message.key, message.value, state)
    if message.topic in {EVENTS_TOPIC, RESOLVED}:
        return pipeline.on_event(message.value, message.headers, state)
    return [message]  # of what ended by itself: it leads nowhere further


def _is_asked(rule: Compiled) -> bool:
    return rule.rule.category in _CATEGORIES and rule.rule.id not in _NOT_ASKED


def _is_about(finding: Document, event_id: str) -> bool:
    state = finding["pipetrail"]["finding"]
    return state["status"] == "open" and event_id in state["evidence"]


def _events(client: Client, queries: list[Query]) -> list[Document]:
    """What is indexed of it, in order of time; with the events that joined its trails by evidence, which do not name it."""
    trails = client.search(TRAILS, any_of(*queries), limit=_MOST_TRAILS).documents
    entries = {entry["event_id"] for trail in trails for entry in lookup(trail, "pipetrail.trail.entries") or ()}
    query = any_of(*queries, one_of("event.id", sorted(entries)[:_MOST_EVENTS]))
    return client.search(EVENTS, query, limit=_MOST_EVENTS).documents[::-1]


def _about(repository: str, commit: str | None, digest: str | None, change: str | None) -> Query:
    hashes = [one for one in (commit, digest) if one]
    ways = [one_of(_HASHES, hashes)] if hashes else []
    if change:
        ways.append(all_of(is_(_REPOSITORY, repository), is_(_CHANGE, change)))
    return any_of(*ways)
