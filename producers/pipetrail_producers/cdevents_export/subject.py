"""The subject of a CDEvent for each type of event: its id and content, as CDEvents 0.5.1 requires them. Pure.

What CDEvents requires and the event does not tell makes the event one that cannot be exported; nothing is made up.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from pipetrail_schemas.types import Result

from pipetrail_producers.ci.context import origin
from pipetrail_producers.webhook.fact import pruned
from pipetrail_producers.webhook.payload import text

# CDEvents has no time-out; a run that took too long has failed. A skipped run has no outcome at all.
_OUTCOMES = {
    Result.SUCCESS.value: "success",
    Result.FAILURE.value: "failure",
    Result.TIMEOUT.value: "failure",
    Result.ERROR.value: "error",
    Result.CANCELLATION.value: "cancel",
}


class UnexportableError(ValueError):
    """Raised for an event that CDEvents has no words for; the message says what is missing. It never leaves the export."""


class Subject(NamedTuple):
    """A subject's id and content."""

    id: str
    content: dict[str, Any]


class Told(NamedTuple):
    """An event's data, and its CloudEvents subject."""

    data: Mapping[str, Any]
    subject: str

    def get(self, path: str) -> str | None:
        """A text; None where there is none."""
        return text(self.data, path)

    def need(self, *paths: str) -> str:
        """The first text that there is.

        Raises:
            UnexportableError: there is none.
        """
        found = next((found for path in paths if (found := self.get(path))), None)
        if found is None:
            raise UnexportableError(f"{paths[0]} is not told, which CDEvents requires")
        return found


def branch(told: Told) -> Subject:
    """branch.created, deleted."""
    return Subject(told.need("vcs.ref.head.name"), {"repository": _repository(told)})


def change(told: Told) -> Subject:
    """change.updated, reviewed, merged, abandoned."""
    return Subject(told.need("vcs.change.id"), {"repository": _repository(told)})


def new_change(told: Told) -> Subject:
    """change.created."""
    return Subject(told.need("vcs.change.id"), {"repository": _repository(told), "description": told.get("vcs.change.title")})


def pipelinerun(told: Told) -> Subject:
    """pipelinerun.queued."""
    return Subject(
        told.need("cicd.pipeline.run.id"),
        {
            "pipelineName": told.get("cicd.pipeline.name"),
            "uri": told.get("cicd.pipeline.run.url.full"),
        },
    )


def finished_pipelinerun(told: Told) -> Subject:
    """pipelinerun.finished."""
    begun = pipelinerun(told)
    return Subject(begun.id, {**begun.content, **_ending(told)})


def started_pipelinerun(told: Told) -> Subject:
    """pipelinerun.started, which needs a name and a page."""
    content = {"pipelineName": told.need("cicd.pipeline.name"), "uri": told.need("cicd.pipeline.run.url.full")}
    return Subject(told.need("cicd.pipeline.run.id"), content)


def taskrun(told: Told) -> Subject:
    """taskrun.started."""
    run = told.get("cicd.pipeline.run.id")
    content = {
        "taskName": told.get("cicd.pipeline.task.name"),
        "uri": told.get("cicd.pipeline.task.run.url.full"),
        "pipelineRun": {"id": run},
    }
    return Subject(told.need("cicd.pipeline.task.run.id", "cicd.pipeline.task.name"), content)


def finished_taskrun(told: Told) -> Subject:
    """taskrun.finished."""
    begun = taskrun(told)
    return Subject(begun.id, {**begun.content, **_ending(told)})


def build(told: Told) -> Subject:
    """build.queued, started."""
    return Subject(told.get("cicd.pipeline.task.run.id") or told.get("cicd.pipeline.run.id") or told.subject, {})


def finished_build(told: Told) -> Subject:
    """build.finished, which has no outcome in CDEvents: only one that succeeded says what it says there."""
    if told.get("pipetrail.result") != Result.SUCCESS:
        raise UnexportableError("CDEvents has no builds that did not succeed")
    return Subject(build(told).id, {"artifactId": _artifact_id(told) if told.get("artifact.hash") else None})


def testsuiterun(told: Told) -> Subject:
    """testsuiterun.started."""
    return Subject(told.subject, {"environment": _environment(told), "testSuite": _suite(told)})


def finished_testsuiterun(told: Told) -> Subject:
    """testsuiterun.finished."""
    outcome = _ending(told).get("outcome")
    if outcome is None:
        raise UnexportableError("a test run without an outcome is no finished one to CDEvents")
    content = {
        "outcome": outcome,
        "reason": told.get("event.reason"),
        "environment": _environment(told),
        "testSuite": _suite(told),
    }
    return Subject(told.subject, content)


