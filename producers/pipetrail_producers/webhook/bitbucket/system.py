"""Bitbucket as a system: the kinds of Cloud and of Data Center, told by the header `X-Event-Key`, and which module takes which.

Data Center repeats the kind in the payload (`eventKey`), so a delivery whose header was lost on the way is understood.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pipetrail_producers.webhook.bitbucket import pull_request, push, status, upkeep
from pipetrail_producers.webhook.bitbucket.read import Place, place
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.translation import Kind, System, Translation, UntranslatableError
from pipetrail_producers.webhook.values import name

_HEADER = "x-event-key"
_NO_NAME = "unnamed"

Hook = Callable[[str, Mapping[str, Any], Place], Translation]

_PUSH = ("push.received", "branch.created", "branch.deleted", "tag.created", "tag.deleted", "commit.recorded", "source.gap")
_RUN = ("taskrun.started", "taskrun.finished", "pipelinerun.started", "pipelinerun.finished")
_TICKET = ("ticket.created", "ticket.updated", "ticket.closed")
_REQUEST = "request, branches, head, who; the merge revision; forks"
_COMMENT = Kind((), "nothing: a comment decides nothing; decisions are told by kinds of their own")

_HOOKS: dict[str, tuple[Hook, Kind]] = {
    "repo:push": (lambda _, payload, at: push.cloud(payload, at), Kind(_PUSH, "each ref, forced or not; listed commits")),
    "repo:refs_changed": (lambda _, payload, at: push.server(payload, at), Kind(_PUSH, "each ref; listed commits")),
    **{kind: (pull_request.cloud, Kind((type_,), _REQUEST)) for kind, (type_, _) in pull_request.CLOUD.items()},
    **{kind: (pull_request.server, Kind((type_,), _REQUEST)) for kind, (type_, _) in pull_request.SERVER.items()},
    **{kind: (status.hook, Kind(_RUN, "commit, key or run of Pipelines, result")) for kind in status.KINDS},
    **{kind: (upkeep.repository, Kind(("policy.changed",), "what it was and is now")) for kind in upkeep.REPOSITORY},
    "repo:secret_detected": (upkeep.secret, Kind(("incident.detected",), "that a secret was pushed, and by whom")),
    **{kind: (upkeep.issue, Kind(_TICKET, "number, title, state")) for kind in upkeep.ISSUES},
}
_PROJECT = "project:modified"
_SILENT: dict[str, Kind] = {
    "diagnostics:ping": Kind((), "nothing: a test of the connection"),
    "repo:fork": Kind((), "nothing: a copy changes nothing here"),
    "repo:forked": Kind((), "nothing: a copy changes nothing here"),
    "repo:imported": Kind((), "nothing: its history is imported from git"),
    "mirror:repo_synchronized": Kind((), "nothing: a mirror caught up; the push itself was told"),
    **dict.fromkeys(
        (
            "issue:comment_created",
            "repo:commit_comment_created",
            "repo:comment:added",
            "repo:comment:edited",
            "repo:comment:deleted",
            "pullrequest:comment_created",
            "pullrequest:comment_updated",
            "pullrequest:comment_deleted",
            "pullrequest:comment_resolved",
            "pullrequest:comment_reopened",
            "pr:comment:added",
            "pr:comment:edited",
            "pr:comment:deleted",
        ),
        _COMMENT,
    ),
}
# Where the repository stands in the payload, where it is not at `repository`.
_REPOSITORY_AT = {
    "repo:modified": "new",
    **dict.fromkeys(pull_request.SERVER, "pullRequest.toRef.repository"),
}


def kind(delivery: Delivery) -> str:
    """The kind of a delivery; "unnamed" where neither header nor payload says one."""
    return delivery.headers.get(_HEADER) or name(delivery.payload, "eventKey") or _NO_NAME


def translate(delivery: Delivery) -> Translation:
    """The facts of a delivery.

    Raises:
        UntranslatableError: its kind is not known, or it lacks what its kind always has.
    """
    found, payload = kind(delivery), delivery.payload
    if found in _SILENT:
        return Translation(silent=_SILENT[found].takes.removeprefix("nothing: "))
    if not isinstance(payload, Mapping):
        raise UntranslatableError(f"bitbucket {found:.80}: the payload is no object")
    if found == _PROJECT:
        return upkeep.project(found, payload, delivery)
    if found not in _HOOKS:
        raise UntranslatableError(f"bitbucket: kind {found!r:.80} is not known")
    return _HOOKS[found][0](found, payload, place(delivery, found, _REPOSITORY_AT.get(found, "repository")))


SYSTEM = System(
    name="bitbucket",
    title="Bitbucket",
    kinds={
        **{found: described for found, (_, described) in _HOOKS.items()},
        _PROJECT: Kind(("policy.changed",), "what the project was and is now"),
        **_SILENT,
    },
    kind=kind,
    translate=translate,
)
