"""What reviewers of a merge request decided: approvals, approvals taken back, changes asked for.

GitLab's action is `approved` when the last required approval came and `approval` for one of several: the same to whoever gave
it. An approval counts for the head that it was given at. It has no number: who takes it back and gives it again at the same
head did two things, which the second tells apart. A hook has for it when the request was last altered, a REST answer when it
was given; where these differ, hook and import are two witnesses of it. REST answers do not name the head: the versions of the
request tell it.

GitLab itself takes approvals back when the head moves, which `system_action` says. The user of such a hook is who pushed, and
decided nothing: the system did, on behalf of the push. Whose approvals they were the hook does not say.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.gitlab.place import Place
from pipetrail_producers.webhook.gitlab.read import actor, moment, required, second
from pipetrail_producers.webhook.payload import at, items, number
from pipetrail_producers.webhook.values import Data, full_revision, merged, name

DECISIONS = {"approved": "approved", "approval": "approved", "unapproved": "dismissed", "unapproval": "dismissed"}
_REVIEWER_STATES = {"requested_changes": "rejected", "reviewed": "commented"}
# Who takes approvals back by a setting.
_GITLAB: Data = {"name": "GitLab"}


class _Version(NamedTuple):
    """A head that a merge request had, from when on; the number decides within a second."""

    time: datetime
    number: int
    head: str


def of_hook(request: Mapping[str, Any], place: Place, who: Data, about: Data) -> Fact:
    """The decision of a hook with one of the actions of DECISIONS.

    Args:
        request: the hook's `object_attributes`.
        place: where.
        who: the actor.
        about: the request as fields of `data`.
    """
    action = required(request, "action", "merge_request")
    decision = DECISIONS[action]
    time = moment(request, "updated_at")
    why = name(request, "system_action")
    if decision == "dismissed" and (why or at(request, "system") is True):
        who = {"user": _GITLAB, "pipetrail": {"actor": {"type": "system", "on_behalf_of": at(who, "user")}}}
    data = merged(who, about, {"event": {"action": decision, "reason": why}, "pipetrail": {"labels": {"action": action}}})
    revision = at(about, "vcs.ref.head.revision")
    return _fact(request, place, time, data=data, decision=decision, state=_state(decision, revision, time))


def of_reviewers(payload: Mapping[str, Any], request: Mapping[str, Any], place: Place, about: Data) -> Iterator[Fact]:
    """Decisions that a hook tells as a reviewer's changed state (GitLab 17 and later)."""
    before = {name(one, "id"): name(one, "state") for one in _reviewers(payload, "previous")}
    time = moment(request, "updated_at")
    for reviewer in _reviewers(payload, "current"):
        state = name(reviewer, "state") or ""
        if state in _REVIEWER_STATES and before.get(name(reviewer, "id")) != state:
            data = merged(actor(reviewer), about, {"event": {"action": state}})
            decision = _REVIEWER_STATES[state]
            yield _fact(request, place, time, data=data, decision=decision, state=f"{state} {second(time)}")


def approvals(request: Mapping[str, Any], place: Place, about: Data, answer: Any, versions: list[Any]) -> Iterator[Fact]:
    """The approvals of a REST answer (`merge_requests/:iid/approvals`), at the heads that stood when they were given.

    Args:
        request: the merge request's REST answer.
        place: where.
        about: the lasting parts of the request (`merge_request.lasting`) as fields of `data`.
        answer: of `approvals`.
        versions: the members of `merge_requests/:iid/versions`.
    """
    for approval in items(answer, "approved_by"):
        time = moment(approval, "approved_at")
        head = head_at(versions, time)
        data = merged(actor(at(approval, "user")), _with_head(about, head), {"event": {"action": "approved"}})
        time = time or moment(request, "updated_at")
        yield _fact(request, place, time, data=data, decision="approved", state=_state("approved", head, time))


def head_at(versions: list[Any], time: datetime | None) -> str | None:
    """The head of a merge request at a time: of the latest version made until then; None where that is not known."""
    until = [version for version in _made(versions) if time is not None and version.time <= time]
    return until[-1].head if until else None


def first_head(versions: list[Any]) -> str | None:
    """The head that a merge request was proposed with; None where no version is known."""
    made = _made(versions)
    return made[0].head if made else None


def _made(versions: list[Any]) -> list[_Version]:
    found = [
        _Version(time, number(one, "id") or 0, head)
        for one in versions
        if (time := moment(one, "created_at")) and (head := full_revision(one, "head_commit_sha"))
    ]
    return sorted(found)


def _with_head(about: Data, head: str | None) -> Data:
    vcs = about["vcs"]
    return {**about, "vcs": {**vcs, "ref": {**vcs["ref"], "head": {**vcs["ref"]["head"], "revision": head}}}}


def _state(decision: str, head: Any, time: datetime | None) -> str:
    return f"{decision} {head} {second(time)}"


def _fact(request: Mapping[str, Any], place: Place, time: datetime | None, *, data: Data, decision: str, state: str) -> Fact:
    who = at(data, "user.id") or at(data, "user.name") or ""
    key = ("merge_request_review", f"{required(request, 'id', 'merge_request')}:{who}")
    decided = merged(data, {"pipetrail": {"decision": decision}})
    return place.fact("change.reviewed", time, key, decided, state=state, subject=f"!{at(data, 'vcs.change.id')}")


def _reviewers(payload: Mapping[str, Any], when: str) -> list[Any]:
    return items(payload, f"changes.reviewers.{when}")
