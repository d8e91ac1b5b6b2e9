"""Quiet hours: when people are not to be disturbed by what can wait. Pure.

Hours are wall-clock times of a time zone, so a night is as long as the clocks make it. What is held is told when they end.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "|".join(_DAYS)
_HOURS = re.compile(
    rf"(?:(?P<first>{_DAY})(?:-(?P<last>{_DAY}))?\s+)?(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)", re.IGNORECASE | re.ASCII
)
# Windows that follow each other without a gap for longer than this are never over: nothing would ever be sent.
_LONGEST = timedelta(days=8)
_DAY_S = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """Some days of the week (0 is Monday), from a minute of the day to another; past midnight where that is earlier."""

    days: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """When it is quiet."""

    zone: ZoneInfo
    hours: tuple[Hours, ...]

    def end(self, now: datetime) -> datetime:
        """`now` where it is not quiet, else when the quiet ends, in UTC.

        Raises:
            ValueError: it never ends.
        """
        moment = now
        while ends := [end for start, end in self._windows(moment) if start <= moment < end]:
            moment = max(ends)
            if moment - now > _LONGEST:
                raise ValueError("it is quiet all week: nothing would ever be sent")
        return moment

    def _windows(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        today = moment.astimezone(self.zone).date()
        for day in (today - timedelta(days=1), today):
            midnight = datetime.combine(day, time(), self.zone)
            for hours in self.hours:
                if day.weekday() in hours.days:
                    end = hours.end if hours.end > hours.start else hours.end + _DAY_S
                    yield _at(midnight, hours.start), _at(midnight, end)


def parse_hours(texts: Sequence[str]) -> tuple[Hours, ...]:
    """`Mon-Fri 18:00-08:00`, `Sat 00:00-24:00`, or without a day for every day.

    Raises:
        ValueError: a text is none of that.
    """
    return tuple(_hours(text) for text in texts)


def _hours(text: str) -> Hours:
    match = _HOURS.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not like 'Mon-Fri 18:00-08:00', 'Sat 00:00-24:00' or '22:00-06:00'")
    start, end = _minutes(match["start"]), _minutes(match["end"])
    if start in (end, _DAY_S):
        raise ValueError(f"{text!r} begins when it ends; a whole day is 00:00-24:00")
    first = _DAYS.index(match["first"].lower()) if match["first"] else 0
    last = _DAYS.index(match["last"].lower()) if match["last"] else first if match["first"] else 6
    count = (last - first) % 7 + 1
    return Hours(frozenset((first + step) % 7 for step in range(count)), start, end)


def _minutes(text: str) -> int:
    hour, minute = (int(part) for part in text.split(":"))
    if minute > 59 or hour * 60 + minute > _DAY_S:  # noqa: PLR2004 - minutes of an hour
        raise ValueError(f"{text!r} is no time of day; the last is 24:00")
    return hour * 60 + minute


def _at(midnight: datetime, minutes: int) -> datetime:
    # Wall-clock arithmetic: 08:00 is 08:00, also on the day when the clocks change.
    return (midnight + timedelta(minutes=minutes)).astimezone(UTC)
