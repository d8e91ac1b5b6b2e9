"""Pull requests of both kinds: proposed, altered, reviewed, merged, declined.

Cloud shortens every commit id of a pull request to 12 characters, the merge commit's too. A shortened id is no key: the merge
revision is then kept as a label, and the push that brings the merge to the target branch has the whole one.
https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/, https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pipetrail_schemas.ticket import find_ticket

from pipetrail_producers.webhook.bitbucket.read import Place, actor, address_of, moment, part, required, stamp
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.payload import at, items
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, full_revision, merged, name, revision, title, url

_STATES = {"OPEN": "open", "MERGED": "merged", "DECLINED": "closed", "SUPERSEDED": "closed"}
_CREATED, _UPDATED, _REVIEWED = "change.created", "change.updated", "change.reviewed"
_MERGED, _ABANDONED = "change.merged", "change.abandoned"
# Kind → event type and, of reviews, the decision.
CLOUD: Mapping[str, tuple[str, str | None]] = {
    "pullrequest:created": (_CREATED, None),
    "pullrequest:updated": (_UPDATED, None),
    "pullrequest:approved": (_REVIEWED, "approved"),
    "pullrequest:unapproved": (_REVIEWED, "dismissed"),
    "pullrequest:changes_request_created": (_REVIEWED, "rejected"),
    "pullrequest:changes_request_removed": (_REVIEWED, "dismissed"),
    "pullrequest:fulfilled": (_MERGED, None),
    "pullrequest:rejected": (_ABANDONED, None),
}
SERVER: Mapping[str, tuple[str, str | None]] = {
    "pr:opened": (_CREATED, None),
    "pr:modified": (_UPDATED, None),
    "pr:from_ref_updated": (_UPDATED, None),
    "pr:to_ref_updated": (_UPDATED, None),
    "pr:reviewer:updated": (_UPDATED, None),
    "pr:reviewer:approved": (_REVIEWED, "approved"),
    "pr:reviewer:unapproved": (_REVIEWED, "dismissed"),
    "pr:reviewer:needs_work": (_REVIEWED, "rejected"),
    "pr:reviewer:changes_requested": (_REVIEWED, "rejected"),
    "pr:merged": (_MERGED, None),
    "pr:declined": (_ABANDONED, None),
    "pr:deleted": (_ABANDONED, None),
}


class Request(NamedTuple):
    """A pull request, in one form for both kinds; `told` is the time that the delivery itself names."""

    number: str
    head: str | None
    merge: str | None
    created: datetime | None
    updated: datetime | None
    data: Data
    told: datetime | None = None


def cloud(kind: str, payload: Mapping[str, Any], place: Place) -> Translation:
    """A delivery of one of the kinds of CLOUD."""
    request = _cloud(part(payload, "pullrequest", kind), place, kind)
    reviewed = moment(payload, "approval.date") or moment(payload, "changes_request.date")
    return _told(kind, CLOUD[kind], request._replace(told=reviewed), place, payload)


def server(kind: str, payload: Mapping[str, Any], place: Place) -> Translation:
    """A delivery of one of the kinds of SERVER; `date` is when it happened."""
    request = _server(part(payload, "pullRequest", kind), place, kind)
    previous = {"pipetrail": {"labels": {"previous_revision": full_revision(payload, "previousFromHash")}}}
    request = request._replace(data=merged(request.data, previous), told=moment(payload, "date"))
    return _told(kind, SERVER[kind], request, place, payload)


def _told(
    kind: str, meaning: tuple[str, str | None], request: Request, place: Place, payload: Mapping[str, Any]
) -> Translation:
    type_, decision = meaning
    who = actor(at(payload, "actor"))
    fact = _review(kind, decision, request, place, who) if decision else _fact(kind, type_, request, place, who)
    return Translation((fact,))


def _fact(kind: str, type_: str, request: Request, place: Place, who: Data) -> Fact:
    """What became of a request itself; what reviewers decided is `_review`."""
    time = request.told or (request.created if type_ == _CREATED else request.updated)
    data = merged(who, request.data, {"event": {"action": kind}})
    state = "created" if type_ == _CREATED else f"{kind} {stamp(time)}"
    if type_ == _MERGED:
        whole = full_revision({"": request.merge}, "")
        own = {"change": {"merge_revision": whole}, "labels": {"merge_revision_short": None if whole else request.merge}}
        data = merged(data, {"vcs": {"change": {"state": "merged"}}, "pipetrail": own})
        state = "merged"
    elif type_ == _ABANDONED:
        data = merged(data, {"vcs": {"change": {"state": "closed"}}})
        state = f"closed {request.head}"
    return place.fact(type_, time, ("pull_request", request.number), data, state=state, subject=f"#{request.number}")


def _review(kind: str, decision: str, request: Request, place: Place, who: Data) -> Fact:
    """A decision counts for the head that it was given at. Given again after it was taken back, it is another one."""
    time = request.told or request.updated
    user = at(who, "user.id") or at(who, "user.name") or ""
    state = f"{decision} {request.head} {stamp(time)}"
    data = merged(who, request.data, {"event": {"action": kind}, "pipetrail": {"decision": decision}})
    key = ("pull_request_review", f"{request.number}:{user}")
    return place.fact(_REVIEWED, time, key, data, state=state, subject=f"#{request.number}")


def _cloud(told: Mapping[str, Any], place: Place, kind: str) -> Request:
    number = required(told, "id", kind)
    fork = address_of(at(told, "source.repository"))
    data = _data(
        number,
        (told, "state"),
        branches=(name(told, "source.branch.name"), name(told, "destination.branch.name")),
        head=revision(told, "source.commit.hash"),
        page=url(told, "links.html.href"),
    )
    own = {
        "event": {"reason": title(told, "reason")},
        "pipetrail": {"labels": {"source_repository": fork if fork != place.repository else None}},
    }
    return Request(
        number,
        revision(told, "source.commit.hash"),
        revision(told, "merge_commit.hash"),
        moment(told, "created_on"),
        moment(told, "updated_on"),
        merged(data, own),
    )


def _server(told: Mapping[str, Any], place: Place, kind: str) -> Request:
    number = required(told, "id", kind)
    fork = address_of(at(told, "fromRef.repository"))
    data = _data(
        number,
        (told, "state"),
        branches=(_branch(told, "fromRef"), _branch(told, "toRef")),
        head=revision(told, "fromRef.latestCommit"),
        page=next((page for link in items(told, "links.self") if (page := url(link, "href"))), None),
    )
    labels = {"source_repository": fork if fork != place.repository else None}
    return Request(
        number,
        revision(told, "fromRef.latestCommit"),
        revision(told, "properties.mergeCommit.id"),
        moment(told, "createdDate"),
        moment(told, "closedDate") or moment(told, "updatedDate"),
        merged(data, {"pipetrail": {"labels": labels}}),
    )


def _branch(told: Mapping[str, Any], side: str) -> str | None:
    return name(told, f"{side}.displayId") or name(told, f"{side}.id")


def _data(
    number: str,
    told: tuple[Mapping[str, Any], str],
    *,
    branches: tuple[str | None, str | None],
    head: str | None,
    page: str | None,
) -> Data:
    request, state_path = told
    state = _STATES.get(name(request, state_path) or "")
    source, target = branches
    called = title(request, "title")
    return {
        "vcs": {
            "ref": {
                "head": {"name": source, "type": "branch" if source else None, "revision": head},
                "base": {"name": target, "type": "branch" if target else None},
            },
            "change": {
                "id": number,
                "title": called,
                "state": "wip" if at(request, "draft") is True and state == "open" else state,
                "url": {"full": page},
            },
        },
        "pipetrail": {"ticket": {"id": find_ticket((called, source))}},
    }
