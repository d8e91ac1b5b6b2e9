"""What is done to repositories and projects themselves, and what is found in them: secrets that were pushed, issues.

https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipetrail_producers.webhook.bitbucket.read import Place, actor, moment, part, required, stamp
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, cut, merged, name, said, url

# Kind → action. `repo:updated` and `repo:transfer` are Cloud's, `repo:modified` and `project:modified` Data Center's.
REPOSITORY = {
    "repo:created": "created",
    "repo:deleted": "deleted",
    "repo:updated": "edited",
    "repo:transfer": "transferred",
    "repo:modified": "edited",
}
_ISSUES = {"issue:created": "ticket.created", "issue:updated": "ticket.updated"}
ISSUES = tuple(_ISSUES)
# Of what names no repository, where the settings name no instance.
_NO_INSTANCE = "urn:bitbucket"
_CLOSED = frozenset({"resolved", "closed", "invalid", "duplicate", "wontfix"})


def repository(kind: str, payload: Mapping[str, Any], place: Place) -> Translation:
    """A repository was made, altered, moved or deleted."""
    labels: dict[str, str | None] = {}
    for what, old, new in _changes(payload):
        labels |= {f"{what}_old": cut(old), f"{what}_new": cut(new)}
    data = merged(
        actor(at(payload, "actor")),
        {"event": {"action": REPOSITORY[kind]}, "pipetrail": {"control": "repository", "labels": labels}},
    )
    time = moment(payload, "date")
    key = ("repository", name(payload, "repository.uuid") or name(payload, "new.id") or place.repository)
    state = f"{kind} {stamp(time or moment(payload, 'repository.updated_on'))}"
    return Translation((place.fact("policy.changed", time, key, data, state=state, subject=place.repository),))


def secret(kind: str, payload: Mapping[str, Any], place: Place) -> Translation:
    """`repo:secret_detected`: a secret was pushed (Data Center's scanner). The secret is not in the payload."""
    time = moment(payload, "date")
    data = merged(actor(at(payload, "actor")), {"event": {"reason": "a secret was pushed", "action": kind}})
    key = ("secret", f"{place.repository} {stamp(time)}")
    return Translation((place.fact("incident.detected", time, key, data, state="detected", subject=place.repository),))


def issue(kind: str, payload: Mapping[str, Any], place: Place) -> Translation:
    """An issue of Cloud's own tracker."""
    told = part(payload, "issue", kind)
    number = required(told, "id", kind)
    type_ = "ticket.closed" if name(told, "state") in _CLOSED and kind != "issue:created" else _ISSUES[kind]
    ticket = {"id": f"#{number}", "url": {"full": url(told, "links.html.href")}}
    labels = {"title": name(told, "title"), "state": name(told, "state")}
    data = merged(actor(at(payload, "actor")), {"pipetrail": {"ticket": ticket, "labels": labels}})
    time = moment(told, "created_on" if kind == "issue:created" else "updated_on")
    state = "created" if kind == "issue:created" else f"updated {stamp(time)}"
    return Translation((place.fact(type_, time, ("issue", number), data, state=state, subject=f"#{number}"),))


def project(kind: str, payload: Mapping[str, Any], delivery: Delivery) -> Translation:
    """`project:modified` (Data Center): of a project, not of one of its repositories."""
    key = required(payload, "new.key", kind)
    labels: dict[str, str | None] = {"project": key}
    for what, old, new in _changes(payload):
        labels |= {f"{what}_old": cut(old), f"{what}_new": cut(new)}
    time = moment(payload, "date")
    own: Data = {
        "event": {"action": "edited"},
        "pipetrail": {"control": "project", "labels": labels},
        "cicd": {"system": "bitbucket"},
    }
    fact = Fact(
        type="policy.changed",
        time=time or delivery.received,
        provider="bitbucket",
        instance=delivery.instance or _NO_INSTANCE,
        kind="project",
        native_id=key,
        state=stamp(time),
        data=merged(actor(at(payload, "actor")), own),
    )
    return Translation((fact,))


def _changes(payload: Mapping[str, Any]) -> Iterator[tuple[str, str | None, str | None]]:
    changes = at(payload, "changes")
    if isinstance(changes, Mapping):
        for what in ("name", "full_name", "website", "is_private", "owner"):
            old, new = said(changes, f"{what}.old"), said(changes, f"{what}.new")
            if old or new:
                yield what, old, new
    for what in ("name", "slug", "public"):
        old, new = said(payload, f"old.{what}"), said(payload, f"new.{what}")
        if old != new:
            yield what, old, new
