"""Merge requests, of hooks and of REST answers: proposed, altered, merged, closed. What reviewers decide is in `review`.

`merge_commit_sha` is trusted only once the request is merged. Where the project merges without a merge commit and without a
squash, the head itself came onto the target branch. A closing has no id of its own; the head that it was closed at stands in.
https://docs.gitlab.com/user/project/integrations/webhook_events/#merge-request-events, https://docs.gitlab.com/api/merge_requests/
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pipetrail_schemas.ticket import find_ticket

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.gitlab import review
from pipetrail_producers.webhook.gitlab.place import Place
from pipetrail_producers.webhook.gitlab.read import actor, moment, part, required, second
from pipetrail_producers.webhook.payload import at, text
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from pipetrail_producers.webhook.values import Data, cut, full_revision, merged, name, title, url

_KIND = "merge_request"
_NUMBER_IN_URL = re.compile(r"/merge_requests/(\d{1,18})(?:$|[/?#])", re.ASCII)
_STATES = {"opened": "open", "locked": "open", "closed": "closed", "merged": "merged"}
_LASTING = ("id", "iid", "created_at", "source_branch", "source_project_id", "target_project_id", "url", "web_url")
# What the hook says changed with everything, and says nothing itself.
_SILENT_CHANGES = frozenset({"updated_at", "updated_by_id", "last_edited_at", "last_edited_by_id", "total_time_spent"})


def hook(payload: Mapping[str, Any], place: Place) -> Translation:
    """A merge request hook, by its action; without one (system hooks) the request was altered."""
    request = part(payload, "object_attributes", _KIND)
    place.need_repository(_KIND)
    required(request, "id", _KIND)
    number_of(request)
    who = actor(at(payload, "user"))
    action = name(request, "action") or "update"
    if action in review.DECISIONS:
        return Translation((review.of_hook(request, place, who, about(request)),))
    if action == "open":
        return Translation((created(request, place, who),))
    if action == "merge":
        return Translation((merge(request, place, who, None),))
    if action == "close":
        return Translation((abandoned(request, place, who, None),))
    if action in {"update", "reopen"}:
        told = review.of_reviewers(payload, request, place, about(request))
        return Translation((_updated(payload, request, place, who, action), *told))
    raise UntranslatableError(f"gitlab {_KIND}: object_attributes.action {action!r:.80} is not known")


def history(request: Mapping[str, Any], place: Place, first_head: str | None) -> Iterator[Fact]:
    """What a REST answer tells of a merge request's life: that it was proposed, and how it ended.

    What may have been altered since it was proposed (title, target, draft or not) is not told of its beginning: that would
    contradict what a hook told then.

    Args:
        request: the REST answer.
        place: where.
        first_head: the head that it was proposed with, where it is known.

    Raises:
        UntranslatableError: it has no id or no number.
    """
    required(request, "id", _KIND)
    yield created({**lasting(request), "sha": first_head}, place, actor(at(request, "author")))
    if name(request, "state") == "merged":
        by = at(request, "merge_user") or at(request, "merged_by")
        yield merge(request, place, actor(by), moment(request, "merged_at"))
    elif name(request, "state") == "closed":
        yield abandoned(request, place, actor(at(request, "closed_by")), moment(request, "closed_at"))


def lasting(request: Mapping[str, Any]) -> Data:
    """What of a REST answer has been so from the beginning."""
    return {key: request[key] for key in _LASTING if key in request}


def created(request: Mapping[str, Any], place: Place, who: Data) -> Fact:
    """It was proposed."""
    return _fact(
        "change.created", moment(request, "created_at"), request, place, data=merged(who, about(request)), state="created"
    )


def merge(request: Mapping[str, Any], place: Place, who: Data, time: datetime | None) -> Fact:
    """It was merged. A hook has no time for it but that of the last alteration."""
    merge_commit, squash = full_revision(request, "merge_commit_sha"), full_revision(request, "squash_commit_sha")
    fast_forward = head(request) if "merge_commit_sha" in request else None
    onto = {
        "change": {"merge_revision": merge_commit or squash or fast_forward},
        "labels": {"squash_revision": squash if merge_commit else None},
    }
    data = merged(who, about(request), {"vcs": {"change": {"state": "merged"}}, "pipetrail": onto})
    return _fact("change.merged", time or moment(request, "updated_at"), request, place, data=data, state="merged")


def abandoned(request: Mapping[str, Any], place: Place, who: Data, time: datetime | None) -> Fact:
    """It was closed unmerged."""
    data = merged(who, about(request), {"vcs": {"change": {"state": "closed"}}})
    state = f"closed {head(request)}"
    return _fact("change.abandoned", time or moment(request, "updated_at"), request, place, data=data, state=state)


def about(request: Mapping[str, Any]) -> Data:
    """The request as fields of `data`."""
    draft = at(request, "draft") is True or at(request, "work_in_progress") is True
    state = _STATES.get(name(request, "state") or "")
    source_branch, target_branch = name(request, "source_branch"), name(request, "target_branch")
    source, target = name(request, "source_project_id"), name(request, "target_project_id")
    address = url(request, "url") or url(request, "web_url")
    # A branch of a fork is not the branch of that name here.
    fork = {"labels": {"source_project_id": source}} if source != target else {}
    return {
        "vcs": {
            "ref": {
                "head": {"name": source_branch, "type": "branch" if source_branch else None, "revision": head(request)},
                "base": {"name": target_branch, "type": "branch" if target_branch else None},
            },
            "change": {
                "id": number_of(request),
                "title": title(request, "title"),
                "state": "wip" if draft and state == "open" else state,
                "url": {"full": address},
            },
        },
        "pipetrail": {
            "ticket": {"id": find_ticket((title(request, "title"), source_branch, cut(text(request, "description"), 20_000)))},
            **fork,
        },
    }


def head(request: Mapping[str, Any]) -> str | None:
    """The head's commit id: `last_commit.id` in hooks, `sha` in REST answers."""
    return full_revision(request, "last_commit.id") or full_revision(request, "sha")


def number_of(request: Mapping[str, Any]) -> str:
    """The number that people call it by (`iid`), which its address holds as well.

    Raises:
        UntranslatableError: neither does.
    """
    found = name(request, "iid")
    match = _NUMBER_IN_URL.search(url(request, "url") or "")
    return found or (match[1] if match else required(request, "iid", _KIND))


def _updated(payload: Mapping[str, Any], request: Mapping[str, Any], place: Place, who: Data, action: str) -> Fact:
    time = moment(request, "updated_at")
    old = full_revision(request, "oldrev")
    changes = at(payload, "changes")
    changed = sorted(set(changes) - _SILENT_CHANGES) if isinstance(changes, Mapping) else []
    labels = {"changed": cut(", ".join(changed)), "previous_revision": old}
    what = "reopen" if action == "reopen" else "push" if old else "edit"
    data = merged(who, about(request), {"event": {"action": what}, "pipetrail": {"labels": labels}})
    state = f"head {head(request)}" if old and action == "update" else f"{what} {second(time)}"
    return _fact("change.updated", time, request, place, data=data, state=state)


def _fact(type_: str, time: datetime | None, request: Mapping[str, Any], place: Place, *, data: Data, state: str) -> Fact:
    key = (_KIND, required(request, "id", _KIND))
    return place.fact(type_, time, key, data, state=state, subject=f"!{number_of(request)}")
