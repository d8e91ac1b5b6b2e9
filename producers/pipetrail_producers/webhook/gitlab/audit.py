"""Audit events, as GitLab streams them: who changed which rule, setting or access, and who passed over a policy.

What a kind's name tells is in `audit_kinds`, what was changed in `audit_change`. What a security policy did in a project is
told as an event of the project that the policy is kept in; where it happened stands in its details, or in its sentence.
https://docs.gitlab.com/user/compliance/audit_event_types/, https://docs.gitlab.com/user/compliance/audit_event_schema/
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipetrail_producers.webhook.gitlab import audit_kinds
from pipetrail_producers.webhook.gitlab.audit_change import Change, change
from pipetrail_producers.webhook.gitlab.place import Place, below
from pipetrail_producers.webhook.gitlab.read import actor_type, email, moment, required
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, full_revision, merged, name, said, title, vcs_repository

_KIND = "audit_event"
# The message names the deployment: "Approved deployment with IID: 2 and ID: 15".
_DEPLOYMENT_ID = re.compile(r"\bID: (\d{1,18})\b", re.ASCII)
# Where a security policy was passed over: "… for project 'pay/shop' …", "Approvals in merge request (pay/shop!17) …".
_PROJECT = re.compile(r"\bfor project '([^']{1,300})'|\bmerge request \(([^()!\s]{1,300})!\d{1,18}\)")
# Controls whose kind tells less than the name of the setting.
_GENERAL = frozenset({"security setting", "application setting", "setting"})
_ADMIN = "admin status"
# Characters of a label's name; longer ones are no names.
_MAX_SETTING = 100
_OLD_NAME = "audit_operation"


def hook(payload: Mapping[str, Any], place: Place) -> Translation:
    """One audit event."""
    kind = required(payload, "event_type", _KIND)
    if kind == _OLD_NAME:
        kind = _from_details(payload)
    sort = audit_kinds.sort(kind)
    if sort == "silent":
        return Translation(silent=f"audit event {kind:.80} says nothing about delivery, or a hook of its own tells it")
    type_, told = _meaning(kind, sort, payload)
    place = replace(place, repository=place.repository or _repository(payload, place))
    key = (_KIND, required(payload, "id", _KIND))
    data = merged(_about(payload, kind, place), told)
    return Translation((place.fact(type_, moment(payload, "created_at"), key, data, subject=name(payload, "target_details")),))


def _meaning(kind: str, sort: audit_kinds.Sort, payload: Mapping[str, Any]) -> tuple[str, Data]:
    """The event type that a kind becomes, and what is particular to it."""
    if sort == "bypass":
        return "policy.bypassed", _bypass(kind, payload)
    if sort == "decision":
        return "approval.decided", _decision(kind, payload)
    if sort == "intervention":
        return "intervention.recorded", {"event": {"action": kind}}
    if sort == "role":
        return "role.changed", _role(kind, payload)
    return "policy.changed", _setting(kind, payload)


def _bypass(kind: str, payload: Mapping[str, Any]) -> Data:
    """A control that was passed over: of a branch that was pushed to, or of a merge request."""
    head = {"name": name(payload, "details.branch_name"), "revision": full_revision(payload, "details.commit_sha")}
    base = name(payload, "details.target_branch")
    ref = {
        "head": {**head, "type": "branch" if head["name"] else None},
        "base": {"name": base, "type": "branch" if base else None},
    }
    return {
        "event": {"action": kind, "reason": title(payload, "details.reason")},
        "vcs": {"ref": ref, "change": {"id": name(payload, "details.merge_request_iid")}},
        "pipetrail": {"control": audit_kinds.passed_over(kind)},
    }


def _decision(kind: str, payload: Mapping[str, Any]) -> Data:
    is_environment = name(payload, "target_type") == "Environment"
    number = _DEPLOYMENT_ID.search(title(payload, "details.custom_message") or "")
    deployment = {
        "id": number[1] if number else None,
        "environment": {"name": name(payload, "target_details") if is_environment else None},
    }
    return {"deployment": deployment, "pipetrail": {"decision": audit_kinds.decision(kind)}}


def _role(kind: str, payload: Mapping[str, Any]) -> Data:
    target = name(payload, "target_details") or name(payload, "details.target_details") or name(payload, "target_id") or kind
    action, permission = kind, said(payload, "details.to") or said(payload, "details.as")
    if said(payload, "details.change") == _ADMIN:
        # Told as a setting of the user's that is on or off.
        action, permission = ("admin_added", "admin") if permission == "true" else ("admin_removed", None)
    return {"event": {"action": action}, "user": {"target": {"name": target}, "changes": {"permission": permission}}}


def _setting(kind: str, payload: Mapping[str, Any]) -> Data:
    told, action = _change(kind, payload), audit_kinds.action(kind)
    called = audit_kinds.control(kind)
    if called in _GENERAL and told.name:
        called = _slug(told.name).removesuffix("_enabled").replace("_", " ")
    action = "edited" if audit_kinds.switched(kind) else told.action or action
    return {"event": {"action": action}, "pipetrail": {"control": called}}


def _change(kind: str, payload: Mapping[str, Any]) -> Change:
    """The change; of what is a setting by being there, from off to on, or back."""
    switched = audit_kinds.switched(kind)
    if switched is None:
        return change(payload)
    called, is_on = switched
    return Change(called, *(("false", "true") if is_on else ("true", "false")))


def _about(payload: Mapping[str, Any], kind: str, place: Place) -> Data:
    author = name(payload, "author_name") or name(payload, "details.author_name")
    number = name(payload, "author_id")
    # GitLab numbers what is no user with negative numbers and zero (a deploy token, a CI job, an unauthenticated request).
    user_id = number if number and number.isdigit() and number != "0" else None
    # The name is the one that people read. Of a token's user it is the token's; the address tells what it is.
    mail = email(payload, "details.author_email")
    is_token = mail is not None and actor_type(mail) != "user"
    actor = "unknown" if user_id is None else actor_type(mail if is_token else author)
    told = _change(kind, payload)
    labels = {
        "audit_event": kind,
        "entity": name(payload, "entity_path"),
        "entity_type": name(payload, "entity_type"),
        "target_type": name(payload, "target_type") or name(payload, "details.target_type"),
        "target": name(payload, "target_details"),
        "changed": told.name or None,
    }
    # Named by the setting: whether a value that went up lets more through or holds more back is told by its name. The kind's
    # name does not do: "author approval" from off to on is told as "prevent … approval from authors" from on to off.
    if setting := _slug(told.name)[:_MAX_SETTING]:
        labels |= {f"{setting}_from": told.old, f"{setting}_to": told.new}
    return {
        "user": {"id": user_id, "name": author, "email": mail},
        "event": {"reason": title(payload, "details.custom_message")},
        "vcs": {"repository": vcs_repository(place.repository)},
        "pipetrail": {"actor": {"type": actor}, "labels": labels},
    }


def _repository(payload: Mapping[str, Any], place: Place) -> str | None:
    elsewhere = _PROJECT.search(title(payload, "details.custom_message") or "")
    path = name(payload, "details.project_full_path") or (elsewhere and (elsewhere[1] or elsewhere[2]))
    own = name(payload, "entity_path") if name(payload, "entity_type") == "Project" else None
    return below(place.instance, path or own)


def _from_details(payload: Mapping[str, Any]) -> str:
    """What older versions, which call every kind the same, say in the details: `{"add": "user_access"}`, say."""
    for verb, done in (("add", "added"), ("remove", "removed"), ("change", "updated")):
        if what := said(payload, f"details.{verb}"):
            return f"{_slug(what) or 'setting'}_{done}"
    return "setting_updated"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
