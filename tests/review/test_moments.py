"""Tests of times between people and documents."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_review.moments import clock, day, duration, parse_moment, stamp, zone_name
from support.deliveries import NOW

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
        ("4w", NOW - timedelta(weeks=4)),
        ("2026-11-20", datetime(2026, 11, 19, 23, tzinfo=UTC)),
        ("2026-07-20T09:00", datetime(2026, 7, 20, 7, tzinfo=UTC)),
        ("2026-11-20T09:00Z", datetime(2026, 11, 20, 9, tzinfo=UTC)),
        ("2026-11-20T09:00+05:30", datetime(2026, 11, 20, 3, 30, tzinfo=UTC)),
    ],
)
def test_moments_are_read_as_people_write_them(text: str, meant: datetime) -> None:
    """Spans count back from now; times without an offset are the reader's own, summer time included."""
    assert meant == parse_moment(text, now=NOW, zone=BERLIN)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2 h", "-2h", "2y", "2026-13-01", "9999999d", "999999w", "1h30m", "0001-01-01"]
)
def test_what_is_no_moment_is_refused_with_what_is_allowed(text: str) -> None:
    """A text that is neither span nor time raises, and the message shows both forms."""
    with pytest.raises(ValueError, match=r"7d.*2026-11-20"):
        parse_moment(text, now=NOW, zone=BERLIN)


def test_a_moment_is_shown_in_the_readers_zone() -> None:
    """Clock, day and zone's name follow the zone, with its summer time."""
    summer = datetime(2026, 7, 1, 22, 30, 5, tzinfo=UTC)
    assert (
        clock(summer, BERLIN),
        day(summer, BERLIN),
        stamp(summer, BERLIN),
        zone_name(summer, BERLIN),
    ) == ("00:30:05", "2026-07-02", "2026-07-02 00:30:05", "CEST")
    assert zone_name(summer, timezone(timedelta(hours=5, minutes=30))) == "UTC+05:30"


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0, "0ms"),
        (340, "340ms"),
        (4200, "4.2s"),
        (59_940, "59.9s"),
        (59_960, "1m"),
        (71_000, "1m 11s"),
        (3_600_000, "1h"),
        (12_000_000, "3h 20m"),
        (187_200_000, "2d 4h"),
    ],
)
def test_durations_have_two_units_at_most(milliseconds: float, shown: str) -> None:
    """A duration reads as a person would say it."""
    assert shown == duration(milliseconds)


@given(st.floats(min_value=0, max_value=1e13))
def test_every_duration_can_be_said(milliseconds: float) -> None:
    """There is no length without words, and none says sixty of a unit that has a greater one."""
    shown = duration(milliseconds)
    assert not {"60s", "60.0s", "60m", "24h"} & set(shown.split())
