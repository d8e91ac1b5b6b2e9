"""From an event to its record: what is indexed. A pure function of the event's bytes, the ticket keys and the reference data.

The record is `data` with its unknown fields, plus what is derived: ECS's categories and outcome, OpenTelemetry's results,
ticket, stage, hash of the bytes and everything to pivot on (`related`). It names a trail only where the event itself names
repository and commit; events that join a trail by other evidence are found through the trail's entries, because what they join
may change, and a record never does.
"""

from collections.abc import Callable, Iterable

import orjson
from pipetrail_schemas.ticket import find_ticket

from pipetrail_processors.directory.context import NOTHING_KNOWN, Context
from pipetrail_processors.enrich.reading import Content, Reading

# ECS `event.outcome` (ECS 8, "event.outcome"): whether it succeeded, from the actor's point of view.
_OUTCOMES = {"success": "success", "failure": "failure", "error": "failure", "timeout": "failure"}
# OpenTelemetry `deployment.status` knows these two.
_DEPLOYMENT_STATUS = {"success": "succeeded", "failure": "failed", "error": "failed", "timeout": "failed"}
_WITH_TASK_RESULT = frozenset({"taskrun", "build", "testsuiterun"})
_FROM_ENVELOPE = ("subject", "authtype", "authid")
_FROM_REFERENCE = ("person", "human", "human_by", "team", "tier")
_DERIVED = frozenset({*_FROM_ENVELOPE, *_FROM_REFERENCE, "type", "event_type", "source", "trail", "finding"})
_PERSON = ("id", "name", "email")
_NOTHING: Content = {}


def record(reading: Reading, *, ticket: Content | None, trail: str | None, context: Context = NOTHING_KNOWN) -> bytes:
    """The record of an event, as JSON.

    Args:
        reading: the event.
        ticket: what `ticket_of` found.
        trail: the id of the trail of the repository and commit that the event names, None where it does not name both.
        context: what the reference data say.
    """
    result = reading.own.get("result")
    return orjson.dumps(
        {
            **reading.data,
            **(_results(reading, result) if result else _NOTHING),
            **_roles_and_service(reading, context),
            "@timestamp": reading.time,
            "event": _event_fields(reading, result),
            "pipetrail": {**_own_fields(reading, ticket, trail), **_known(context)},
            "related": {"hash": sorted(_hashes(reading)), "user": sorted(_users(reading, context))},
        }
    )


def ticket_of(reading: Reading, find: Callable[[Iterable[str | None]], str | None]) -> Content | None:
    """The ticket that the event gives; else the one that commit message, title of the change or name of the branch name.

    What looks like a ticket, and is none of the projects that the policy knows (`find` finds none in it), was guessed by a
    system's translator, which knows no policy.
    """
    given: Content | None = reading.own.get("ticket")
    if given and (find is find_ticket or "url" in given or find((given["id"],)) or not find_ticket((given["id"],))):
        return given
    message = (reading.own.get("commit") or _NOTHING).get("message")
    title = reading.change.get("title")
    branch = None if reading.head.get("type") == "tag" else reading.head.get("name")
    if not (message or title or branch):
        return None
    found = find((message, title, branch))
    return {"id": found} if found else None


def _event_fields(reading: Reading, result: str | None) -> Content:
    kind = reading.kind
    fields: Content = dict(reading.data.get("event") or _NOTHING)
    fields["id"] = reading.id
    fields["kind"] = "event"
    fields["category"] = (kind.category,)
    fields["type"] = kind.types
    fields["action"] = fields.get("action") or kind.name
    if result:
        fields["outcome"] = _OUTCOMES.get(result, "unknown")
    else:
        fields.pop("outcome", None)
    fields["created"] = reading.recorded
    fields["hash"] = reading.hash
    return fields


def _own_fields(reading: Reading, ticket: Content | None, trail: str | None) -> Content:
    content = reading.content
    # What is derived is never the origin's word, also where the envelope says nothing.
    own: Content = {name: value for name, value in reading.own.items() if name not in _DERIVED}
    own["type"] = content["type"]
    own["event_type"] = reading.kind.name
    own["source"] = reading.source
    for name in _FROM_ENVELOPE:
        if content.get(name):
            own[name] = content[name]
    if reading.stage:
        own["stage"] = reading.stage
    if ticket:
        own["ticket"] = ticket
    if trail:
        own["trail"] = {"id": trail}
    if finding := reading.own.get("finding"):
        own["finding"] = {"id": finding["id"]}
    return own


def _roles_and_service(reading: Reading, context: Context) -> Content:
    found: Content = {}
    user = reading.data.get("user")
    if context.roles and user:
        found["user"] = {**user, "roles": sorted({*(user.get("roles") or ()), *context.roles})}
    if context.service and not reading.data.get("service"):
        found["service"] = {"name": context.service}
    return found


def _known(context: Context) -> Content:
    """The reference data's part of `pipetrail`: who it was, who stands behind a bot, who owns it, what kind of environment."""
    person = context.person.shown if context.person else None
    told = {"person": person, "human": context.human, "human_by": context.human_by, "team": context.team, "tier": context.tier}
    return {name: value for name, value in told.items() if value}


def _results(reading: Reading, result: str) -> Content:
    """OpenTelemetry's own fields for the result, where the type has one."""
    subject = reading.kind.name.partition(".")[0]
    if subject == "deployment":
        status = _DEPLOYMENT_STATUS.get(result)
        return {"deployment": {**reading.deployment, "status": status}} if status else _NOTHING
    if subject == "pipelinerun":
        pipeline: Content = {**reading.pipeline, "result": result}
    elif subject in _WITH_TASK_RESULT:
        run = {**(reading.task.get("run") or _NOTHING), "result": result}
        pipeline = {**reading.pipeline, "task": {**reading.task, "run": run}}
    else:
        return _NOTHING
    return {"cicd": {**(reading.data.get("cicd") or _NOTHING), "pipeline": pipeline}}


def _hashes(reading: Reading) -> set[str]:
    base = (reading.vcs.get("ref") or _NOTHING).get("base") or _NOTHING
    change = reading.own.get("change") or _NOTHING
    found = {
        reading.head.get("revision"),
        base.get("revision"),
        change.get("merge_revision"),
        change.get("test_merge_revision"),
        reading.artifact.get("hash"),
    }
    return {value for value in found if value}


def _users(reading: Reading, context: Context) -> set[str]:
    user = reading.data.get("user") or _NOTHING
    commit = reading.own.get("commit") or _NOTHING
    actor = reading.own.get("actor") or _NOTHING
    resolved = context.person.shown if context.person else None
    told = (user, user.get("target"), actor.get("on_behalf_of"), commit.get("author"), commit.get("committer"))
    people = (*told, resolved, context.human)
    return {person[name] for person in people if person for name in _PERSON if person.get(name)}
