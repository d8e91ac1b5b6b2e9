"""Times as pipetrail writes them: RFC 3339, UTC, milliseconds, `Z`. Standard library only."""

from datetime import UTC, datetime


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
        ValueError: the text is no RFC 3339 time with a zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: write 2026-11-23T09:02:11Z")
    return truncate(moment)


def now() -> datetime:
    """The present, UTC, cut to milliseconds. Deciding code gets the time as an argument instead."""
    return truncate(datetime.now(UTC))


def truncate(moment: datetime) -> datetime:
    """The moment in UTC without what lies below a millisecond, which the wire format cannot carry."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
