r"""Text from events, made safe and short for people's eyes. Pure; used by the terminal and the report alike.

What an event says was written by whoever made a commit, named a branch or spoke to a webhook. Printed as it is, it could move
the cursor, recolour a line or reverse its reading order, and so forge an audit trail on screen (CWE-150; for bidirectional
text CVE-2021-42574). Rule: nothing from a document reaches a terminal or a page except through `plain` or `json_text`.
"""

import json
import re
import unicodedata
from typing import Any

SHORT_COMMIT = 7  # digits, what git shows
SHORT_ID = 8  # digits of a finding's or trail's id: enough among millions of findings to be one, and lists say when it is not
ELLIPSIS = "…"

# Joiners that scripts and emoji need; every other invisible format character is shown as its code.
_JOINERS = frozenset("\u200c\u200d")
# Control, format (bidi overrides, zero-width, tags), surrogate, private use, unassigned, line and paragraph separator.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SHA = re.compile(r"^[0-9a-f]{40,64}$")
_JSON_HIDDEN = re.compile("[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")


def plain(text: object) -> str:
    r"""The text on one line with nothing in it that a terminal or browser would obey.

    Runs of white space become one space; control, bidirectional and other invisible characters are written as `\x1b`,
    `\u202e` …, so that they are seen instead of working.
    """
    joined = " ".join(str(text).split())
    return "".join(character if _is_visible(character) else _escaped(character) for character in joined)


def lines_of(text: object) -> list[str]:
    """The lines of a longer text, each made safe by `plain`."""
    return [plain(line) for line in str(text).splitlines()]


def shortened(text: str, length: int) -> str:
    """The text, or its beginning and an ellipsis, in at most `length` characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + ELLIPSIS


def short_revision(revision: str) -> str:
    """A commit id as people write it, `8f2c1ab`."""
    return plain(revision[:SHORT_COMMIT] if _SHA.match(revision) else revision)


def short_digest(digest: str) -> str:
    """A digest as people recognise it, `sha256:1f0c9a7e2b4d`."""
    algorithm, _, digits = digest.partition(":")
    return plain(f"{algorithm}:{digits[:12]}") if digits else plain(shortened(digest, 20))


def json_text(document: Any, *, indent: int | None = None) -> str:
    r"""The document as JSON. Hidden characters are written as `\u…`, which is the same JSON and harmless on a terminal."""
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    return _JSON_HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 override`, `2 overrides`, `1,204 trails`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _is_visible(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _HIDDEN_CATEGORIES


def _escaped(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004 - what two hexadecimal digits hold
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - likewise, four
