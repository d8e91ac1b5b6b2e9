"""What an audit event says that was changed, from what to what: in its details, or in the sentence that people read. Pure.

Most settings come with `change`, `from` and `to`. Some come with a sentence alone: "Changed X from A to B", "X has been
disabled", "User Ann updated `x` to false". No other sentence is understood; then nothing is said of the values.
https://docs.gitlab.com/user/compliance/audit_event_schema/
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pipetrail_producers.webhook.values import said, title

_CHANGED = re.compile(r"Changed (.{1,120}?) from (.{1,300}) to (.{1,300}?)\.?")
_SWITCHED = re.compile(r"(.{1,120}?) (?:has been|was) (enabled|disabled)\b")
_SET = re.compile(r"\bupdated `(\w{1,120})` to (true|false)$")
_LINKED = re.compile(r"(Linked|Unlinked) .{1,300} as the security policy project")
_LINKS = {"Linked": "created", "Unlinked": "deleted"}


class Change(NamedTuple):
    """A changed setting.

    Args:
        name: of the setting; empty where the event does not say it.
        old: its value before; None where nobody says.
        new: its value now; None where nobody says.
        action: "enabled", "disabled", "created" or "deleted" where the sentence says that of the whole control.
    """

    name: str = ""
    old: str | None = None
    new: str | None = None
    action: str | None = None


def change(payload: Mapping[str, Any]) -> Change:
    """The change that an audit event tells: its details, and what they leave open as the sentence has it."""
    sentence = _of_sentence(title(payload, "details.custom_message") or "")
    name, old, new = (said(payload, f"details.{field}") for field in ("change", "from", "to"))
    if old is None and new is None:
        return sentence._replace(name=name or sentence.name)
    return Change(name or sentence.name, old, new)


def _of_sentence(sentence: str) -> Change:
    if match := _CHANGED.fullmatch(sentence):
        return Change(*match.groups())
    if match := _SWITCHED.match(sentence):
        return Change(match[1], action=match[2])
    if match := _SET.search(sentence):
        return Change(match[1].removesuffix("_enabled"), action="enabled" if match[2] == "true" else "disabled")
    match = _LINKED.fullmatch(sentence)
    return Change(action=_LINKS[match[1]]) if match else Change()
