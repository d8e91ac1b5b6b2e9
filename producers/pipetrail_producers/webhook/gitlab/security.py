"""Vulnerabilities that scanners found, and feature flags that were switched.

A vulnerability that somebody dismissed is a finding passed over: `policy.bypassed`. A hook names nobody but by number. A
feature flag changes what runs without a deployment: an intervention; its hook has no time and no number of its own, so the
delivery's idempotency key, which stays the same over retries, sets one switching apart from the next.
https://docs.gitlab.com/user/project/integrations/webhook_events/#vulnerability-events
"""

from collections.abc import Mapping
from typing import Any

from pipetrail_producers.webhook.gitlab.place import Place
from pipetrail_producers.webhook.gitlab.read import actor, moment, part, required, second
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from pipetrail_producers.webhook.values import cut, name, repository, title, url, vcs_repository

_KIND = "vulnerability"
_STATES = {
    "detected": "incident.detected",
    "confirmed": "incident.reported",
    "resolved": "incident.resolved",
    "dismissed": "policy.bypassed",
}
_PAGE = "/-/security/vulnerabilities/"


def vulnerability(payload: Mapping[str, Any], place: Place) -> Translation:
    """A vulnerability hook: the state that it came to."""
    found = part(payload, "object_attributes", _KIND)
    state = required(found, "state", _KIND)
    if state not in _STATES:
        raise UntranslatableError(f"gitlab {_KIND}: object_attributes.state {state!r:.80} is not known")
    page = url(found, "url") or ""
    project, _, number = page.partition(_PAGE)
    what = title(found, "title") or "vulnerability"
    labels = {
        "vulnerability": cut(what),
        "severity": name(found, "severity"),
        "report_type": name(found, "report_type"),
        "identifiers": cut(", ".join(_identifiers(found))),
        "page": page,
    }
    time = moment(found, f"{state}_at") or moment(found, "updated_at")
    who = name(found, f"{state}_by_id")
    data = {
        "user": {"id": who},
        "event": {"action": state, "reason": what},
        "vcs": {"repository": vcs_repository(place.repository or repository(project))},
        "pipetrail": {
            "actor": {"type": "user" if who else "unknown"},
            "control": "security scan" if state == "dismissed" else None,
            "labels": labels,
        },
    }
    key = (_KIND, number or f"{required(found, 'project_id', _KIND)}:{what}")
    return Translation((place.fact(_STATES[state], time, key, data, state=f"{state} {second(time)}", subject=what),))


def feature_flag(payload: Mapping[str, Any], place: Place, idempotency_key: str | None) -> Translation:
    """A feature flag hook."""
    flag = part(payload, "object_attributes", "feature_flag")
    called = required(flag, "name", "feature_flag")
    active = at(flag, "active") is True
    data = {
        **actor(at(payload, "user")),
        "event": {"action": "feature_flag_enabled" if active else "feature_flag_disabled"},
    }
    data["pipetrail"] = {**data["pipetrail"], "labels": {"feature_flag": called}}
    key = ("feature_flag", name(flag, "id") or called)
    state = f"{data['event']['action']} {idempotency_key or ''}".strip()
    return Translation((place.fact("intervention.recorded", None, key, data, state=state, subject=called),))


def _identifiers(found: Mapping[str, Any]) -> list[str]:
    listed = at(found, "identifiers")
    members = listed if isinstance(listed, list) else []
    return [called for one in members[:10] if (called := name(one, "name"))]
