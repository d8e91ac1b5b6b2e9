"""Text from findings, made safe and short for messages. Pure.

What a finding says was written by whoever made a commit or spoke to a webhook: it must not move a cursor, reverse the reading
order or break out of its line (CWE-150, CVE-2021-42574). What a channel's markup obeys, the channel escapes.
"""

import unicodedata
from datetime import UTC, datetime

ELLIPSIS = "…"
# Control, format (bidirectional overrides, zero width), surrogate, private, unassigned, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Joiners that scripts and emoji need.
_JOINERS = frozenset("\u200c\u200d")


def one_line(text: str, most: int) -> str:
    """The text on one line, without anything invisible, in at most so many characters."""
    joined = " ".join(text.split())
    return shortened("".join(one if _is_visible(one) else "\N{REPLACEMENT CHARACTER}" for one in joined), most)


def shortened(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis, in at most so many characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + ELLIPSIS


def clock(moment: datetime) -> str:
    """`2026-11-23 09:02 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _is_visible(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _HIDDEN
