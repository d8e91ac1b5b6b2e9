"""Lengths of time as people write them in rules and policies: `90s`, `15m`, `1h30m`, `62h`, `7d`. Pure."""

import re
from datetime import timedelta

_PARTS = re.compile(r"(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?")
_UNITS = ("weeks", "days", "hours", "minutes", "seconds")


def parse_duration(value: object) -> timedelta:
    """The length of time.

    Raises:
        ValueError: it is none, or nothing long.
    """
    match = _PARTS.fullmatch(value) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        raise ValueError(f"{value!r} is no length of time, like 90s, 15m, 1h30m or 7d")
    length = timedelta(**{unit: int(count) for unit, count in zip(_UNITS, match.groups(), strict=True) if count})
    if not length:
        raise ValueError(f"{value!r} is no time at all")
    return length


def shown(length: timedelta) -> str:
    """The length in its largest unit, and the next where there is a rest: `21 s`, `2 min`, `1 h 30 min`, `3 d`."""
    seconds = int(length.total_seconds())
    for size, unit, smaller, small in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{seconds} s"
