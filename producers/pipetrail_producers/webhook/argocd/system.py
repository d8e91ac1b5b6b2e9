"""Argo CD's notifications: which kinds there are, and the facts of each. Pure.

A notification's body is a template of the user's own; taken is one with the whole application in it (`{"app": {{toJson .app}},
"context": {{toJson .context}}}`), or the application alone. Which trigger sent it is not told and does not matter: the facts
are read off the application's last operation, keyed by its start, so that several triggers of one operation tell one fact.

One operation deploys a commit of the configuring repository and any number of images. Each of them is told as an event of its
own with the same `deployment.id`: a commit's trail and an artifact's trail are in different repositories, as a rule.
"""

from collections.abc import Iterator
from datetime import datetime

from pipetrail_schemas.times import format_time
from pipetrail_schemas.types import ActorType, Result

from pipetrail_producers.webhook.argocd.application import (
    Application,
    application,
    commits,
    images,
    is_rollback,
    revisions,
    settings_problem,
)
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.image import Image
from pipetrail_producers.webhook.payload import at, moment
from pipetrail_producers.webhook.translation import Kind, System, Translation, UntranslatableError
from pipetrail_producers.webhook.values import Data, cut, merged, name, said, title

_RESULTS = {"Succeeded": Result.SUCCESS, "Failed": Result.FAILURE, "Error": Result.ERROR}
_RUNNING = frozenset({"Running", "Terminating"})
_NO_OPERATION = "no operation of this application has run"
_DRY_RUN = "a dry run deploys nothing"
# How Argo CD begins the message of an operation that somebody ended.
_TERMINATED = "Operation terminated"
# Tokens of a project's roles act under a name with this prefix: no person.
_PROJECT_TOKEN = "proj:"  # noqa: S105 - a prefix of names
_CONTROLLER = "argocd-application-controller"
_DEPLOYMENT = "application, destination, environment, times, who began it, commits of the configuring repositories"


def kind(delivery: Delivery) -> str:
    """The phase of the last operation in lower case; "deleted", "no_operation", or "unknown" for what is no application."""
    found = at(delivery.payload, "app") or delivery.payload
    if name(found, "metadata.name") is None:
        return "unknown"
    if name(found, "metadata.deletionTimestamp"):
        return "deleted"
    return (name(found, "status.operationState.phase") or "no_operation").lower()


def translate(delivery: Delivery) -> Translation:
    """The facts of a delivery.

    Raises:
        UntranslatableError: it has no application, or one whose operation lacks what it always has.
    """
    app = application(delivery)
    deleted = moment(app.object, "metadata.deletionTimestamp")
    if deleted:
        return Translation((_fact(app, ("deployment.removed", "removed"), deleted, _where(app), app.key),))
    facts = [*_operation(app, delivery.received), *_incident(app)]
    if facts:
        return Translation(tuple(facts))
    return Translation(silent=_DRY_RUN if app.phase else _NO_OPERATION)


def _operation(app: Application, received: datetime) -> Iterator[Fact]:
    if app.phase is None or at(app.operation, "operation.sync.dryRun") is True:
        return
    if app.started is None:
        raise UntranslatableError(f"argocd {app.phase.lower():.40}: app.status.operationState.startedAt is missing, or no time")
    if app.phase not in {*_RESULTS, *_RUNNING}:
        raise UntranslatableError(f"argocd {app.phase.lower():.40}: app.status.operationState.phase is none that is known")
    key = f"{app.key}@{format_time(app.started)}"
    data = merged(_where(app), _who(app), {"deployment": {"id": key}, "event": {"start": format_time(app.started)}})
    sources = commits(app)
    begun = merged(data, {"vcs": sources[0]} if sources else {})
    if not _is_automatic(app):
        by_hand = merged(begun, {"event": {"action": "sync"}})
        yield _fact(app, ("intervention.recorded", "sync"), app.started, by_hand, key)
    yield _fact(app, ("deployment.started", "started"), app.started, begun, key)
    if app.phase in _RESULTS:
        yield from _end(app, moment(app.operation, "finishedAt") or received, data, key)


