"""An issue as a ticket: what commits and pull requests name as their reason. Pure."""

from typing import Any

from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import moment, part, required, sender
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import merged, name, title, url

_KIND = "issues"
_EVENTS = {"opened": "created", "reopened": "updated", "closed": "closed", "deleted": "closed", "transferred": "updated"}
_TIMES = {"opened": "created_at", "closed": "closed_at"}


def issue(payload: Any, place: Place) -> Translation:
    """What a webhook tells of an issue."""
    place.need_repository(_KIND)
    found = part(payload, "issue", _KIND)
    action = required(payload, "action", _KIND)
    verb = _EVENTS.get(action)
    if verb is None:
        return Translation(silent="labels, assignees, milestones and texts of an issue say nothing about delivery")
    number = required(found, "number", _KIND)
    data = merged(
        sender(payload),
        {
            "event": {"action": action, "reason": name(found, "state_reason")},
            "pipetrail": {
                "ticket": {"id": f"#{number}", "url": {"full": url(found, "html_url")}},
                "labels": {"title": title(found, "title")},
            },
        },
    )
    time = moment(found, _TIMES.get(action, "updated_at"))
    key = ("issue", required(found, "id", _KIND))
    state = "created" if action == "opened" else f"{action} {time or place.delivery}"
    return Translation((place.fact(f"ticket.{verb}", time, key, data, state=state, subject=f"#{number}"),))
