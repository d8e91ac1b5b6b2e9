"""Microsoft Teams, by a workflow that posts what it is sent: an adaptive card (version 1.4, which phones show, too).

Teams has no key by which it would know a repetition: a message that may have arrived before says so.
"""

import re
from typing import Any

import orjson

from pipetrail_sinks.notify.alert import Alert, Item
from pipetrail_sinks.notify.channels.channel import Delivery
from pipetrail_sinks.notify.channels.posting import PostingChannel
from pipetrail_sinks.notify.lines import MARKS, REPEATED, brief, full_and_brief, headline, links_of, mark, rest, told

_COLOURS = {"critical": "Attention", "high": "Attention", "medium": "Warning", "low": "Accent"}
# Teams refuses messages of more than 28 KB.
_MOST_BYTES = 27 * 1024
# Buttons that a card shows without a menu.
_BUTTONS = 5
# The markdown that cards know; a list's beginning is escaped with its first character.
_MARKDOWN = re.compile(r"([\\`*_\[\]()<>#~|])|^([-+]|\d+\.)(?= )", re.MULTILINE)


def payload(alert: Alert, *, again: bool = False, plain: bool = False) -> dict[str, Any]:
    """The message with its card; findings that do not fit into Teams' limit are counted instead."""
    message = _message(alert, again=again, plain=plain)
    while len(orjson.dumps(message)) > _MOST_BYTES and len(alert.items) > 1:
        keep = len(alert.items) - 1
        alert = alert.model_copy(update={"items": alert.items[:keep], "more": alert.more + 1})
        message = _message(alert, again=again, plain=plain)
    return message


def escape(text: str) -> str:
    """Text in which nothing is markdown."""
    return _MARKDOWN.sub(lambda match: "\\" + match[0], text)


def _message(alert: Alert, *, again: bool, plain: bool) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [_headline(alert), *([] if plain else _body(alert, again=again))],
    }
    actions = [] if plain else [_button(link.label, link.url) for link in links_of(alert.items[0])[:_BUTTONS]]
    if actions:
        card["actions"] = actions
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _headline(alert: Alert) -> dict[str, Any]:
    over = alert.kind in {"resolved", "acknowledged"}
    return {
        "type": "TextBlock",
        "text": f"{mark(alert)} {escape(headline(alert))}",
        "weight": "Bolder",
        "size": "Medium",
        "color": "Good" if over else _COLOURS[alert.severity],
        "wrap": True,
    }


def _body(alert: Alert, *, again: bool) -> list[dict[str, Any]]:
    full, others = full_and_brief(alert)
    body = [block for item in full for block in _item(alert, item, titled=alert.count > 1)]
    if others:
        body.append(_text("\n\n".join(f"{MARKS[item.severity]} {escape(brief(item))}" for item in others)))
    body += [_small(note) for note in (rest(alert), REPEATED if again else "") if note]
    return body


def _item(alert: Alert, item: Item, *, titled: bool) -> list[dict[str, Any]]:
    lines = told(item, alert.kind)
    blocks: list[dict[str, Any]] = [_text(escape(lines.title), weight="Bolder")] if titled else []
    facts = [{"title": label, "value": escape(text)} for label, text in lines.facts]
    blocks.append({"type": "FactSet", "facts": facts})
    if lines.steps:
        blocks.append(_text("What to do", weight="Bolder"))
        # A list in markdown is wider than a phone's card, in some clients by its indentation, and its lines end too late.
        steps = [{"title": str(number), "value": escape(step)} for number, step in enumerate(lines.steps, start=1)]
        blocks.append({"type": "FactSet", "facts": steps})
    blocks.append(_small(escape(lines.footer)))
    return blocks


def _text(text: str, **more: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True, **more}


def _small(text: str) -> dict[str, Any]:
    return {**_text(text), "isSubtle": True, "size": "Small"}


def _button(label: str, url: str) -> dict[str, Any]:
    return {"type": "Action.OpenUrl", "title": label, "url": url}


class TeamsChannel(PostingChannel):
    """Sends to one workflow."""

    service = "Teams"

    def message(self, delivery: Delivery) -> dict[str, Any]:
        """See `PostingChannel`."""
        return payload(delivery.alert, again=delivery.again, plain=delivery.plain)
