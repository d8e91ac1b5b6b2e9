"""GitLab as a system: which kinds of hooks there are, and which module translates which.

A kind is `object_kind` where the payload has one, else `event_name` (group and system hooks), else what the header says.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.gitlab import (
    access,
    audit,
    deployment,
    job,
    lifecycle,
    merge_request,
    pipeline,
    push,
    release,
    security,
    ticket,
)
from pipetrail_producers.webhook.gitlab.place import Place, place
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import Kind, System, Translation, UntranslatableError
from pipetrail_producers.webhook.values import name

_AUDIT_HEADER = "x-gitlab-audit-event-type"
_IDEMPOTENCY_HEADER = "idempotency-key"
_EVENT_HEADER = "x-gitlab-event"

Hook = Callable[[Mapping[str, Any], Place], Translation]

_PUSH = ("push.received", "branch.created", "branch.deleted", "commit.recorded", "policy.bypassed", "source.gap")
_TAG = ("tag.created", "tag.deleted", "push.received", "commit.recorded", "policy.bypassed")
_REFS = ("push.received", "branch.created", "branch.deleted", "tag.created", "tag.deleted", "source.gap")
_CHANGE = ("change.created", "change.updated", "change.reviewed", "change.merged", "change.abandoned")
_RUN = ("pipelinerun.queued", "pipelinerun.started", "pipelinerun.finished", "intervention.recorded")
_TASK = ("taskrun.started", "taskrun.finished", "taskrun.skipped")
_DEPLOYMENT = ("deployment.requested", "deployment.started", "deployment.finished", "approval.requested")
_TICKET = ("ticket.created", "ticket.updated", "ticket.closed", "incident.reported", "incident.resolved")
_VULNERABILITY = ("incident.detected", "incident.reported", "incident.resolved", "policy.bypassed")
_AUDIT = ("policy.changed", "policy.bypassed", "role.changed", "approval.decided", "intervention.recorded")
_ROLE = ("role.changed",)
_POLICY = ("policy.changed",)
_NO_REQUEST = "nothing: asking for access changes nothing, granting it is told"

_KINDS: dict[str, tuple[Hook | None, Kind]] = {
    "push": (push.branch, Kind(_PUSH, "ref, revisions, who pushed, the listed commits; cut lists; push option ci.skip")),
    "tag_push": (push.tag, Kind(_TAG, "tag, its object, the tagged commit, who pushed; push option ci.skip")),
    "repository_update": (push.repository_update, Kind(_REFS, "every ref of a push; too many of them for push hooks")),
    "merge_request": (merge_request.hook, Kind(_CHANGE, "request, branches, head, merge revision, decisions of reviewers")),
    "pipeline": (
        pipeline.hook,
        Kind((*_RUN, *_TASK), "run, commit, trigger, result, its jobs; manual jobs, retries by others"),
    ),
    "build": (job.hook, Kind((*_TASK, "deployment.removed"), "job, stage, result, failure reason, runner, who started it")),
    "deployment": (deployment.hook, Kind(_DEPLOYMENT, "environment, whole commit id from commit_url, job, result")),
    "release": (release.hook, Kind(("release.published", "intervention.recorded"), "tag, commit; deleted releases")),
    "issue": (ticket.hook, Kind(_TICKET, "number, state; the title unless confidential; incidents")),
    "work_item": (ticket.hook, Kind(_TICKET, "as issue")),
    "vulnerability": (security.vulnerability, Kind(_VULNERABILITY, "state, severity, who confirmed or dismissed it")),
    "feature_flag": (None, Kind(("intervention.recorded",), "flag, on or off, who switched it")),
    "audit_event": (audit.hook, Kind(_AUDIT, "who changed which rule, setting or access, from what to what; bypasses")),
    **{kind: (access.member, Kind(_ROLE, "member, group or project, role")) for kind in access.MEMBERS},
    **{kind: (access.user, Kind(_ROLE, "account")) for kind in access.USERS},
    **{kind: (access.key, Kind(_ROLE, "whose key; never the key")) for kind in access.KEYS},
    **{f"project_{verb}": (lifecycle.project, Kind(_POLICY, "path, old path, visibility")) for verb in lifecycle.ACTIONS},
    **{f"group_{verb}": (lifecycle.group, Kind(_POLICY, "path, old path")) for verb in lifecycle.ACTIONS},
    **{f"subgroup_{verb}": (lifecycle.group, Kind(_POLICY, "path, parent")) for verb in ("create", "destroy")},
    "note": (None, Kind((), "nothing: a comment decides nothing; decisions come with the merge request")),
    "emoji": (None, Kind((), "nothing: a reaction decides nothing")),
    "wiki_page": (None, Kind((), "nothing: a wiki is not delivered")),
    "milestone": (None, Kind((), "nothing: a plan is not a delivery")),
    "access_token": (None, Kind((), "nothing: a token that will expire; its creation and end are audit events")),
    **{
        f"gitlab_subscription_member_{noun}": (None, Kind((), "nothing: a seat; the membership itself is told"))
        for noun in ("approval", "approvals")
    },
    "user_failed_login": (None, Kind((), "nothing: signing in is no part of delivery")),
    "user_access_request_to_group": (None, Kind((), _NO_REQUEST)),
    "user_access_request_denied_for_group": (None, Kind((), _NO_REQUEST)),
    "user_access_request_revoked_for_group": (None, Kind((), _NO_REQUEST)),
    "user_access_request_to_project": (None, Kind((), _NO_REQUEST)),
    "user_access_request_denied_for_project": (None, Kind((), _NO_REQUEST)),
    "user_access_request_revoked_for_project": (None, Kind((), _NO_REQUEST)),
}
# Payloads of some versions have another name for the same.
_SAME = {"job": "build", "work_items": "work_item", "resource_access_token": "access_token", "deploy_token": "access_token"}
_NO_NAME = "unnamed"


def kind(delivery: Delivery) -> str:
    """The kind of a delivery; "unnamed" where neither payload nor header says one."""
    payload = delivery.payload
    if _AUDIT_HEADER in delivery.headers or (name(payload, "entity_type") and name(payload, "event_type")):
        return "audit_event"
    header = (delivery.headers.get(_EVENT_HEADER) or "").lower().removesuffix(" hook").replace(" ", "_")
    found = name(payload, "object_kind") or name(payload, "event_name") or header or _NO_NAME
    return _SAME.get(found, found)


def translate(delivery: Delivery) -> Translation:
    """The facts of a delivery.

    Raises:
        UntranslatableError: its kind is not known, or it lacks what its kind always has.
    """
    found, payload = kind(delivery), delivery.payload
    if not isinstance(payload, Mapping):
        raise UntranslatableError(f"gitlab {found:.80}: the payload is no object")
    if found not in _KINDS:
        raise UntranslatableError(f"gitlab: kind {found!r:.80} is not known")
    hook, described = _KINDS[found]
    if found == "feature_flag":
        return security.feature_flag(payload, place(delivery), delivery.headers.get(_IDEMPOTENCY_HEADER))
    if hook is None:
        return Translation(silent=described.takes.removeprefix("nothing: "))
    event_type = at(payload, "event_type") or delivery.headers.get(_AUDIT_HEADER)
    # Whatever told the kind: the modules find it where GitLab usually has it.
    return hook({**payload, "event_name": found, "event_type": event_type}, place(delivery))


SYSTEM = System(
    name="gitlab",
    title="GitLab",
    kinds={found: described for found, (_, described) in _KINDS.items()},
    kind=kind,
    translate=translate,
)
