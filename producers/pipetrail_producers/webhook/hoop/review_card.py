"""hoop's notice that a session waits for a review: an adaptive card for Microsoft Teams, made for people. Pure.

Its text block links the session, `[ID](https://hoop.example/sessions/ID)`, and its fact set has titles and values: `Created By`
(`NAME | EMAIL`), `Approval Groups` (a JSON list), `Session Time`, `Connection`.
"""

import re
from typing import Any, NamedTuple

from pipetrail_producers.webhook.payload import at, items
from pipetrail_producers.webhook.values import address, name

_LINK = re.compile(r"\[([^\]]{1,100})\]\((\S{1,2000})\)")
_NONE = "`-`"


class Review(NamedTuple):
    """A review that was asked for."""

    session: str
    page: str | None
    owner: str | None
    email: str | None
    groups: str | None
    connection: str | None
    duration: str | None


def review(payload: Any) -> Review | None:
    """The review of a card; None where it names no session."""
    blocks = [block for card in items(payload, "attachments") for block in items(card, "content.body")]
    links = (_LINK.fullmatch(name(block, "text") or "") for block in blocks)
    link = next((found for found in links if found), None)
    if link is None:
        return None
    facts = {name(fact, "title"): name(fact, "value") for block in blocks for fact in items(block, "facts")}
    owner, _, email = (facts.get("Created By") or "").partition(" | ")
    groups = re.sub(r'[\[\]"]', "", facts.get("Approval Groups") or "")
    length = facts.get("Session Time")
    return Review(
        session=link[1],
        page=address(link[2]),
        owner=owner.strip() or None,
        email=email.strip() or None,
        groups=groups.strip() or None,
        connection=facts.get("Connection"),
        duration=None if length == _NONE else length,
    )


def is_card(payload: Any) -> bool:
    """Whether the payload is a message with cards."""
    return at(payload, "type") == "message" and bool(items(payload, "attachments"))
