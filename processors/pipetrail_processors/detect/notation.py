"""The short forms in histories that people write, and what they stand for. Pure.

`c1`, `c2` … are commit ids (`c0` is the one that stands for no commit), `d1`, `d2` … digests: where they are the whole text, or
in braces within one (`/commit/{c2}`). In what systems tell, these stand for what differs from delivery to delivery:

| in a text | is |
|---|---|
| `{i}` | the delivery's number in its history, from 1 on |
| `{n}`, `{before}` | the repetition's number, from 1 on, and the one before it |
| `{at}` | when it happened, as RFC 3339; `{at-5m}` and `{at+1h}` are five minutes earlier and an hour later |
| `{at ms}`, `{at s}` | the same in milliseconds and in seconds since 1970 |
| `{at utc}` | the same as `2026-01-05 09:00:00 UTC` |

A text that becomes nothing but digits becomes a number.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)  # of every history; a Monday
# Digits of a SHA-1 and of a SHA-256.
_COMMIT_DIGITS, _DIGEST_DIGITS = 40, 64
_SHORT = re.compile(r"([cd])([0-9]{1,6})", re.ASCII)
_SHORT_WITHIN = re.compile(r"\{([cd][0-9]{1,6})\}", re.ASCII)
# Words in braces that are spelled out here.
SHORT_FORMS = frozenset({"i", "n", "before", "at"})
_NUMBER = re.compile(r"\{(i|n|before)\}")
_MOMENT = re.compile(r"\{at(?:([+-])([0-9]{1,6})([smhd]))?(?: (ms|s|utc))?\}", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def spelled_out(value: Any) -> Any:
    """The value with the commit ids and digests that are whole texts in it spelled out."""
    if isinstance(value, dict):
        return {name: spelled_out(item) for name, item in value.items()}
    if isinstance(value, list):
        return [spelled_out(item) for item in value]
    return _id(value) if isinstance(value, str) else value


def filled(value: Any, numbers: Mapping[str, int], moment: datetime) -> Any:
    """The value with every short form in it spelled out, and its times as text.

    Args:
        value: of a payload.
        numbers: what `i`, `n` and `before` are.
        moment: what `at` is.
    """
    if isinstance(value, dict):
        return {name: filled(item, numbers, moment) for name, item in value.items()}
    if isinstance(value, list):
        return [filled(item, numbers, moment) for item in value]
    if isinstance(value, datetime):  # what YAML reads as a time, in UTC where it names no zone
        return _rfc3339(value.replace(tzinfo=value.tzinfo or UTC))
    if isinstance(value, date):
        return value.isoformat()
    return _text(value, numbers, moment) if isinstance(value, str) else value


def _text(text: str, numbers: Mapping[str, int], moment: datetime) -> str | int:
    if "{" not in text:
        return _id(text)
    full = _NUMBER.sub(lambda match: str(numbers[match[1]]) if match[1] in numbers else match[0], text)
    full = _MOMENT.sub(lambda match: _shown(match, moment), full)
    full = _SHORT_WITHIN.sub(lambda match: _id(match[1]), full)
    return int(full) if full != text and full.isascii() and full.isdigit() else _id(full)


def _shown(match: re.Match[str], moment: datetime) -> str:
    sign, count, unit, form = match.groups()
    if sign:
        moment += timedelta(**{_UNITS[unit]: int(f"{sign}{count}")})
    if form == "utc":
        return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    if form:
        return str(int(moment.timestamp() * (1000 if form == "ms" else 1)))
    return _rfc3339(moment)


def _rfc3339(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def _id(text: str) -> str:
    match = _SHORT.fullmatch(text)
    if match is None:
        return text
    kind, digits = match.groups()
    # One digit is repeated; several are followed by letters, so that `c1` and `c11` are two.
    length = _COMMIT_DIGITS if kind == "c" else _DIGEST_DIGITS
    full = digits * length if len(digits) == 1 else digits.ljust(length, kind)
    return full if kind == "c" else f"sha256:{full}"
