"""Why a Jenkins build began, by whom, and who stopped it: the causes that its actions list. Pure.

A cause is known by its class (`hudson.model.Cause$UserIdCause`). SYSTEM is Jenkins itself, and no person.
"""

from typing import Any, NamedTuple

from pipetrail_producers.webhook.payload import items
from pipetrail_producers.webhook.values import Data, name, title

# Last part of a cause's class → what triggered the build. What is not here is called by its class.
_TRIGGERS = {
    "UserIdCause": "user",
    "UserCause": "user",
    "TimerTriggerCause": "timer",
    "SCMTriggerCause": "scm",
    "UpstreamCause": "upstream",
    "BuildUpstreamCause": "upstream",
    "RemoteCause": "remote",
    "BranchIndexingCause": "branch_indexing",
    "BranchEventCause": "branch_event",
    "GitHubPushCause": "push",
    "GitLabWebHookCause": "push",
    "ReplayCause": "replay",
    "RebuildCause": "rebuild",
    "RestartDeclarativePipelineCause": "restart",
}
_BY_HAND = {"user": "dispatch", "replay": "rerun", "rebuild": "rerun", "restart": "rerun"}
_STOPPED_BY = "UserInterruption"
_SYSTEM = frozenset({"SYSTEM", "anonymous"})


class Who(NamedTuple):
    """A Jenkins user; both None where it is not told."""

    id: str | None = None
    name: str | None = None


class Began(NamedTuple):
    """Why a build began: what triggered it, who, and, where that was by hand, which action it was; Jenkins' own sentence."""

    trigger: str | None = None
    who: Who = Who()
    action: str | None = None
    note: str | None = None


class Stopped(NamedTuple):
    """Who stopped a build, and Jenkins' own sentence."""

    who: Who
    note: str | None


def began(actions: Any) -> Began:
    """Why a build with these actions began; of several causes the one that a person stands behind, a re-run first."""
    causes = _causes(actions)
    named = [(_trigger(cause), cause) for cause in causes]
    order = ("replay", "rebuild", "restart", "user")
    named.sort(key=lambda one: order.index(one[0]) if one[0] in order else len(order))
    if not named:
        return Began()
    trigger, cause = named[0]
    people = [found for _, one in named if (found := Who(name(one, "userId"), name(one, "userName"))).id]
    return Began(trigger, people[0] if people else Who(), _BY_HAND.get(trigger), title(cause, "shortDescription"))


def stopped(actions: Any) -> Stopped | None:
    """Who stopped a build with these actions; None where nobody did."""
    for cause in _causes(actions):
        if _last(name(cause, "_class")) == _STOPPED_BY:
            page = name(cause, "user.absoluteUrl")
            login = page.rstrip("/").rpartition("/")[2] if page else None
            return Stopped(Who(login or None, name(cause, "user.fullName")), title(cause, "shortDescription"))
    return None


def user(who: Who) -> Data:
    """`user` and what kind of actor it is."""
    if who.id in _SYSTEM or (who.id is None and who.name in _SYSTEM):
        return {"pipetrail": {"actor": {"type": "system" if who.id != "anonymous" else "unknown"}}}
    if who.id is None and who.name is None:
        return {}
    return {"user": {"id": who.id, "name": who.id or who.name}, "pipetrail": {"actor": {"type": "user"}}}


def is_person(who: Who) -> bool:
    """Whether somebody is named who is not Jenkins itself."""
    return "user" in user(who)


def _causes(actions: Any) -> list[Any]:
    return [cause for action in items({"": actions}, "") for cause in items(action, "causes")]


def _trigger(cause: Any) -> str:
    last = _last(name(cause, "_class"))
    return _TRIGGERS.get(last, last or "unknown")


def _last(class_name: str | None) -> str:
    return (class_name or "").replace("$", ".").rpartition(".")[2]
