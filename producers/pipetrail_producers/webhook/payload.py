"""Reading from payloads that may hold anything: every function gives a value of the right kind, or None."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipetrail_schemas.check import lookup
from pipetrail_schemas.times import parse_time

# Above this a number is milliseconds since 1970, below it seconds: 1e11 seconds are in the year 5138.
_MILLISECONDS_FROM = 100_000_000_000
_LARGEST = 2**63 - 1
_MOST_DIGITS = len(str(_LARGEST))


def at(payload: Any, path: str) -> Any:
    """The value at a dotted path through objects; None where there is none."""
    return lookup(payload, path) if isinstance(payload, Mapping) else None


def text(payload: Any, path: str) -> str | None:
    """A text that is not empty; a number becomes its digits (many systems' ids are numbers); None for all else."""
    value = at(payload, path)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    return (value.strip() or None) if isinstance(value, str) else None


def number(payload: Any, path: str) -> int | None:
    """A whole number from 0 on that fits into 63 bits, as the index's do, also one written as text."""
    value = at(payload, path)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST else None


def items(payload: Any, path: str) -> list[Any]:
    """The members of a list; empty where there is none."""
    value = at(payload, path)
    return value if isinstance(value, list) else []


def moment(payload: Any, path: str) -> datetime | None:
    """A time in UTC: RFC 3339, or seconds or milliseconds since 1970; None for what is no time."""
    value = at(payload, path)
    try:
        if isinstance(value, str):
            return parse_time(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None
