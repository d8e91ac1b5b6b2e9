"""A pull request: proposed, altered, merged or closed. Pure; the object is the webhook's or a REST answer.

A webhook tells the request as it is at that moment, REST as it is now: what may have changed since (title, head) is left out of
what an importer tells of earlier moments. `merge_commit_sha` is the merge only once it is merged; of an open request it is the
temporary merge that checks run on, and of one closed unmerged it is what such a merge once was: nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import actor, moment, part, required, sender
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, full_revision, merged, name, revision, said, title, url

_KIND = "pull_request"
# Actions that alter what is proposed, who may or must look at it, or how it gets merged.
UPDATES = frozenset(
    {
        "synchronize",
        "edited",
        "reopened",
        "ready_for_review",
        "converted_to_draft",
        "review_requested",
        "review_request_removed",
        "auto_merge_enabled",
        "auto_merge_disabled",
        "enqueued",
        "dequeued",
    }
)
_TIMES = {
    "change.created": "created_at",
    "change.updated": "updated_at",
    "change.merged": "merged_at",
    "change.abandoned": "closed_at",
}
_SILENT = "labels, assignees, milestones and locks of a pull request say nothing about delivery"


def pull_request(payload: Any, place: Place) -> Translation:
    """What a webhook tells of a pull request."""
    place.need_repository(_KIND)
    request = part(payload, _KIND, _KIND)
    action = required(payload, "action", _KIND)
    if action == "opened":
        return Translation((_opened(request, place, about(request)),))
    if action == "closed":
        told = about(request)
        return Translation((merge(request, place, told) if is_merged(request) else _abandoned(payload, request, place, told),))
    if action in UPDATES:
        return Translation((_updated(payload, request, place, action),))
    return Translation(silent=_SILENT)


def history(request: Mapping[str, Any], place: Place) -> Iterator[Fact]:
    """What a REST answer tells of a pull request's past: that it was proposed and, where so, merged or closed."""
    request = part({_KIND: request}, _KIND, _KIND)
    yield _opened(request, place, _lasting(request))
    if is_merged(request):
        head: Data = {"vcs": {"ref": {"head": {"revision": full_revision(request, "head.sha")}}}}
        yield merge(request, place, merged(_lasting(request), head))
    elif name(request, "state") == "closed":
        data = merged(_lasting(request), {"vcs": {"change": {"state": "closed"}}})
        yield _fact(request, place, "change.abandoned", data, _abandoned_state(request))


def is_merged(request: Mapping[str, Any]) -> bool:
    """Whether it is merged; lists of requests say it by the time alone."""
    return at(request, "merged") is True or moment(request, "merged_at") is not None


def about(request: Any) -> Data:
    """A pull request as it is now: number, title, state, head and base, and the temporary merge of an open one."""
    is_open = name(request, "state") == "open"
    state = "wip" if at(request, "draft") is True else "open"
    return merged(
        _lasting(request),
        {
            "vcs": {
                "ref": {
                    "head": {"name": name(request, "head.ref"), "revision": full_revision(request, "head.sha")},
                    "base": {"name": name(request, "base.ref"), "type": "branch", "revision": revision(request, "base.sha")},
                },
                "change": {"title": title(request, "title"), "state": state if is_open else None},
            },
            "pipetrail": {
                "change": {"test_merge_revision": full_revision(request, "merge_commit_sha") if is_open else None},
                "labels": {"fork": _fork(request)},
            },
        },
    )


def merge(request: Mapping[str, Any], place: Place, told: Data) -> Fact:
    """The merge: who merged, and the commit that it made on the base (merge commit, squash, or the last of a rebase)."""
    data = merged(
        told,
        actor(at(request, "merged_by")),
        {
            "vcs": {"change": {"state": "merged"}},
            "pipetrail": {"change": {"merge_revision": full_revision(request, "merge_commit_sha")}},
        },
    )
    return _fact(request, place, "change.merged", data, "merged")


def _opened(request: Mapping[str, Any], place: Place, told: Data) -> Fact:
    data = merged(told, actor(at(request, "user")), {"vcs": {"change": {"state": "open"}}})
    return _fact(request, place, "change.created", data, "created")


def _abandoned(payload: Any, request: Mapping[str, Any], place: Place, told: Data) -> Fact:
    data = merged(told, sender(payload), {"vcs": {"change": {"state": "closed"}}})
    return _fact(request, place, "change.abandoned", data, _abandoned_state(request))


def _abandoned_state(request: Mapping[str, Any]) -> str:
    # It may be reopened and closed again.
    return f"abandoned {moment(request, 'closed_at')}"


def _updated(payload: Any, request: Mapping[str, Any], place: Place, action: str) -> Fact:
    data = merged(
        about(request),
        sender(payload),
        {"event": {"action": action, "reason": title(payload, "reason")}, "pipetrail": {"labels": _changes(payload)}},
    )
    mark = full_revision(request, "head.sha") if action == "synchronize" else moment(request, "updated_at")
    who = name(payload, "requested_reviewer.login") or name(payload, "requested_team.slug")
    return _fact(request, place, "change.updated", data, f"{action} {mark} {who or ''}".strip())


def _changes(payload: Any) -> Data:
    """What an edit altered, and whose review is asked for."""
    return {
        "before": revision(payload, "before"),
        "title_from": said(payload, "changes.title.from"),
        "base_from": said(payload, "changes.base.ref.from"),
        "reviewer": name(payload, "requested_reviewer.login"),
        "reviewer_team": name(payload, "requested_team.slug"),
        "author": name(payload, "pull_request.user.login"),
        "merge_method": name(payload, "pull_request.auto_merge.merge_method"),
    }


def _lasting(request: Any) -> Data:
    """What of a pull request does not change: number, page, author."""
    author = name(actor(at(request, "user")), "user.name")
    return {
        "vcs": {
            "change": {"id": name(request, "number"), "url": {"full": url(request, "html_url")}},
            "ref": {"head": {"type": "branch"}},
        },
        "pipetrail": {"labels": {"author": author}},
    }


def _fork(request: Any) -> str | None:
    """The repository that the head is in, where it is another one."""
    head, base = name(request, "head.repo.full_name"), name(request, "base.repo.full_name")
    return head if head and head != base else None


def _fact(request: Mapping[str, Any], place: Place, type_: str, data: Data, state: str) -> Fact:
    """A fact of a request; its time is the request's own for what the type tells."""
    required(request, "number", _KIND)
    key = (_KIND, required(request, "id", _KIND))
    return place.fact(type_, moment(request, _TIMES[type_]), key, data, state=state, subject=f"#{name(request, 'number')}")
