"""Alerts of secret scanning, code scanning and Dependabot; a push that was let through although it held a secret. Pure.

An alert about the code or what it depends on that somebody dismissed is a scan passed over: nothing was mended.
"""

from typing import Any

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import actor, actor_type, first_moment, moment, part, required, sender
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, full_revision, merged, name, title

PUSH_PROTECTION = "secret scanning push protection"
_DETECTED, _REPORTED, _RESOLVED = "incident.detected", "incident.reported", "incident.resolved"
_EVENTS = {
    "created": _DETECTED,
    "reopened": _DETECTED,
    "reopened_by_user": _DETECTED,
    "reintroduced": _DETECTED,
    "auto_reopened": _DETECTED,
    "appeared_in_branch": _DETECTED,
    "publicly_leaked": _REPORTED,
    "resolved": _RESOLVED,
    "fixed": _RESOLVED,
    "dismissed": _RESOLVED,
    "closed_by_user": _RESOLVED,
    "auto_dismissed": _RESOLVED,
}
# What people do to an alert without mending anything: the control that gave it. (A secret that is resolved was mostly revoked.)
_PASSED_OVER = {("code_scanning_alert", "closed_by_user"): "code scanning", ("dependabot_alert", "dismissed"): "dependabot"}
_SILENT = "who is assigned to an alert, or whether a secret still works, says nothing about delivery"


def secret_scanning(payload: Any, place: Place) -> Translation:
    """A secret that was found, and whether somebody pushed it past the guard."""
    kind = "secret_scanning_alert"
    alert = part(payload, "alert", kind)
    what = name(alert, "secret_type_display_name") or name(alert, "secret_type") or "that is not told"
    told = _alert(payload, place, kind, f"a secret of the kind {what}")
    if name(payload, "action") == "created" and at(alert, "push_protection_bypassed") is True:
        return Translation((_bypass(place, alert, kind), *told.facts))
    return told


def code_scanning(payload: Any, place: Place) -> Translation:
    """A weakness in the code."""
    kind = "code_scanning_alert"
    rule = part(payload, "alert.rule", kind)
    what = title(rule, "description") or required(rule, "id", kind)
    return _alert(payload, place, kind, what)


def dependabot(payload: Any, place: Place) -> Translation:
    """A dependency with a known weakness."""
    kind = "dependabot_alert"
    alert = part(payload, "alert", kind)
    package = name(alert, "dependency.package.name") or required(alert, "security_vulnerability.package.name", kind)
    return _alert(payload, place, kind, f"{package}: {title(alert, 'security_advisory.summary') or 'known weakness'}")


def _alert(payload: Any, place: Place, kind: str, what: str) -> Translation:
    place.need_repository(kind)
    alert = part(payload, "alert", kind)
    action = required(payload, "action", kind)
    type_ = _EVENTS.get(action)
    if type_ is None:
        return Translation(silent=_SILENT)
    number = required(alert, "number", kind)
    control = _PASSED_OVER.get((kind, action))
    time = _time(alert, action)
    reason = f"{what}; {why}" if type_ == _RESOLVED and (why := _why(alert)) else what
    data = merged(
        _actor(payload, alert, type_),
        {
            "event": {"action": action, "reason": reason},
            "vcs": {"ref": {"head": _head(payload, alert)}},
            "pipetrail": {
                "control": control,
                "labels": {
                    "alert": f"{kind} {number}",
                    "severity": name(alert, "rule.security_severity_level") or name(alert, "security_advisory.severity"),
                    "tool": name(alert, "tool.name"),
                },
            },
        },
    )
    # An alert's number counts within its repository and kind.
    key = (kind, f"{place.repository} {number}")
    state = f"{action} {time or place.delivery}"
    type_ = "policy.bypassed" if control else type_
    return Translation((place.fact(type_, time, key, data, state=state, subject=f"{kind} {number}"),))


def _bypass(place: Place, alert: Any, kind: str) -> Fact:
    place.need_repository(kind)
    data = merged(
        actor(at(alert, "push_protection_bypassed_by")),
        {
            "event": {"action": "bypassed", "reason": title(alert, "push_protection_bypass_request_comment")},
            "pipetrail": {
                "control": PUSH_PROTECTION,
                "labels": {
                    "secret_type": name(alert, "secret_type"),
                    "let_through_by": name(alert, "push_protection_bypass_request_reviewer.login"),
                },
            },
        },
    )
    time = first_moment(alert, "push_protection_bypassed_at", "created_at")
    key = (kind, f"{place.repository} {required(alert, 'number', kind)}")
    return place.fact("policy.bypassed", time, key, data, state="bypassed")


def _time(alert: Any, action: str) -> Any:
    if action == "created":
        return moment(alert, "created_at")
    if _EVENTS[action] == _RESOLVED:
        return first_moment(alert, "resolved_at", "fixed_at", "dismissed_at", "auto_dismissed_at", "updated_at")
    return moment(alert, "updated_at")


def _why(alert: Any) -> str | None:
    words = (name(alert, "resolution"), name(alert, "dismissed_reason"), title(alert, "resolution_comment"))
    return ", ".join(filter(None, (*words, title(alert, "dismissed_comment")))) or None


def _actor(payload: Any, alert: Any, type_: str) -> Data:
    who = (at(alert, "resolved_by"), at(alert, "dismissed_by")) if type_ == _RESOLVED else ()
    known = next((one for one in who if actor_type(one) != "unknown"), None)
    return actor(known) if known else sender(payload)


def _head(payload: Any, alert: Any) -> Data:
    ref = (name(payload, "ref") or name(alert, "most_recent_instance.ref") or "").removeprefix("refs/heads/")
    sha = full_revision(payload, "commit_oid") or full_revision(alert, "most_recent_instance.commit_sha")
    return {"name": ref, "revision": sha}
