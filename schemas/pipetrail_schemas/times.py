"""Times as pipetrail writes them: RFC 3339, UTC, milliseconds, `Z`. Standard library only.

What lies below a millisecond is cut off on reading: the wire format and the index cannot carry it, and a time that changed by
being written and read would make two facts of one.
"""

import re
from datetime import UTC, datetime

# RFC 3339, section 5.6: date-time. `datetime.fromisoformat` alone also takes week dates and times without a zone.
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


def format_time(moment: datetime) -> str:
    """`2026-11-23T09:02:11.000Z`.

    Raises:
        ValueError: the moment has no time zone: guessing one would move events by hours.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """A UTC datetime, cut to milliseconds, from RFC 3339.

    Raises:
        ValueError: the text is no RFC 3339 time with a zone, or lies outside the years 1 to 9999 in UTC.
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError(f"{text!r:.80} is no RFC 3339 time with a zone, like 2026-11-23T09:02:11Z")
    try:
        return truncate(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError) as exc:
        raise ValueError(f"{text!r:.80} is no time: {exc}") from exc


def now() -> datetime:
    """The present, UTC, cut to milliseconds. Deciding code gets the time as an argument instead."""
    return truncate(datetime.now(UTC))


def truncate(moment: datetime) -> datetime:
    """The moment in UTC without what lies below a millisecond, which the wire format cannot carry."""
    if moment.tzinfo is UTC and not moment.microsecond % 1000:
        return moment
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