def _end(app: Application, time: datetime, data: Data, key: str) -> Iterator[Fact]:
    result = _RESULTS[app.phase or ""]
    message = title(app.operation, "message")
    if result is Result.FAILURE and message and message.startswith(_TERMINATED):
        result = Result.CANCELLATION
    is_good = result is Result.SUCCESS
    whole = merged(
        data,
        {
            "event": {"end": format_time(time), "reason": None if is_good else message},
            "pipetrail": {"result": result.value, "result_raw": app.phase},
        },
    )
    is_healthy = is_good and at(app.object, "status.health.status") == "Healthy"
    found = images(app, is_healthy=is_healthy)
    whole = merged(whole, {"pipetrail": {"labels": {"images": cut(", ".join(map(str, found)))}}})
    for number, (mark, what) in enumerate(_deployed(app, found)):
        # The first is the operation itself, whatever is known of what it deployed.
        part = f"{key} {mark}" if number else key
        yield _fact(app, ("deployment.finished", "finished"), time, merged(whole, what), part)
        if is_good and is_rollback(app):
            yield _fact(app, ("deployment.rolledback", "rolledback"), time, merged(whole, what), part)


def _deployed(app: Application, found: list[Image]) -> list[tuple[str, Data]]:
    """What was deployed, each with its mark: commits of configuring repositories, and images that are known by their digest."""
    what: list[tuple[str, Data]] = [(str(at(one, "ref.head.revision")), {"vcs": one}) for one in commits(app)]
    what += [(one.digest, {"artifact": one.artifact}) for one in found if one.digest]
    if not what and len(found) == 1:
        # A tag can be moved: it says what was asked for. Still it is all that is known.
        what = [("", {"artifact": found[0].artifact})]
    return what or [("", {})]


def _incident(app: Application) -> Iterator[Fact]:
    since = moment(app.object, "status.health.lastTransitionTime")
    if at(app.object, "status.health.status") == "Degraded" and since:
        reason = title(app.object, "status.health.message") or f"{app.name} is degraded"
        data = merged(_where(app), {"event": {"reason": reason}})
        yield _fact(app, ("incident.detected", "degraded"), since, data, f"{app.key}@{format_time(since)}")


def _where(app: Application) -> Data:
    return {
        "cicd": {"system": "argocd"},
        "deployment": {"name": app.name, "environment": {"name": app.environment}, "url": {"full": app.page}},
        "service": {"name": app.name},
        "pipetrail": {
            "labels": {
                "project": name(app.object, "spec.project"),
                "destination": app.destination,
                "revision": cut(", ".join(revisions(app))),
                "retries": said(app.operation, "retryCount"),
            }
        },
    }


def _who(app: Application) -> Data:
    user = name(app.operation, "operation.initiatedBy.username")
    if _is_by_controller(app):
        user, actor = _CONTROLLER, ActorType.SYSTEM
    else:
        actor = ActorType.API_KEY if user and user.startswith(_PROJECT_TOKEN) else ActorType.USER if user else ActorType.UNKNOWN
    trigger = "automated" if _is_by_controller(app) else "manual" if actor is ActorType.USER else None
    return {"user": {"name": user}, "pipetrail": {"actor": {"type": actor.value}, "trigger": trigger}}


def _is_by_controller(app: Application) -> bool:
    return at(app.operation, "operation.initiatedBy.automated") is True


def _is_automatic(app: Application) -> bool:
    """Whether no person is known to have begun the operation."""
    user = name(app.operation, "operation.initiatedBy.username")
    return _is_by_controller(app) or user is None or user.startswith(_PROJECT_TOKEN)


def _fact(app: Application, what: tuple[str, str], time: datetime, data: Data, native_id: str) -> Fact:
    """A fact; `what` is its type and state."""
    type_, state = what
    return Fact(
        type=type_,
        time=time,
        provider="argocd",
        instance=app.instance,
        kind="incident" if type_.startswith("incident") else "application" if state == "removed" else "operation",
        native_id=native_id,
        state=state,
        data=data,
        subject=app.name,
    )


_BEGUN = ("deployment.started", "intervention.recorded", "incident.detected")
_ENDED = (*_BEGUN, "deployment.finished", "deployment.rolledback")
_KINDS = {
    "running": Kind(_BEGUN, _DEPLOYMENT),
    "terminating": Kind(_BEGUN, _DEPLOYMENT),
    "succeeded": Kind(_ENDED, f"{_DEPLOYMENT}, images and their digests; that it is degraded"),
    "failed": Kind(_ENDED, f"{_DEPLOYMENT}, the message; that it is degraded"),
    "error": Kind(_ENDED, f"{_DEPLOYMENT}, the message; that it is degraded"),
    "deleted": Kind(("deployment.removed",), "application, destination, environment"),
    "no_operation": Kind(("incident.detected",), f"that it is degraded; else nothing: {_NO_OPERATION}"),
}
SYSTEM = System("argocd", "Argo CD", _KINDS, kind, translate, settings_problem)
