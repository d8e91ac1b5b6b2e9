"""Moments and durations between people and documents: `2h`, `2026-11-20`; `4.2s`, `2d 4h`. Pure; the present is passed in.

Documents carry UTC. People see the zone of the machine they sit at, or UTC when they ask for it; None as zone means the local
one with its own summer time, which a fixed offset would get wrong for half of the year.
"""

import re
from datetime import datetime, timedelta, tzinfo

from pipetrail_schemas.times import truncate

_RELATIVE = re.compile(r"^(?P<number>\d{1,6})(?P<unit>[smhdw])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
ALLOWED = "a time span back from now (90s, 30m, 2h, 7d, 4w) or a time (2026-11-20, 2026-11-20T09:00, …Z)"
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def parse_moment(text: str, *, now: datetime, zone: tzinfo | None = None) -> datetime:
    """The moment that a person means. A time without an offset is taken in `zone`.

    Raises:
        ValueError: it is neither a span nor a time; the message says what is allowed.
    """
    try:
        if match := _RELATIVE.match(text.strip()):
            return truncate(now - timedelta(**{_UNITS[match["unit"]]: int(match["number"])}))
        moment = datetime.fromisoformat(text.strip())
        # Naive and no zone: `astimezone` takes it as local time.
        return truncate(moment.replace(tzinfo=zone) if moment.tzinfo is None and zone else moment.astimezone(zone))
    except (ValueError, OverflowError) as exc:
        raise ValueError(f"{text!r} is not {ALLOWED}") from exc


def local(moment: datetime, zone: tzinfo | None) -> datetime:
    """The moment on the clock of `zone`."""
    return moment.astimezone(zone)


def clock(moment: datetime, zone: tzinfo | None) -> str:
    """`09:02:11`."""
    return local(moment, zone).strftime("%H:%M:%S")


def day(moment: datetime, zone: tzinfo | None) -> str:
    """`2026-11-23`."""
    return local(moment, zone).date().isoformat()


def stamp(moment: datetime, zone: tzinfo | None) -> str:
    """`2026-11-23 09:02:11`, for lists that span days."""
    return f"{day(moment, zone)} {clock(moment, zone)}"


def zone_name(moment: datetime, zone: tzinfo | None) -> str:
    """How the zone is called at that moment: `UTC`, `CET`, `+05:30`."""
    return local(moment, zone).tzname() or local(moment, zone).strftime("%z")


def duration(milliseconds: float) -> str:
    """`340ms`, `4.2s`, `12m 5s`, `3h 20m`, `2d 4h`: two units at most, which is as exact as anybody reads."""
    if milliseconds < 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds:.0f}ms"
    if round(milliseconds / 1000, 1) < _MINUTE_S:
        return f"{milliseconds / 1000:.1f}s"
    seconds = round(milliseconds / 1000)
    for unit_s, name, below_s, below in ((_DAY_S, "d", _HOUR_S, "h"), (_HOUR_S, "h", _MINUTE_S, "m"), (_MINUTE_S, "m", 1, "s")):
        if seconds >= unit_s:
            rest = seconds % unit_s // below_s
            return f"{seconds // unit_s}{name} {rest}{below}" if rest else f"{seconds // unit_s}{name}"
    raise AssertionError("a minute and more is covered above")
