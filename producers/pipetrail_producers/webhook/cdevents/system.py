"""CDEvents (cdevents.dev) 0.4.1, 0.5.1 and the draft of 0.6: which kinds there are, and what each becomes. Pure.

Taken are a CloudEvent in either mode whose data is the CDEvent, and a CDEvent by itself. CDEvents has no actor and no reason
but in a few places: what it does not say is absent. Events of a tool's own (`dev.cdeventsx.…`) have no agreed meaning.
"""

from collections.abc import Callable
from typing import Any

from pipetrail_producers.webhook.cdevents import delivery_line, runs, source_control
from pipetrail_producers.webhook.cdevents.message import CUSTOM_PREFIX, Message, kind_of, message
from pipetrail_producers.webhook.cloudevent import read
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import Kind, System, Translation, UntranslatableError

_RUN = "name, run id and page, outcome and errors"
_TEST = "suite or case, environment, outcome and reason"
_NOT_RECORDED = "not recorded: "

_KINDS: dict[str, tuple[Callable[[Message], Translation], Kind]] = {
    "pipelinerun.queued": (runs.pipelinerun, Kind(("pipelinerun.queued",), _RUN)),
    "pipelinerun.started": (runs.pipelinerun, Kind(("pipelinerun.started",), _RUN)),
    "pipelinerun.finished": (runs.pipelinerun, Kind(("pipelinerun.finished",), _RUN)),
    "taskrun.started": (runs.taskrun, Kind(("taskrun.started",), _RUN)),
    "taskrun.finished": (runs.taskrun, Kind(("taskrun.finished",), _RUN)),
    "build.queued": (runs.build, Kind(("build.queued",), "run id")),
    "build.started": (runs.build, Kind(("build.started",), "run id")),
    "build.finished": (runs.build, Kind(("build.finished", "artifact.packaged"), "run id, artifact; none without an artifact")),
    "testsuiterun.queued": (runs.testsuiterun, Kind((), f"{_NOT_RECORDED}the suite waits to be run")),
    "testsuiterun.started": (runs.testsuiterun, Kind(("testsuiterun.started",), _TEST)),
    "testsuiterun.finished": (runs.testsuiterun, Kind(("testsuiterun.finished",), _TEST)),
    "testcaserun.queued": (runs.testcaserun, Kind((), f"{_NOT_RECORDED}the test case waits to be run")),
    "testcaserun.started": (runs.testcaserun, Kind(("testsuiterun.started",), f"{_TEST}; none where it is of a suite")),
    "testcaserun.finished": (runs.testcaserun, Kind(("testsuiterun.finished",), f"{_TEST}; none where it is of a suite")),
    "testcaserun.skipped": (runs.testcaserun, Kind(("taskrun.skipped",), f"{_TEST}; none where it is of a suite")),
    "branch.created": (source_control.branch, Kind(("branch.created",), "repository, branch")),
    "branch.deleted": (source_control.branch, Kind(("branch.deleted",), "repository, branch")),
    "change.created": (source_control.change, Kind(("change.created",), "repository, change, description")),
    "change.updated": (source_control.change, Kind(("change.updated",), "repository, change")),
    "change.reviewed": (source_control.change, Kind(("change.reviewed",), "repository, change; it tells no verdict")),
    "change.merged": (source_control.change, Kind(("change.merged",), "repository, change; it tells no commit")),
    "change.abandoned": (source_control.change, Kind(("change.abandoned",), "repository, change")),
    "repository.created": (source_control.repo, Kind(("policy.changed",), "repository")),
    "repository.modified": (source_control.repo, Kind(("policy.changed",), "repository")),
    "repository.deleted": (source_control.repo, Kind(("policy.changed",), "repository")),
    "artifact.packaged": (delivery_line.artifact, Kind(("artifact.packaged",), "purl, digest, change; none without a digest")),
    "artifact.published": (delivery_line.artifact, Kind(("artifact.published",), "purl, digest, user; none without a digest")),
    "artifact.signed": (delivery_line.artifact, Kind(("artifact.signed",), "purl, digest; none without a digest")),
    "artifact.deleted": (delivery_line.artifact, Kind(("artifact.deleted",), "purl, digest, user; none without a digest")),
    "artifact.downloaded": (delivery_line.artifact, Kind((), f"{_NOT_RECORDED}somebody downloaded an artifact")),
    "service.deployed": (delivery_line.service, Kind(("deployment.finished",), "service, environment, artifact")),
    "service.upgraded": (delivery_line.service, Kind(("deployment.finished",), "service, environment, artifact")),
    "service.rolledback": (delivery_line.service, Kind(("deployment.rolledback",), "service, environment, artifact")),
    "service.removed": (delivery_line.service, Kind(("deployment.removed",), "service, environment")),
    "service.published": (delivery_line.service, Kind((), f"{_NOT_RECORDED}where a service can be reached")),
    "environment.created": (delivery_line.environment, Kind(("environment.created",), "name, address")),
    "environment.modified": (delivery_line.environment, Kind(("environment.modified",), "name, address")),
    "environment.deleted": (delivery_line.environment, Kind(("environment.deleted",), "name")),
    "approval.created": (delivery_line.approval, Kind(("approval.requested",), "who asks, and for what")),
    "approval.updated": (delivery_line.approval, Kind(("approval.decided",), "who decided, and what")),
    "approval.closed": (delivery_line.approval, Kind(("approval.decided", "approval.closed"), "who decided, and what")),
    "incident.detected": (delivery_line.incident, Kind(("incident.detected",), "description, service, environment, artifact")),
    "incident.reported": (delivery_line.incident, Kind(("incident.reported",), "as detected, and the ticket")),
    "incident.resolved": (delivery_line.incident, Kind(("incident.resolved",), "description, service, environment, artifact")),
    "ticket.created": (delivery_line.ticket, Kind(("ticket.created",), "id, address, summary, creator")),
    "ticket.updated": (delivery_line.ticket, Kind(("ticket.updated",), "id, address, summary, who updated it")),
    "ticket.closed": (delivery_line.ticket, Kind(("ticket.closed",), "id, address, summary, resolution, who closed it")),
    "testoutput.published": (
        lambda _: Translation(silent="a test's report or recording, no fact of the line"),
        Kind((), f"{_NOT_RECORDED}a test's report or recording"),
    ),
}


def kind(delivery: Delivery) -> str:
    """`build.started` and the like; "unknown" for what is no CDEvent."""
    return kind_of(_payload(delivery))


def translate(delivery: Delivery) -> Translation:
    """The facts of a delivery.

    Raises:
        UntranslatableError: it is no CDEvent, one of a kind that is not known, or it lacks what its kind always has.
    """
    payload = _payload(delivery)
    named = kind_of(payload)
    if named.startswith(CUSTOM_PREFIX):
        return Translation(silent="an event of a tool's own, whose meaning nobody agreed upon")
    if named not in _KINDS:
        raise UntranslatableError(f"cdevents {named:.100}: context.type is no kind of CDEvents")
    return _KINDS[named][0](message(payload, delivery))


def _payload(delivery: Delivery) -> Any:
    """The CDEvent itself: the body, or the data of the CloudEvent that carries it."""
    if isinstance(at(delivery.payload, "context"), dict):
        return delivery.payload
    found = read(delivery)
    return found.data if found else None


SYSTEM = System("cdevents", "CDEvents", {name: described for name, (_, described) in _KINDS.items()}, kind, translate)
