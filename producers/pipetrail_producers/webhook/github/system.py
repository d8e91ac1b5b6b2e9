"""Which kinds of deliveries GitHub sends, and who translates each. The table of docs/ is made of it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.github import (
    access,
    alert,
    audit_actions,
    audit_log,
    check,
    deployment,
    deployment_gate,
    exemption,
    issue,
    merge_group,
    package,
    protection,
    pull_request,
    push,
    release,
    repository,
    review,
    workflow_job,
    workflow_run,
)
from pipetrail_producers.webhook.github.place import Place, place
from pipetrail_producers.webhook.translation import Kind, System, Translation, UntranslatableError

_HEADER = "x-github-event"
_UNKNOWN = "unknown"
_TASK = ("taskrun.started", "taskrun.finished", "taskrun.skipped")
_INCIDENT = ("incident.detected", "incident.reported", "incident.resolved")
_SCAN = (*_INCIDENT, "policy.bypassed")
_RUN = ("pipelinerun.queued", "pipelinerun.started", "pipelinerun.finished")
_DEPLOYED = ("deployment.started", "deployment.finished", "deployment.removed")
_POLICY, _ROLE, _BY_HAND = ("policy.changed",), ("role.changed",), ("intervention.recorded",)

_Translator = Callable[[Any, Place], Translation]
_TOLD: dict[str, tuple[_Translator, Kind]] = {
    "push": (push.push, Kind(("push.received", "commit.recorded", "source.gap"), "ref, commits new to the repository, force")),
    "create": (push.created, Kind(("branch.created", "tag.created"), "the branch or tag, who made it")),
    "delete": (push.deleted, Kind(("branch.deleted", "tag.deleted"), "the branch or tag, who deleted it")),
    "pull_request": (
        pull_request.pull_request,
        Kind(
            ("change.created", "change.updated", "change.merged", "change.abandoned"),
            "head and base, who merged, the merge's commit (only once merged), the temporary merge of an open one",
        ),
    ),
    "pull_request_review": (
        review.review,
        Kind(("change.reviewed",), "decision, reviewed commit, who dismissed or edited whose review"),
    ),
    "merge_group": (merge_group.merge_group, Kind(("change.updated",), "the commit that is tested for the queue, why it went")),
    "check_run": (check.check_run, Kind((*_TASK, *_BY_HAND), "result with the four meanings of skip; re-runs")),
    "check_suite": (check.check_suite, Kind(("pipelinerun.finished", *_BY_HAND), "an app's verdict on a commit; re-runs")),
    "status": (
        check.status,
        Kind(("taskrun.started", "taskrun.finished"), "context, state, commit, that its author has no account, page"),
    ),
    "workflow_run": (
        workflow_run.workflow_run,
        Kind((*_RUN, "approval.requested", *_BY_HAND), "run and attempt, trigger, result; re-runs and dispatches by whom"),
    ),
    "workflow_job": (workflow_job.workflow_job, Kind(_TASK, "run and attempt, result, runner, failed step")),
    "workflow_dispatch": (workflow_run.workflow_dispatch, Kind(_BY_HAND, "who asked for a run, with which inputs")),
    "repository_dispatch": (workflow_run.repository_dispatch, Kind(_BY_HAND, "who asked for it, under which name")),
    "deployment": (deployment.deployment, Kind(("deployment.requested",), "commit, environment, the human behind the bot")),
    "deployment_status": (deployment.deployment_status, Kind(_DEPLOYED, "state, environment, page, run")),
    "deployment_review": (
        deployment_gate.deployment_review,
        Kind(("approval.requested", "approval.decided"), "each environment, reviewers, decision, comment"),
    ),
    "deployment_protection_rule": (
        deployment_gate.deployment_protection_rule,
        Kind(("approval.requested",), "environment, deployment, run, the app that is asked"),
    ),
    "release": (
        release.release,
        Kind(("release.published", "artifact.published", *_BY_HAND), "tag, files with their digests; releases taken back"),
    ),
    "registry_package": (package.package, Kind(("artifact.published",), "digest, version, commit")),
    "package": (package.package, Kind(("artifact.published",), "digest, version, commit")),
    "branch_protection_rule": (
        protection.branch_protection_rule,
        Kind(_POLICY, "every value before and after, weakened or not"),
    ),
    "branch_protection_configuration": (protection.branch_protection_configuration, Kind(_POLICY, "all protections off or on")),
    "repository_ruleset": (
        protection.repository_ruleset,
        Kind(_POLICY, "enforcement before and after, rules added and deleted, who may bypass and how"),
    ),
    "security_and_analysis": (protection.security_and_analysis, Kind(_POLICY, "each scanning feature before and after")),
    "member": (access.member, Kind(_ROLE, "collaborator, permission before and after")),
    "membership": (access.membership, Kind(_ROLE, "who joined or left which team")),
    "team": (access.team, Kind(_ROLE, "team, permission, repository")),
    "organization": (access.organization, Kind((*_ROLE, *_POLICY), "members, invitations, roles; the organization's name")),
    "org_block": (access.org_block, Kind(_ROLE, "who was blocked or let in again")),
    "deploy_key": (access.deploy_key, Kind(_ROLE, "key, whether it may write")),
    "installation": (access.installation, Kind(_ROLE, "app, permissions, account")),
    "installation_repositories": (access.installation_repositories, Kind(_ROLE, "app, each repository it got or lost")),
    "personal_access_token_request": (access.personal_access_token_request, Kind(_ROLE, "owner and rights of a token let in")),
    "repository": (repository.repository, Kind(_POLICY, "visibility, default branch, name, owner, archived, deleted")),
    "custom_property_values": (repository.custom_property_values, Kind(_POLICY, "each property before and after")),
    "meta": (repository.meta, Kind((*_POLICY, "source.gap"), "that the webhook itself was deleted")),
    "secret_scanning_alert": (
        alert.secret_scanning,
        Kind(_SCAN, "kind of secret, resolution, bypass"),
    ),
    "code_scanning_alert": (alert.code_scanning, Kind(_SCAN, "rule, severity, commit, who dismissed it and why")),
    "dependabot_alert": (alert.dependabot, Kind(_SCAN, "dependency, severity, who dismissed it and why")),
    **{
        kind: (
            partial(exemption.request, kind),
            Kind(("approval.requested", "approval.decided", "approval.closed"), "who asked to be let past what, who decided"),
        )
        for kind in exemption.CONTROLS
    },
    "issues": (issue.issue, Kind(("ticket.created", "ticket.updated", "ticket.closed"), "the ticket that changes name")),
    audit_log.KIND: (
        audit_log.audit_log,
        Kind((*audit_actions.event_types(), "source.gap"), "bypasses, changed controls and roles, with every value told"),
    ),
}
_TALK = "people talking; what they decide is told by other kinds"
_PLANNING = "planning, not delivery"
_SOCIAL = "who likes or pays for a repository"
_SILENT: dict[str, str] = {
    "ping": "GitHub asks whether somebody listens",
    "commit_comment": _TALK,
    "discussion": _TALK,
    "discussion_comment": _TALK,
    "issue_comment": _TALK,
    "pull_request_review_comment": "a line of a review; the review tells what was decided",
    "pull_request_review_thread": "a conversation in a review; the review tells what was decided",
    "issue_dependencies": _PLANNING,
    "sub_issues": _PLANNING,
    "label": _PLANNING,
    "milestone": _PLANNING,
    "project": _PLANNING,
    "project_card": _PLANNING,
    "project_column": _PLANNING,
    "projects_v2": _PLANNING,
    "projects_v2_item": _PLANNING,
    "projects_v2_status_update": _PLANNING,
    "fork": "a copy elsewhere; what comes back is a pull request",
    "star": _SOCIAL,
    "watch": _SOCIAL,
    "sponsorship": _SOCIAL,
    "marketplace_purchase": _SOCIAL,
    "gollum": "a page of the wiki",
    "page_build": "GitHub Pages; its deployment tells of itself",
    "public": "`repository` tells it, as publicized",
    "team_add": "`team` tells it, as added_to_repository",
    "custom_property": "a definition; `custom_property_values` tells what a repository has",
    "repository_import": "how a repository came to be; `repository` tells that it is there",
    "repository_advisory": "an advisory about the product",
    "security_advisory": "an advisory about somebody else's product",
    "repository_vulnerability_alert": "`dependabot_alert` took its place",
    "secret_scanning_alert_location": "where a secret was found; `secret_scanning_alert` tells that it was",
    "secret_scanning_scan": "that a scan was done; its alerts tell what it found",
    "github_app_authorization": "somebody took back an app's right to act as them; the app's own rights are unchanged",
    "installation_target": "an account got another name; its installations are unchanged",
}


def kind(delivery: Delivery) -> str:
    """The kind that the header names; audit log entries have no such header."""
    return delivery.headers.get(_HEADER) or (audit_log.KIND if audit_log.looks_like(delivery.payload) else _UNKNOWN)


def translate(delivery: Delivery) -> Translation:
    """The facts of a delivery.

    Raises:
        UntranslatableError: the kind is not known, or the payload lacks what its kind always has.
    """
    name = kind(delivery)
    if name in _SILENT:
        return Translation(silent=_SILENT[name])
    if name not in _TOLD:
        raise UntranslatableError(f"github: {name!r:.80} is no kind of delivery that is known ({_HEADER})")
    return _TOLD[name][0](delivery.payload, place(delivery))


SYSTEM = System(
    name="github",
    title="GitHub",
    kinds={name: one for name, (_, one) in _TOLD.items()} | {name: Kind((), why) for name, why in _SILENT.items()},
    kind=kind,
    translate=translate,
)
