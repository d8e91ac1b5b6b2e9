"""CDEvents of artifacts, services, environments, approvals, incidents and tickets. Pure."""

from pipetrail_schemas.types import Decision, Result

from pipetrail_producers.webhook.cdevents.message import Message, repository_of, what, where
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from pipetrail_producers.webhook.values import Data, full_revision, merged, title, url

_NO_DIGEST = "the artifact's id tells no digest, by which alone an artifact is known"
_NO_ENVIRONMENT = "it is not told in which environment"
# CDEvents' decision (0.6); the others hand the question on.
_DECISIONS = {"approved": Decision.APPROVED, "rejected": Decision.REJECTED, "requestChanges": Decision.REJECTED}


def artifact(told: Message) -> Translation:
    """artifact.packaged, published, signed, deleted; a download says nothing about delivery."""
    if told.kind == "artifact.downloaded":
        return Translation(silent="somebody downloaded an artifact")
    found = what(told.need("id"))
    if not at(found, "artifact.hash"):
        return Translation(silent=_NO_DIGEST)
    sbom = {"pipetrail": {"labels": {"sbom": told.told("sbom.uri")}}}
    return Translation((told.fact(told.kind, merged(found, _origin(told), _user(told.told("user")), sbom)),))


def service(told: Message) -> Translation:
    """service.deployed, upgraded, rolledback, removed; a published one is reachable, which is no deployment."""
    verb = told.kind.partition(".")[2]
    if verb == "published":
        return Translation(silent="where a service can be reached, not that something was deployed")
    environment = _environment(told)
    if not environment:
        return Translation(silent=_NO_ENVIRONMENT)
    own = {"service": {"name": told.need("id")}, "deployment": {"name": told.need("id")}}
    data = merged(environment, what(told.told("artifactId")), own)
    if verb in {"rolledback", "removed"}:
        return Translation((told.fact(f"deployment.{verb}", data),))
    result = {"pipetrail": {"result": Result.SUCCESS.value, "result_raw": verb}}
    return Translation((told.fact("deployment.finished", merged(data, result)),))


def environment(told: Message) -> Translation:
    """environment.created, modified, deleted."""
    label = {"pipetrail": {"labels": {"uri": told.told("uri")}}}
    named = {"deployment": {"environment": {"name": told.told("name") or told.need("id")}}}
    return Translation((told.fact(told.kind, merged(named, label)),))


def approval(told: Message) -> Translation:
    """approval.created, updated, closed (0.6): asked for, decided on by somebody, settled.

    A responder who hands the question on has decided nothing.
    """
    labels = {"approval": told.need("id"), "target": told.told("resourceTargetUrl"), "details": told.told("approvalDetailsUrl")}
    data: Data = {"pipetrail": {"labels": labels}}
    if told.kind == "approval.created":
        return Translation((told.fact("approval.requested", merged(data, _user(told.told("requestor")))),))
    who, said = _user(told.told("responder")), told.told("decision")
    if told.kind == "approval.closed" and told.told("status") in {"cancelled", "expired"}:
        return Translation((told.fact("approval.closed", merged(data, who, {"event": {"reason": told.told("status")}})),))
    decision = _DECISIONS.get(told.told("status") or said or "") or _DECISIONS.get(said or "")
    if decision is None:
        if said in {"escalated", "delegate", "deferred"}:
            return Translation(silent="whoever was asked handed the question on")
        raise UntranslatableError(f"cdevents {told.kind}: subject.content.decision {said or '':.40} is not known")
    own = {"pipetrail": {"decision": decision.value, "result_raw": said}}
    return Translation((told.fact("approval.decided", merged(data, who, own)),))


def incident(told: Message) -> Translation:
    """incident.detected, reported, resolved."""
    reason = title(told.subject, "content.description") or f"Incident {told.need('id')}"
    link = url(told.subject, "content.ticketURI")
    ticket = {"id": link.rstrip("/").rpartition("/")[2], "url": {"full": link}} if link else None
    own = {"event": {"reason": reason}, "service": {"name": told.told("service.id")}, "pipetrail": {"ticket": ticket}}
    return Translation((told.fact(told.kind, merged(_environment(told), what(told.told("artifactId")), own)),))


def ticket(told: Message) -> Translation:
    """ticket.created, updated, closed."""
    content = at(told.subject, "content")
    own = {
        "event": {"reason": title(content, "summary")},
        "pipetrail": {
            "ticket": {"id": told.need("id"), "url": {"full": url(content, "uri")}},
            "labels": {"resolution": told.told("resolution"), "ticket_type": told.told("ticketType")},
        },
    }
    who = told.told("creator") if told.kind == "ticket.created" else told.told("updatedBy")
    return Translation((told.fact(told.kind, merged(_user(who), own)),))


def _origin(told: Message) -> Data:
    """The change that an artifact was made of: a commit where its id is one, else a pull or merge request."""
    found = at(told.subject, "content.change")
    canonical = repository_of({"source": at(found, "source")})
    if canonical is None:
        return {}
    commit = full_revision(found, "id")
    own = {"ref": {"head": {"revision": commit}}} if commit else {"change": {"id": told.told("change.id")}}
    return merged(where(canonical), {"vcs": own})


def _environment(told: Message) -> Data:
    found = told.told("environment.id")
    return {"deployment": {"environment": {"name": found}}} if found else {}


def _user(found: str | None) -> Data:
    """An actor: a name, or a URI whose last part is one (`urn:user:bob`)."""
    if not found:
        return {}
    last = found.rstrip("/:").replace("/", ":").rpartition(":")[2] if ":" in found else found
    return {
        "user": {"id": found if last != found else None, "name": last or found},
        "pipetrail": {"actor": {"type": "unknown"}},
    }
