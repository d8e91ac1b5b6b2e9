"""Times: RFC 3339 in, UTC milliseconds out."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_schemas.times import format_time, now, parse_time, truncate

ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# A day inside the first and last that a datetime holds, so that every zone has a UTC form.
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001 - hypothesis adds the zones


@given(MOMENTS)
def test_a_written_time_reads_as_the_same_moment(moment: datetime) -> None:
    """parse(format(t)) is t, cut to milliseconds, in UTC."""
    assert parse_time(format_time(moment)) == truncate(moment)
    assert truncate(moment).tzinfo is UTC
    assert timedelta(0) <= moment - truncate(moment) < timedelta(milliseconds=1)


@given(MOMENTS)
def test_truncate_and_format_are_stable(moment: datetime) -> None:
    """Cutting twice is cutting once, and what is cut is written as the whole is."""
    assert truncate(truncate(moment)) == truncate(moment)
    assert format_time(truncate(moment)) == format_time(moment)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-11-23T09:02:11Z", "2026-11-23T09:02:11.000Z"),
        ("2026-11-23t09:02:11z", "2026-11-23T09:02:11.000Z"),
        ("2026-11-23 09:02:11Z", "2026-11-23T09:02:11.000Z"),
        ("2026-11-23T10:02:11.5+01:00", "2026-11-23T09:02:11.500Z"),
        ("2026-11-22T23:32:11.123456789-09:30", "2026-11-23T09:02:11.123Z"),
    ],
)
def test_the_forms_of_rfc_3339_are_read(text: str, written: str) -> None:
    """Upper and lower case, a space, any offset, any number of fractional digits."""
    assert format_time(parse_time(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1700000000",
        "2026-11-23",
        "2026-11-23T09:02Z",
        "2026-11-23T09:02:11",
        "20261123T090211Z",
        "2026-W48-1T09:02:11Z",
        "2026-02-30T09:02:11Z",
        "2026-11-23T24:00:01Z",
        "2026-11-23T23:59:60Z",
        "2026-11-23T09:02:11+0100",
        "2026-11-23T09:02:11Z\n",
        "٢026-11-23T09:02:11Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    """A ValueError, never an OverflowError, and no guess at a zone."""
    with pytest.raises(ValueError, match="is no "):
        parse_time(text)


def test_a_time_without_a_zone_is_not_written() -> None:
    """Guessing a zone would move events by hours."""
    with pytest.raises(ValueError, match="has no time zone"):
        format_time(datetime(2026, 11, 23))  # noqa: DTZ001 - the point of the test


def test_now_is_utc_and_whole_milliseconds() -> None:
    """What `now` gives is what the wire can carry."""
    before = truncate(datetime.now(UTC))
    moment = now()
    assert truncate(moment) == moment
    assert before <= moment <= datetime.now(UTC)
