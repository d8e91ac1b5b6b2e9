"""From an event to its record: what is indexed. A pure function of the event's bytes and the policy's ticket keys.

The record is `data` with its unknown fields, plus what is derived: ECS's categories and outcome, OpenTelemetry's results,
ticket, stage, hash of the bytes and everything to pivot on (`related`). It names a trail only where the event itself names
repository and commit; events that join a trail by other evidence are found through the trail's entries, because what they join
may change, and a record never does.
"""

from collections.abc import Collection, Iterator

import orjson
from pipetrail_schemas.types import EventType

from pipetrail_processors.reading import Content, Reading, ref_names, stage_of
from pipetrail_processors.ticket import find_ticket

# ECS `event.outcome` (ECS 8, "event.outcome"): whether it succeeded, from the actor's point of view.
_OUTCOMES = {"success": "success", "failure": "failure", "error": "failure", "timeout": "failure"}
# OpenTelemetry `deployment.status` knows these two.
_DEPLOYMENT_STATUS = {"success": "succeeded", "failure": "failed", "error": "failed", "timeout": "failed"}
_TASKS = ("taskrun", "build", "testsuiterun")


def record(reading: Reading, *, ticket: Content | None, trail: str | None) -> bytes:
    """The record of an event, as JSON.

    Args:
        reading: the event.
        ticket: what `ticket_of` found.
        trail: the id of the trail of the repository and commit that the event names, None where it does not name both.
    """
    data = reading.data
    result = (data.get("pipetrail") or {}).get("result")
    return orjson.dumps(
        {
            **data,
            **_results(data, reading.kind, result),
            "@timestamp": reading.time,
            "event": _event_fields(reading, result),
            "pipetrail": _own_fields(reading, ticket, trail),
            "related": {"hash": sorted(set(_hashes(data))), "user": sorted(set(_users(data)))},
        }
    )


def ticket_of(data: Content, projects: Collection[str]) -> Content | None:
    """The ticket that the event gives; else the one that commit message, title of the change or branch name."""
    own = data.get("pipetrail") or {}
    if own.get("ticket"):
        given: Content = own["ticket"]
        return given
    message = (own.get("commit") or {}).get("message")
    title, branch = ref_names(data)
    if not (message or title or branch):
        return None
    found = find_ticket((message, title, branch), projects)
    return {"id": found} if found else None


def _event_fields(reading: Reading, result: str | None) -> Content:
    fields: Content = dict(reading.data.get("event") or {})
    kind = reading.kind
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
    own: Content = dict(reading.data.get("pipetrail") or {})
    own["type"] = content["type"]
    own["event_type"] = reading.kind.name
    own["source"] = reading.source
    for name in ("subject", "authtype", "authid"):
        if content.get(name):
            own[name] = content[name]
    if stage := stage_of(reading.data, reading.kind):
        own["stage"] = stage
    if ticket:
        own["ticket"] = ticket
    if trail:
        own["trail"] = {"id": trail}
    return own


def _results(data: Content, kind: EventType, result: str | None) -> Content:
    """OpenTelemetry's own fields for the result, where the type has one."""
    if not result:
        return {}
    subject = kind.name.partition(".")[0]
    if subject == "deployment":
        status = _DEPLOYMENT_STATUS.get(result)
        return {"deployment": {**data["deployment"], "status": status}} if status else {}
    if subject not in {*_TASKS, "pipelinerun"}:
        return {}
    cicd: Content = dict(data.get("cicd") or {})
    pipeline: Content = dict(cicd.get("pipeline") or {})
    if subject == "pipelinerun":
        pipeline["result"] = result
    else:
        task: Content = dict(pipeline.get("task") or {})
        task["run"] = {**(task.get("run") or {}), "result": result}
        pipeline["task"] = task
    return {"cicd": {**cicd, "pipeline": pipeline}}


def _hashes(data: Content) -> Iterator[str]:
    refs = (data.get("vcs") or {}).get("ref") or {}
    own = data.get("pipetrail") or {}
    change = own.get("change") or {}
    for value in (
        (refs.get("head") or {}).get("revision"),
        (refs.get("base") or {}).get("revision"),
        change.get("merge_revision"),
        change.get("test_merge_revision"),
        (data.get("artifact") or {}).get("hash"),
    ):
        if value:
            yield value


def _users(data: Content) -> Iterator[str]:
    user = data.get("user") or {}
    own = data.get("pipetrail") or {}
    commit = own.get("commit") or {}
    actor = own.get("actor") or {}
    people = (user, user.get("target"), actor.get("on_behalf_of"), commit.get("author"), commit.get("committer"))
    for person in people:
        if person:
            for name in ("id", "name", "email"):
                if value := person.get(name):
                    yield value
