"""Requests to be let past a control, or to have an alert dismissed, and what was decided (delegated bypass). Pure.

The kinds differ in what is asked for and agree in all else: a request with its requester, comment and status, and responses of
those who may decide. That a request was granted bypasses nothing yet: the push that uses it is told by the control itself.
"""

from typing import Any

from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import first_moment, missing, moment, required, sender
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, merged, name, title, url

# Kind → the control that is to be passed over.
CONTROLS = {
    "exemption_request_push_ruleset": "push ruleset",
    "exemption_request_secret_scanning": "secret scanning push protection",
    "bypass_request_push_ruleset": "push ruleset",
    "bypass_request_secret_scanning": "secret scanning push protection",
    "dismissal_request_code_scanning": "code scanning",
    "dismissal_request_dependabot": "dependabot",
    "dismissal_request_secret_scanning": "secret scanning",
}
_DECISIONS = {"approved": "approved", "rejected": "rejected", "denied": "rejected", "dismissed": "dismissed"}
_REQUESTS = ("exemption_request", "bypass_request", "dismissal_request")
_RESPONSES = ("exemption_response", "bypass_response", "dismissal_response", "response")


def request(kind: str, payload: Any, place: Place) -> Translation:
    """What a webhook of one of the kinds of CONTROLS tells."""
    place.need_repository(kind)
    action = required(payload, "action", kind)
    path = next((path for path in _REQUESTS if name(payload, f"{path}.id")), None) or missing(kind, "exemption_request.id")
    about = at(payload, path)
    data = merged(
        sender(payload),
        {
            "event": {"action": action, "reason": title(about, "requester_comment")},
            "pipetrail": {
                "control": CONTROLS[kind],
                "labels": {
                    "request": name(about, "number") or name(about, "id"),
                    "requester": name(about, "requester_login"),
                    "status": name(about, "status"),
                    "page": url(about, "html_url"),
                },
            },
        },
    )
    key = (kind, required(about, "id", kind))
    if action == "created":
        return Translation((place.fact("approval.requested", moment(about, "created_at"), key, data, state=action),))
    if action.startswith("response_"):
        return _response(payload, place, key, data)
    state = f"{action} {place.delivery}"
    return Translation((place.fact("approval.closed", None, key, data, state=state),))


def _response(payload: Any, place: Place, key: tuple[str, str], data: Data) -> Translation:
    path = next((path for path in _RESPONSES if name(payload, f"{path}.status")), None)
    answer = at(payload, path) if path else None
    dismissed = name(data, "event.action") == "response_dismissed"
    decision = (
        "dismissed"
        if dismissed
        else _DECISIONS.get(name(answer, "status") or "") or missing(key[0], "exemption_response.status")
    )
    decided: Data = {"event": {"reason": title(answer, "message")}, "pipetrail": {"decision": decision}}
    time = None if dismissed else first_moment(answer, "created_at")
    state = f"{decision} {name(answer, 'id') or place.delivery}"
    return Translation((place.fact("approval.decided", time, key, merged(data, decided), state=state),))
