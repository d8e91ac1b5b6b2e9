"""Slack: an incoming webhook, or chat.postMessage with a bot's token, where what follows comes in the first message's thread.

The text is what a phone shows in its notification; the layout stands in an attachment, whose colour is the severity.
Slack has no key by which it would know a repetition: a message that may have arrived before says so.
"""

from typing import Any

import orjson

from pipetrail_sinks.notify.alert import Alert, Item
from pipetrail_sinks.notify.channels.channel import Delivery
from pipetrail_sinks.notify.channels.posting import PostingChannel
from pipetrail_sinks.notify.client import Answer, Client
from pipetrail_sinks.notify.errors import ChannelDownError, MessageRefusedError
from pipetrail_sinks.notify.lines import MARKS, REPEATED, brief, full_and_brief, headline, links_of, mark, rest, told
from pipetrail_sinks.notify.text import clock, shortened

POST_URL = "https://slack.com/api/chat.postMessage"
_COLOURS = {"critical": "#a30200", "high": "#e8590c", "medium": "#f2c744", "low": "#4a90d9"}
_OVER = "#2eb67d"
# Slack's limit for the text of a section.
_SECTION = 3000
_LINES = 10
_ABOUT_THE_MESSAGE = frozenset({"invalid_blocks", "invalid_blocks_format", "invalid_attachments", "msg_too_long", "no_text"})


def payload(alert: Alert, *, again: bool = False, plain: bool = False) -> dict[str, Any]:
    """The message: a text, and unless it is to be plain, the layout."""
    text = f"{mark(alert)} {escape(headline(alert))}"
    if plain:
        return {"text": text}
    over = alert.kind in {"resolved", "acknowledged"}
    colour = _OVER if over else _COLOURS[alert.severity]
    return {"text": text, "attachments": [{"color": colour, "fallback": text, "blocks": _blocks(alert, again=again)}]}


def escape(text: str) -> str:
    """Text in which nothing is a link, a mention or markup's beginning (Slack, "Escaping text")."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(alert: Alert, *, again: bool) -> list[dict[str, Any]]:
    full, others = full_and_brief(alert)
    blocks = [block for item in full for block in _item(alert, item, titled=alert.count > 1)]
    for start in range(0, len(others), _LINES):
        lines = [f"{MARKS[item.severity]} {escape(brief(item))}" for item in others[start : start + _LINES]]
        blocks.append(_section("\n".join(lines)))
    notes = [*([rest(alert)] if alert.more else []), *([REPEATED] if again else [])]
    if notes:
        blocks.append(_context(" ".join(notes)))
    return blocks


def _item(alert: Alert, item: Item, *, titled: bool) -> list[dict[str, Any]]:
    lines = told(item, alert.kind)
    facts = [f"*{label}*  {_fact(item, label, text)}" for label, text in lines.facts]
    # A single finding's title stands above already.
    title = [f"*{escape(lines.title)}*"] if titled else []
    blocks = [_section("\n".join([*title, *facts]))]
    if lines.steps:
        steps = [f"{number}. {escape(step)}" for number, step in enumerate(lines.steps, start=1)]
        blocks.append(_section("\n".join(["*What to do*", *steps])))
    if links := links_of(item):
        blocks.append(_section(" · ".join(f"<{link.url.replace('&', '&amp;')}|{link.label}>" for link in links)))
    blocks.append(_context(escape(lines.footer)))
    return blocks


def _fact(item: Item, label: str, text: str) -> str:
    if label == "When":
        # In the reader's own time zone, by Slack; the fallback is for clients that cannot.
        return f"<!date^{int(item.time.timestamp())}^{{date_short_pretty}} {{time}}|{clock(item.time)}>"
    return escape(text)


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": shortened(text, _SECTION), "verbatim": True}}


def _context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": shortened(text, _SECTION), "verbatim": True}]}


class SlackWebhookChannel(PostingChannel):
    """Sends to an incoming webhook."""

    service = "Slack"
    content_type = "application/json; charset=utf-8"

    def message(self, delivery: Delivery) -> dict[str, Any]:
        """See `PostingChannel`."""
        return payload(delivery.alert, again=delivery.again, plain=delivery.plain)


class SlackBotChannel(SlackWebhookChannel):
    """Posts as a bot into one channel; what follows a message comes in its thread."""

    def __init__(self, client: Client, token: str, conversation: str) -> None:
        super().__init__(client)
        self._token = token
        self._conversation = conversation

    def message(self, delivery: Delivery) -> dict[str, Any]:
        """See `PostingChannel`."""
        message = super().message(delivery)
        message |= {"channel": self._conversation, "unfurl_links": False, "unfurl_media": False}
        if delivery.thread:
            # What is over or escalated is seen by those who do not follow the thread, too.
            message |= {"thread_ts": delivery.thread, "reply_broadcast": delivery.alert.kind in {"resolved", "escalated"}}
        return message

    def headers(self, delivery: Delivery, body: bytes) -> dict[str, str]:
        """See `PostingChannel`."""
        return {**super().headers(delivery, body), "Authorization": f"Bearer {self._token}"}

    def receipt(self, answer: Answer) -> str | None:
        """The first message's time stamp, which is its thread; the API answers 200 whatever happened."""
        try:
            said = orjson.loads(answer.body)
        except orjson.JSONDecodeError as exc:
            raise ChannelDownError("Slack answers with no JSON", uncertain=True) from exc
        if said.get("ok"):
            return str(said.get("ts") or "") or None
        problem = str(said.get("error"))
        if problem in _ABOUT_THE_MESSAGE:
            raise MessageRefusedError(f"Slack: {problem}")
        raise ChannelDownError(f"Slack: {problem}", retry_after=answer.retry_after)
