"""Quiet hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_sinks.notify.quiet import Quiet, parse_hours

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = Quiet(BERLIN, parse_hours(["Mon-Fri 18:00-08:00", "Sat-Sun 00:00-24:00"]))


def at(text: str) -> datetime:
    """A moment by Berlin's clocks."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-23 12:00", "2026-11-23 12:00"),
        ("2026-11-23 17:59", "2026-11-23 17:59"),
        ("2026-11-23 18:00", "2026-11-24 08:00"),
        ("2026-11-24 03:00", "2026-11-24 08:00"),
        ("2026-11-24 08:00", "2026-11-24 08:00"),
        # Friday's evening, and the weekend that follows; Monday's early hours are nobody's night.
        ("2026-11-20 19:00", "2026-11-23 00:00"),
        ("2026-11-22 12:00", "2026-11-23 00:00"),
    ],
)
def test_end(now: str, end: str) -> None:
    """Quiet hours last until their end, past midnight, and one may follow the other."""
    assert NIGHTS.end(at(now)) == at(end)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 9), ("2026-10-24", 11), ("2026-11-20", 10)])
def test_clocks_change(day: str, hours: int) -> None:
    """A night is as long as the clocks make it."""
    quiet = Quiet(BERLIN, parse_hours(["22:00-08:00"]))
    start = at(f"{day} 22:00")
    assert quiet.end(start) - start == timedelta(hours=hours)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - given a zone
def test_never_quiet_at_the_end(now: datetime) -> None:
    """What is told at the end of the quiet is not told in the quiet, and nothing is ever told earlier than it came."""
    end = NIGHTS.end(now)
    assert end >= now
    assert NIGHTS.end(end) == end


def test_always() -> None:
    """A quiet that never ends is an error, not silence."""
    with pytest.raises(ValueError, match="all week"):
        Quiet(BERLIN, parse_hours(["00:00-12:00", "12:00-24:00"])).end(at("2026-11-23 12:00"))


@pytest.mark.parametrize(
    "text", ["Mon 8-9", "Noday 08:00-09:00", "08:00-08:00", "24:00-08:00", "08:60-09:00", "25:00-26:00", ""]
)
def test_bad_hours(text: str) -> None:
    """Hours that are none are said to be none."""
    with pytest.raises(ValueError, match=r"not like|begins|time of day"):
        parse_hours([text])
