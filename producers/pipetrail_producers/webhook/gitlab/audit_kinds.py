"""What the name of an audit event's kind tells: what sort of fact it is, of which control, and what was done to it. Pure.

There are some 600 kinds, and every version adds more; they are told apart by the words of their names, and what no word tells
is a changed setting rather than nothing: GitLab writes an audit event for what an auditor should see.
https://docs.gitlab.com/user/compliance/audit_event_types/
"""

import re
from typing import Literal

Sort = Literal["silent", "bypass", "decision", "intervention", "role", "setting"]

# A control was passed over: by somebody, or because it failed and let through (`spp_scan_timeout`, a rule nobody can satisfy).
_BYPASS = re.compile(
    r"bypass|merged_with_policy_violations|merged_with_dismissed|policy_pipeline_skipped|severity_override"
    r"|^skip_(?:secret_push_protection|pre_receive_secret_detection)$|^spp_|_invalid_approver_rules$"
)
# What a bypass passed over, by a word of its name: a policy that blocks pushes protects branches, one for merges has rules.
_BYPASSED = (
    ("secret", "secret push protection"),
    ("spp_", "secret push protection"),
    ("_push_", "branch protection"),
    ("merge", "merge request approval rule"),
    ("pipeline", "pipeline"),
    ("severity", "vulnerability severity"),
)
_DECISION = re.compile(r"^deployment_(approved|rejected)$")
_INTERVENTION = re.compile(
    r"^destroy_pipeline$|housekeeping|blobs_removal|text_replacement|delete_merge_request|merged_merge_request_deleted"
    r"|repository_tags_deleted|container_repository_deleted|package_.*deleted|impersonat"
)
# Told by a hook of its own, or nothing that changed anything.
_ELSEWHERE = re.compile(
    r"^(?:merge_request_\w+_by_project_bot|merge_request_create|merge_request_merged)$|_operation$|^deployment_started$"
    r"|status_check_response|_pipeline_created$|violations_(?:detected|resolved)$|_exclusion_applied$"
    r"|_(?:failed|accessed|viewed|downloaded|export)(?:_|$)|^login_|(?:^|_)authenticated_"
)
# What guards the line, whatever else its name holds (`require_password_to_approve`, `push_rules_reject_member_check`).
_CONTROL = re.compile(
    r"push_rule|push_protection|approv|protect|status_check|polic|complian|visibility|variable|runner|hook|stream|_lock_|restrict"
    r"|default_branch|merge_(?:method|pipelines|on_skipped|if_)|squash|require|^secure_ci_job_token|^allow_|^disable_|^enforce_"
    r"|^prevent_"
)
_NO_DELIVERY = re.compile(
    r"(?:^|_)(?:signed|authentication|email|emails|password|profile|comment|epics?|issues?|iterations?|wiki|snippets?|emoji"
    r"|description|topics|avatar|notification|pages|todo|search|mentions)(?:_|$)|_name_updated$"
)
_ROLE = re.compile(
    r"member|^user_|_user_|access_token|deploy_(?:key|token)|agent_token|ssh_key|ssh_cert|gpg_key|group_(?:share|link)|group_link"
    r"|custom_role|service_account|oauth|project_share|admin"
)
# How names end (or, in older kinds, begin), and what that means.
_ACTIONS = {
    "created": "created",
    "create": "created",
    "added": "created",
    "add": "created",
    "protected": "created",
    "attached": "created",
    "registered": "created",
    "assigned": "created",
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
    "unregistered": "deleted",
    "unassigned": "deleted",
}
_LAST_VERBS = frozenset({*_ACTIONS, "updated", "update", "changed", "change"}) - {"enabled", "disabled"}
_FIRST_VERBS = _LAST_VERBS - {"protected", "unprotected", "attached", "detached"}
# A runner that comes from another project is as new to this one as one that was registered for it.
_OF_A_PROJECT = re.compile(r"(?<=assigned)_(?:to|from)_project$")
# Settings of projects and groups are called by what they guard.
_OWNERS = re.compile(r"^(?:project|group|instance)_")
_ENVIRONMENT = frozenset({"environment_protected", "environment_unprotected"})
# Controls that are called by something else than what they are.
_CALLED = (
    (re.compile(r"^(amazon_s3|google_cloud_logging)_configuration"), r"audit stream to \1"),
    (re.compile(r"^(?:http_)?namespace_filter"), "audit stream namespace filter"),
    (re.compile(r"^security_exclusion"), "secret push protection exclusion"),
)
# Things whose presence lets more through, and the setting that they are: who has one may, or is spared.
_LETTING = (
    (re.compile(r"deploy_access_level"), "allowed to deploy"),
    (re.compile(r"namespace_filter"), "exempt other namespaces"),
    (re.compile(r"security_exclusion"), "exempt"),
)
# Settings that hold back when they are on although what they are about lets through (a token).
_HOLDING = (re.compile(r"^secure_ci_job_token_inbound_"), "only from listed projects")
# What counts as a change of such a setting: on for what was made, off for what was taken away.
_SWITCHED = {"created": True, "enabled": True, "deleted": False, "disabled": False}


def sort(kind: str) -> Sort:
    """What sort of fact a kind is."""
    for found, pattern in _SORTS:
        if pattern.search(kind):
            return found
    if _ELSEWHERE.search(kind) or (_NO_DELIVERY.search(kind) and not _CONTROL.search(kind)):
        return "silent"
    return "role" if _ROLE.search(kind) and not _CONTROL.search(kind) else "setting"


def decision(kind: str) -> str:
    """Of a decision: "approved" or "rejected"."""
    match = _DECISION.search(kind)
    return match[1] if match else ""


def passed_over(kind: str) -> str:
    """Of a bypass: the control's name."""
    return next((called for word, called in _BYPASSED if word in kind), None) or control(kind)


def action(kind: str) -> str:
    """What was done: `created`, `deleted`, `enabled`, `disabled` or `edited`."""
    whole = _OF_A_PROJECT.sub("", kind)
    first, last = whole.partition("_")[0], whole.rpartition("_")[2]
    verb = last if last in _LAST_VERBS or last in _ACTIONS else first if first in _FIRST_VERBS else ""
    return _ACTIONS.get(verb, "edited")


def control(kind: str) -> str:
    """The control's name: the kind without whose it is and what was done, in words."""
    if kind in _ENVIRONMENT:
        return "protected environment"
    words = _OF_A_PROJECT.sub("", kind).split("_")
    if len(words) > 1 and (words[-1] in _LAST_VERBS or words[-1] in _ACTIONS):
        words = words[:-1]
    if len(words) > 1 and words[0] in _FIRST_VERBS:
        words = words[1:]
    bare = _OWNERS.sub("", "_".join(words))
    for pattern, called in _CALLED:
        bare = pattern.sub(called, bare)
    return bare.replace("_", " ")


def switched(kind: str) -> tuple[str, bool] | None:
    """The setting that was switched, and whether it is on now, where the kind's verb alone would say the opposite of it."""
    is_on = _SWITCHED.get(action(kind))
    if is_on is None:
        return None
    pattern, holding = _HOLDING
    if pattern.search(kind):
        return holding, is_on
    return next(((letting, is_on) for pattern, letting in _LETTING if pattern.search(kind)), None)


_SORTS: tuple[tuple[Sort, re.Pattern[str]], ...] = (
    ("bypass", _BYPASS),
    ("decision", _DECISION),
    ("intervention", _INTERVENTION),
)
