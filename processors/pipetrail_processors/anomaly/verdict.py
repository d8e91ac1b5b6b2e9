"""What is said of a sample that is out of the ordinary: the value, what is normal, and what that is known from."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

from pipetrail_processors.guard.duration import shown

HOUR_MS = 3_600_000
DAY_HOURS, WEEK_HOURS = 24, 168
_WEEKEND_HOURS = 2 * DAY_HOURS
# As exactly as a weekend is looked for.
_BLOCK_HOURS = 3
_BLOCKS, _WEEKEND_BLOCKS = WEEK_HOURS // _BLOCK_HOURS, _WEEKEND_HOURS // _BLOCK_HOURS
# 1970 began on a Thursday; weeks begin on Monday.
_FIRST_HOUR = 3 * DAY_HOURS
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SECOND_MS = 1000


class Verdict(NamedTuple):
    """Why a sample is out of the ordinary. `span`: so many samples, its own included, are what it is about."""

    value: str
    normal: str
    samples: int
    since_ms: int
    score: float
    span: int = 1


def hour_of_week(ms: int) -> float:
    """Hours since Monday, 00:00 UTC."""
    return (ms / HOUR_MS + _FIRST_HOUR) % WEEK_HOURS


def distance(one: float, other: float, around: int) -> float:
    """How far apart two hours are on a clock that goes around after so many."""
    apart = abs(one - other) % around
    return min(apart, around - apart)


def weekend(hours: Iterable[float]) -> int:
    """The hour of the week at which the two days begin in which there is least: a team's weekend, whatever its time zone.

    Where several are as quiet, the middle one of the longest row of them.
    """
    counts = [0] * _BLOCKS
    for hour in hours:
        counts[int(hour) // _BLOCK_HOURS] += 1
    totals = [0, *accumulate(counts * 2)]
    quiet = [totals[start + _WEEKEND_BLOCKS] - totals[start] for start in range(_BLOCKS)]
    least = min(quiet)
    length, last, row = 0, 0, 0
    for number, count in enumerate(quiet * 2):
        row = row + 1 if count == least else 0
        if row > length and row <= _BLOCKS:
            length, last = row, number
    return (last - (length - 1) // 2) % _BLOCKS * _BLOCK_HOURS


def is_within(hour: float, start: int) -> bool:
    """Whether an hour of the week is on the weekend that begins with `start`."""
    return (hour - start) % WEEK_HOURS < _WEEKEND_HOURS


def day(ms: int) -> str:
    """`2026-11-23`."""
    return datetime.fromtimestamp(ms / _SECOND_MS, UTC).strftime("%Y-%m-%d")


def weekday_and_time(ms: int) -> str:
    """`Sunday 03:12 UTC`."""
    moment = datetime.fromtimestamp(ms / _SECOND_MS, UTC)
    return f"{_DAYS[moment.weekday()]} {moment:%H:%M} UTC"


def length(ms: float) -> str:
    """A length of time: `640 ms`, `21 s`, `2 min 10 s`."""
    return f"{ms:.0f} ms" if ms < _SECOND_MS else shown(timedelta(milliseconds=ms))


def share(part: float) -> str:
    """A share: `0.4 %`, `12 %`."""
    return f"{part * 100:.{0 if part >= 0.1 or part == 0 else 1}f} %"  # noqa: PLR2004 - below ten in a hundred the first decimal says something
