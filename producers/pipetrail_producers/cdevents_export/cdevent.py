"""An event as a CDEvent 0.5.1. Pure.

CDEvents has no actor and no reason: the whole of the event's data goes along as `customData`, so that nothing is lost. The
CDEvent's id is the event's, so that a repeated export is a repetition to its reader.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pipetrail_schemas.types import BY_FULL_NAME

from pipetrail_producers.cdevents_export import subject as subjects
from pipetrail_producers.cdevents_export.subject import Maker, Told, UnexportableError, without_nothing
from pipetrail_producers.webhook.payload import at, text

VERSION = "0.5.1"
# Short type → CDEvents' type with the version of its schema, and what makes its subject.
_TYPES: dict[str, tuple[str, Maker]] = {
    "branch.created": ("branch.created.0.3.0", subjects.branch),
    "branch.deleted": ("branch.deleted.0.3.0", subjects.branch),
    "change.created": ("change.created.0.4.0", subjects.new_change),
    "change.updated": ("change.updated.0.3.0", subjects.change),
    "change.reviewed": ("change.reviewed.0.3.0", subjects.change),
    "change.merged": ("change.merged.0.3.0", subjects.change),
    "change.abandoned": ("change.abandoned.0.3.0", subjects.change),
    "pipelinerun.queued": ("pipelinerun.queued.0.3.0", subjects.pipelinerun),
    "pipelinerun.started": ("pipelinerun.started.0.3.0", subjects.started_pipelinerun),
    "pipelinerun.finished": ("pipelinerun.finished.0.3.0", subjects.finished_pipelinerun),
    "taskrun.started": ("taskrun.started.0.3.0", subjects.taskrun),
    "taskrun.finished": ("taskrun.finished.0.3.0", subjects.finished_taskrun),
    "build.queued": ("build.queued.0.3.0", subjects.build),
    "build.started": ("build.started.0.3.0", subjects.build),
    "build.finished": ("build.finished.0.3.0", subjects.finished_build),
    "testsuiterun.started": ("testsuiterun.started.0.3.0", subjects.testsuiterun),
    "testsuiterun.finished": ("testsuiterun.finished.0.3.0", subjects.finished_testsuiterun),
    "artifact.packaged": ("artifact.packaged.0.3.0", subjects.packaged),
    "artifact.published": ("artifact.published.0.3.0", subjects.artifact),
    "artifact.deleted": ("artifact.deleted.0.2.0", subjects.artifact),
    "deployment.finished": ("service.deployed.0.3.0", subjects.deployed),
    "deployment.rolledback": ("service.rolledback.0.3.0", subjects.service),
    "deployment.removed": ("service.removed.0.3.0", subjects.removed),
    "environment.created": ("environment.created.0.3.0", subjects.environment),
    "environment.modified": ("environment.modified.0.3.0", subjects.environment),
    "environment.deleted": ("environment.deleted.0.3.0", subjects.environment),
    "incident.detected": ("incident.detected.0.3.0", subjects.incident),
    "incident.reported": ("incident.reported.0.3.0", subjects.reported_incident),
    "incident.resolved": ("incident.resolved.0.3.0", subjects.incident),
    "ticket.created": ("ticket.created.0.2.0", subjects.new_ticket),
    "ticket.updated": ("ticket.updated.0.2.0", subjects.updated_ticket),
    "ticket.closed": ("ticket.closed.0.2.0", subjects.closed_ticket),
}


class Exported(NamedTuple):
    """A CDEvent; where there is none, `why` says why."""

    cdevent: dict[str, Any] | None
    why: str = ""


def cdevent(event: Mapping[str, Any]) -> Exported:
    """The CDEvent of a valid event (a CloudEvent in structured mode, decoded)."""
    kind = BY_FULL_NAME.get(text(event, "type") or "")
    if kind is None:
        return Exported(None, "it is no event of pipetrail's")
    if kind.name not in _TYPES:
        return Exported(None, f"CDEvents has no {kind.name}")
    named, make = _TYPES[kind.name]
    data = at(event, "data")
    told = Told(data if isinstance(data, Mapping) else {}, text(event, "subject") or str(event.get("id")))
    try:
        subject = without_nothing(make(told))
    except UnexportableError as exc:
        return Exported(None, f"{kind.name}: {exc}")
    context = {
        "specversion": VERSION,
        "id": event.get("id"),
        "source": event.get("source"),
        "type": f"dev.cdevents.{named}",
        "timestamp": event.get("time"),
    }
    custom = {"type": kind.full_name, "data": told.data}
    return Exported({"context": context, "subject": subject, "customData": custom, "customDataContentType": "application/json"})
