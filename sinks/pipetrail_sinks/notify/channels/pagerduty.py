"""PagerDuty, by its Events API v2: an incident for a conversation, acknowledged and resolved with it.

The conversation is the `dedup_key`: sent again, or with further findings, it is the same incident.
"""

from typing import Any

from pipetrail_sinks.notify.alert import Alert, Item
from pipetrail_sinks.notify.channels.channel import Delivery
from pipetrail_sinks.notify.channels.posting import PostingChannel
from pipetrail_sinks.notify.client import Client
from pipetrail_sinks.notify.lines import brief, full_and_brief, headline, links_of, rest, told
from pipetrail_sinks.notify.text import one_line

URLS = {"us": "https://events.pagerduty.com/v2/enqueue", "eu": "https://events.eu.pagerduty.com/v2/enqueue"}
_ACTIONS = {"acknowledged": "acknowledge", "resolved": "resolve"}
_SEVERITIES = {"critical": "critical", "high": "error", "medium": "warning", "low": "info"}
_SUMMARY, _SOURCE = 1024, 255


def payload(alert: Alert, key: str, *, plain: bool = False) -> dict[str, Any]:
    """The event."""
    action = _ACTIONS.get(alert.kind, "trigger")
    event: dict[str, Any] = {"routing_key": key, "event_action": action, "dedup_key": alert.conversation}
    if action != "trigger":
        return event
    first = alert.items[0]
    event["payload"] = {
        "summary": headline(alert, _SUMMARY),
        "source": one_line(first.place or "pipetrail", _SOURCE),
        "severity": _SEVERITIES[alert.severity],
        "timestamp": first.time.isoformat(),
        "class": first.rule,
    }
    if plain:
        return event
    if first.environment:
        event["payload"]["component"] = one_line(first.environment, _SOURCE)
    if first.repository:
        event["payload"]["group"] = one_line(first.repository, _SOURCE)
    event["payload"]["custom_details"] = _details(alert)
    event["client"] = "pipetrail"
    event["links"] = [{"href": link.url, "text": link.label} for link in links_of(first)]
    return event


def _details(alert: Alert) -> dict[str, Any]:
    full, others = full_and_brief(alert)
    details: dict[str, Any] = {}
    if len(full) == 1:
        details = _of(full[0], alert.kind)
    elif full:
        details["Findings"] = [{"What": told(item, alert.kind).title, **_of(item, alert.kind)} for item in full]
    if others:
        details["Further findings"] = [brief(item) for item in others]
    if more := rest(alert):
        details["More"] = more
    return details


def _of(item: Item, kind: str) -> dict[str, Any]:
    lines = told(item, kind)
    steps = {"Do": [f"{number}. {step}" for number, step in enumerate(lines.steps, start=1)]} if lines.steps else {}
    return {**dict(lines.facts), **steps, "Finding": lines.footer}


class PagerDutyChannel(PostingChannel):
    """Sends to one service."""

    service = "PagerDuty"
    wants_acknowledgements = True

    def __init__(self, client: Client, key: str) -> None:
        super().__init__(client)
        self._key = key

    def message(self, delivery: Delivery) -> dict[str, Any]:
        """See `PostingChannel`."""
        return payload(delivery.alert, self._key, plain=delivery.plain)