def packaged(told: Told) -> Subject:
    """artifact.packaged, which needs the change that it was made of."""
    change_id = told.need("vcs.ref.head.revision", "vcs.change.id")
    return Subject(_artifact_id(told), {"change": {"id": change_id, "source": told.get("vcs.repository.url.full")}})


def artifact(told: Told) -> Subject:
    """artifact.published, deleted."""
    return Subject(_artifact_id(told), {"user": told.get("user.name")})


def deployed(told: Told) -> Subject:
    """service.deployed, of a deployment that succeeded."""
    if told.get("pipetrail.result") != Result.SUCCESS:
        raise UnexportableError("CDEvents has no deployments that did not succeed")
    return service(told)


def service(told: Told) -> Subject:
    """service.rolledback."""
    return Subject(_service(told), {**removed(told).content, "artifactId": _artifact_id(told)})


def removed(told: Told) -> Subject:
    """service.removed."""
    return Subject(_service(told), {"environment": {"id": told.need("deployment.environment.name")}})


def environment(told: Told) -> Subject:
    """environment.created, modified, deleted."""
    found = told.need("deployment.environment.name")
    return Subject(found, {"name": found})


def incident(told: Told) -> Subject:
    """incident.detected, resolved."""
    named = told.get("service.name")
    content = {
        "description": told.get("event.reason"),
        "environment": {"id": told.need("deployment.environment.name")},
        "service": {"id": named} if named else None,
        "artifactId": _artifact_id(told) if told.get("artifact.hash") else None,
    }
    return Subject(told.subject, content)


def reported_incident(told: Told) -> Subject:
    """incident.reported, which needs its ticket's address."""
    return Subject(told.subject, {**incident(told).content, "ticketURI": told.need("pipetrail.ticket.url.full")})


def new_ticket(told: Told) -> Subject:
    """ticket.created."""
    content = {"summary": told.need("event.reason"), "creator": told.need("user.name", "user.id"), **_ticket(told)}
    return Subject(told.need("pipetrail.ticket.id"), content)


def updated_ticket(told: Told) -> Subject:
    """ticket.updated."""
    content = {"summary": told.get("event.reason"), "updatedBy": told.get("user.name"), **_ticket(told)}
    return Subject(told.need("pipetrail.ticket.id"), content)


def closed_ticket(told: Told) -> Subject:
    """ticket.closed, which needs how it was resolved."""
    updated = updated_ticket(told)
    return Subject(updated.id, {**updated.content, "resolution": told.need("pipetrail.labels.resolution")})


Maker = Callable[[Told], Subject]


def without_nothing(subject: Subject) -> dict[str, Any]:
    """A subject as an object, without members that say nothing."""
    return {"id": subject.id, "content": pruned(subject.content)}


def _ending(told: Told) -> dict[str, str | None]:
    return {"outcome": _OUTCOMES.get(told.get("pipetrail.result") or ""), "errors": told.get("event.reason")}


def _repository(told: Told) -> dict[str, str | None]:
    url = told.need("vcs.repository.url.full")
    return {"id": url, "source": origin(url)}


def _environment(told: Told) -> dict[str, str]:
    """Where tests ran: the environment, else the run that they were a part of."""
    return {"id": told.need("deployment.environment.name", "cicd.pipeline.run.id")}


def _suite(told: Told) -> dict[str, str]:
    return {"id": told.need("cicd.pipeline.task.name", "cicd.pipeline.name")}


def _ticket(told: Told) -> dict[str, str]:
    return {"uri": told.need("pipetrail.ticket.url.full")}


def _service(told: Told) -> str:
    return told.need("service.name", "deployment.name", "deployment.environment.name")


def _artifact_id(told: Told) -> str:
    """A package URL with the digest: the artifact's own, else a generic one (purl specification, type `generic`)."""
    digest, own = told.need("artifact.hash"), told.get("artifact.purl")
    if own:
        is_in_it = digest in own or quote(digest, safe="") in own
        return own if is_in_it else f"{own}{'&' if '?' in own else '?'}checksum={digest}"
    version = told.get("artifact.version")
    tag = f"@{quote(version, safe='')}" if version else ""
    return f"pkg:generic/{quote(told.get('artifact.filename') or 'artifact', safe='')}{tag}?checksum={digest}"
