"""Issues and work items: the tickets of changes, and incidents, which GitLab keeps as issues of a type of their own.

The ticket's id is written as commit messages write it (`#23`; of an epic `&23`), so that both meet. Of a confidential issue
nothing but its number is taken. Labels, weights and times spent say nothing about delivery.
https://docs.gitlab.com/user/project/integrations/webhook_events/#work-item-events
"""

from collections.abc import Mapping
from typing import Any

from pipetrail_producers.webhook.gitlab.place import Place
from pipetrail_producers.webhook.gitlab.read import actor, moment, part, required, second
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from pipetrail_producers.webhook.values import Data, cut, merged, name, title, url

_KIND = "issue"
_EVENTS = {"open": "ticket.created", "close": "ticket.closed", "reopen": "ticket.updated", "update": "ticket.updated"}
_INCIDENTS = {"open": "incident.reported", "reopen": "incident.reported", "close": "incident.resolved"}
# Changes of an update that tell what was asked for: only they make an event.
_TELLING = frozenset({"title", "description", "confidential", "severity", "state_id", "milestone_id"})


def hook(payload: Mapping[str, Any], place: Place) -> Translation:
    """An issue or work item hook."""
    issue = part(payload, "object_attributes", _KIND)
    action = name(issue, "action") or "update"
    if action not in _EVENTS:
        raise UntranslatableError(f"gitlab {_KIND}: object_attributes.action {action!r:.80} is not known")
    changes = at(payload, "changes")
    if action == "update" and isinstance(changes, Mapping) and not _TELLING & changes.keys():
        return Translation(silent="nothing of the issue changed that says what was asked for")
    data = merged(actor(at(payload, "user")), _about(issue), {"event": {"action": action}})
    time = moment(issue, "created_at" if action == "open" else "updated_at")
    key = (_KIND, required(issue, "id", _KIND))
    state = "created" if action == "open" else f"{action} {second(time)}"
    subject = at(data, "pipetrail.ticket.id")
    facts = [place.fact(_EVENTS[action], time, key, data, state=state, subject=subject)]
    if (name(issue, "type") or "").lower() == "incident" and action in _INCIDENTS:
        incident = merged(data, {"event": {"reason": _said(issue) or f"incident {subject}"}})
        facts.append(place.fact(_INCIDENTS[action], time, key, incident, state=f"incident {state}", subject=subject))
    return Translation(tuple(facts))


def _about(issue: Mapping[str, Any]) -> Data:
    sign = "&" if (name(issue, "type") or "").lower() == "epic" else "#"
    ticket = {"id": f"{sign}{required(issue, 'iid', _KIND)}", "url": {"full": url(issue, "url")}}
    labels = {"title": cut(_said(issue)), "severity": name(issue, "severity"), "issue_type": name(issue, "type")}
    return {"pipetrail": {"ticket": ticket, "labels": labels}}


def _said(issue: Mapping[str, Any]) -> str | None:
    return None if at(issue, "confidential") is True else title(issue, "title")
