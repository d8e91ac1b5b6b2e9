"""Audit events, as GitLab streams them: who changed which rule, setting or access, and who passed over a policy.

There are some 600 kinds, and every version adds more; they are told apart by the words of their names, and what no word tells
is recorded as a changed setting rather than dropped: GitLab writes an audit event for what an auditor should see.
https://docs.gitlab.com/user/compliance/audit_event_types/, https://docs.gitlab.com/user/compliance/audit_event_schema/
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipetrail_producers.webhook.gitlab.place import Place, below
from pipetrail_producers.webhook.gitlab.read import actor_type, moment, required
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, merged, name, said, title, vcs_repository

_KIND = "audit_event"
# In this order: the first pattern that a name holds decides.
_BYPASS = re.compile(r"bypass|merged_with_policy_violations|merged_with_dismissed|policy_pipeline_skipped|severity_override")
# What a bypass passed over, by a word of its name: a policy that blocks pushes protects branches, one for merges has rules.
_BYPASSED = (
    ("_push_", "branch protection"),
    ("merge", "merge request approval rule"),
    ("pipeline", "pipeline"),
    ("severity", "vulnerability severity"),
)
# The message names the deployment: "Approved deployment with IID: 2 and ID: 15".
_DEPLOYMENT_ID = re.compile(r"\bID: (\d{1,18})\b", re.ASCII)
_DECISION = re.compile(r"^deployment_(approved|rejected)$")
_INTERVENTION = re.compile(
    r"^destroy_pipeline$|housekeeping|blobs_removal|text_replacement|delete_merge_request|merged_merge_request_deleted"
    r"|repository_tags_deleted|container_repository_deleted|package_.*deleted|impersonat"
)
# Told by a hook of its own, or nothing that changed anything.
_ELSEWHERE = re.compile(
    r"^(?:repository_git_operation|merge_request_\w+_by_project_bot|merge_request_create|merge_request_approval_operation)$"
    r"|^deployment_started$|status_check_response|_pipeline_created$|violations_(?:detected|resolved)$"
    r"|_(?:failed|accessed|viewed|downloaded|export)(?:_|$)|^login_"
)
# What guards the line, whatever else its name holds (`require_password_to_approve`, `push_rules_reject_member_check`).
_CONTROL = re.compile(
    r"push_rule|approv|protect|status_check|polic|complian|visibility|variable|runner|hook|stream|_lock_|restrict|default_branch"
    r"|merge_(?:method|pipelines|on_skipped|if_)|squash|require|^allow_|^disable_|^enforce_|^prevent_"
)
_NO_DELIVERY = re.compile(
    r"(?:^|_)(?:signed|authentication|email|emails|password|profile|comment|epics?|issues?|iterations?|wiki|snippets?|emoji"
    r"|description|topics|avatar|notification|pages|todo|search|mentions)(?:_|$)|_name_updated$"
)
_ROLE = re.compile(
    r"member|^user_|_user_|access_token|deploy_(?:key|token)|agent_token|ssh_key|ssh_cert|gpg_key|group_(?:share|link)|group_link"
    r"|custom_role|service_account|oauth|job_token|project_share|admin"
)
# How names end (or, in older kinds, begin), and what that means.
_ACTIONS = {
    "created": "created",
    "create": "created",
    "added": "created",
    "add": "created",
    "protected": "created",
    "attached": "created",
    "enabled": "enabled",
    "disabled": "disabled",
    "deleted": "deleted",
    "delete": "deleted",
    "removed": "deleted",
    "remove": "deleted",
    "destroyed": "deleted",
    "destroy": "deleted",
    "revoked": "deleted",
    "unprotected": "deleted",
    "detached": "deleted",
}
_LAST_VERBS = frozenset({*_ACTIONS, "updated", "update", "changed", "change"}) - {"enabled", "disabled"}
_FIRST_VERBS = _LAST_VERBS - {"protected", "unprotected", "attached", "detached"}
# Settings of projects and groups are called by what they guard.
_OWNERS = re.compile(r"^(?:project|group|instance)_")
# Characters of a label's name; longer ones are no names.
_MAX_SETTING = 100
_OLD_NAME = "audit_operation"


def hook(payload: Mapping[str, Any], place: Place) -> Translation:
    """One audit event."""
    kind = required(payload, "event_type", _KIND)
    if kind == _OLD_NAME:
        kind = _from_details(payload)
    if _says_nothing(kind):
        return Translation(silent=f"audit event {kind:.80} says nothing about delivery, or a hook of its own tells it")
    type_, told = _meaning(kind, payload)
    place = replace(place, repository=place.repository or _repository(payload, place))
    key = (_KIND, required(payload, "id", _KIND))
    data = merged(_about(payload, kind, place), told)
    return Translation((place.fact(type_, moment(payload, "created_at"), key, data, subject=name(payload, "target_details")),))


def _says_nothing(kind: str) -> bool:
    if any(pattern.search(kind) for pattern in (_BYPASS, _DECISION, _INTERVENTION)):
        return False
    return bool(_ELSEWHERE.search(kind) or (_NO_DELIVERY.search(kind) and not _CONTROL.search(kind)))


def _meaning(kind: str, payload: Mapping[str, Any]) -> tuple[str, Data]:
    """The event type that a kind becomes, and what is particular to it."""
    if _BYPASS.search(kind):
        passed_over = next((control for word, control in _BYPASSED if word in kind), None) or _control(kind)
        return "policy.bypassed", {"event": {"action": kind}, "pipetrail": {"control": passed_over}}
    if decided := _DECISION.search(kind):
        is_environment = name(payload, "target_type") == "Environment"
        number = _DEPLOYMENT_ID.search(title(payload, "details.custom_message") or "")
        deployment = {
            "id": number[1] if number else None,
            "environment": {"name": name(payload, "target_details") if is_environment else None},
        }
        return "approval.decided", {"deployment": deployment, "pipetrail": {"decision": decided[1]}}
    if _INTERVENTION.search(kind):
        return "intervention.recorded", {"event": {"action": kind}}
    if _ROLE.search(kind) and not _CONTROL.search(kind):
        target = (
            name(payload, "target_details") or name(payload, "details.target_details") or name(payload, "target_id") or kind
        )
        permission = said(payload, "details.to") or said(payload, "details.as")
        changes = {"permission": permission}
        return "role.changed", {"event": {"action": kind}, "user": {"target": {"name": target}, "changes": changes}}
    return "policy.changed", {"event": {"action": _action(kind)}, "pipetrail": {"control": _control(kind)}}


def _about(payload: Mapping[str, Any], kind: str, place: Place) -> Data:
    author = name(payload, "author_name") or name(payload, "details.author_name")
    number = name(payload, "author_id")
    # GitLab numbers what is no user with negative numbers and zero (a deploy token, a CI job, an unauthenticated request).
    user_id = number if number and number.isdigit() and number != "0" else None
    message = title(payload, "details.custom_message")
    labels = {
        "audit_event": kind,
        "entity": name(payload, "entity_path"),
        "entity_type": name(payload, "entity_type"),
        "target_type": name(payload, "target_type") or name(payload, "details.target_type"),
        "target": name(payload, "target_details"),
        "changed": said(payload, "details.change"),
    }
    # Named by the setting: whether a value that went up lets more through or holds more back is told by its name.
    setting = _slug(said(payload, "details.change") or _control(kind))[:_MAX_SETTING]
    labels |= {f"{setting}_from": said(payload, "details.from"), f"{setting}_to": said(payload, "details.to")}
    return {
        "user": {"id": user_id, "name": author},
        "event": {"reason": message},
        "vcs": {"repository": vcs_repository(place.repository)},
        "pipetrail": {"actor": {"type": actor_type(author) if user_id else "unknown"}, "labels": labels},
    }


def _repository(payload: Mapping[str, Any], place: Place) -> str | None:
    return below(place.instance, name(payload, "entity_path")) if name(payload, "entity_type") == "Project" else None


def _from_details(payload: Mapping[str, Any]) -> str:
    """What older versions, which call every kind the same, say in the details: `{"add": "user_access"}`, say."""
    for verb, done in (("add", "added"), ("remove", "removed"), ("change", "updated")):
        if what := said(payload, f"details.{verb}"):
            return f"{_slug(what) or 'setting'}_{done}"
    return "setting_updated"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _action(kind: str) -> str:
    first, last = kind.partition("_")[0], kind.rpartition("_")[2]
    verb = last if last in _LAST_VERBS or last in _ACTIONS else first if first in _FIRST_VERBS else ""
    return _ACTIONS.get(verb, "edited")


def _control(kind: str) -> str:
    """The control's name: the kind without whose it is and what was done, in words."""
    if kind in {"environment_protected", "environment_unprotected"}:
        return "protected environment"
    words = kind.split("_")
    if len(words) > 1 and words[-1] in _LAST_VERBS:
        words = words[:-1]
    if len(words) > 1 and words[0] in _FIRST_VERBS:
        words = words[1:]
    return _OWNERS.sub("", "_".join(words)).replace("_", " ")
