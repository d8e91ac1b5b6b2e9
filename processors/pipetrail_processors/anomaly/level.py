"""Durations and sizes: is a value far from those before it? Median and MAD of logarithms, seasonal where that shows. Pure.

The score is the modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, ASQC 1993): the distance from the
median, in units of the median absolute deviation times 1.4826, which is a standard deviation where values are normal. Of
logarithms, since twice as long and half as long are as far from normal. Two guards against what durations really look like:
the difference must be large enough to matter (`least`), and hardly any before may have been nearly as far, nor as large at that
hour of the day, so that a pipeline that is slow whenever its cache is cold is not found each time.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import NamedTuple

from pipetrail_processors.anomaly.series import BASELINE, Point, Series
from pipetrail_processors.anomaly.setting import Setting
from pipetrail_processors.anomaly.verdict import (
    DAY_HOURS,
    HOUR_MS,
    WEEK_HOURS,
    Verdict,
    distance,
    hour_of_week,
    is_within,
    length,
    weekend,
)

_NORMAL_CONSISTENCY = 1.4826  # makes the MAD of normal values their standard deviation (Rousseeuw and Croux, JASA 1993)
# Values so much of the way are nearly as far; two, or so many of all, may have been.
_NEARLY, _SELDOM = 0.8, 0.015
# Hours of the week, or of the day, that are the same season.
_NEAR_HOURS = 2
_NEAR_MS, _DAY_MS = _NEAR_HOURS * HOUR_MS, DAY_HOURS * HOUR_MS
# A season is there where its values are so much closer together, or by so many deviations elsewhere.
_CLOSER, _ELSEWHERE = 0.7, 1.0


class Scale(NamedTuple):
    """How values of a kind are compared.

    Attributes:
        offset: added before the logarithm is taken: differences of less hardly count.
        floor: the least deviation of logarithms: where all values are equal, the next one may still differ a little.
        falls: whether less than normal is out of the ordinary, too.
        shown: a value for people.
    """

    offset: float
    floor: float
    falls: bool
    shown: Callable[[float], str]


def _commits(count: float) -> str:
    return f"{count:.0f} commit{'' if round(count) == 1 else 's'}"


DURATION = Scale(offset=1000.0, floor=0.1, falls=True, shown=length)  # milliseconds
SIZE = Scale(offset=1.0, floor=0.35, falls=False, shown=_commits)


def judge(scale: Scale, series: Series, place: int, setting: Setting) -> Verdict | None:
    """Whether the value at a place is out of the ordinary; None where it is not, or where too little is known."""
    if series.size(place) < setting.samples:
        return None
    ms, value = series.newest.at(place)
    if _is_ordinary(zip(*series.surely(place), strict=True), ms, value) or _is_ordinary(series.back(place), ms, value):
        return None
    points = series.baseline(place)
    if len(points) < setting.samples:
        return None
    points = _season(points, ms, scale, setting.samples)
    values = [point.value for point in points]
    centre, deviation = _middle(values, scale)
    far = _log(value, scale) - centre
    if far < 0 and not scale.falls:
        return None
    least = max(setting.threshold * deviation, math.log(max(setting.least, 1.0)))
    if abs(far) <= least or _as_far(values, centre, far, scale) > max(2, _SELDOM * len(values)):
        return None
    low, typical, high = (
        scale.shown(max(0.0, math.exp(level) - scale.offset)) for level in (centre - least, centre, centre + least)
    )
    normal = f"{low} to {high}" if scale.falls else f"up to {high}"
    return Verdict(scale.shown(value), f"{normal}, typically {typical}", len(values), points[0].ms, abs(far) / deviation)


def _is_ordinary(points: Iterable[tuple[int, float]], ms: int, value: float) -> bool:
    """Whether enough values of the same hours of the day are as large, and enough are as small. Most are, so this is quick."""
    most = _SELDOM * BASELINE
    above = below = 0
    for other_ms, other in points:
        apart = abs(other_ms - ms) % _DAY_MS
        if apart <= _NEAR_MS or apart >= _DAY_MS - _NEAR_MS:
            above += other >= value
            below += other <= value
            if above > most and below > most:
                return True
    return False


def _as_far(values: Sequence[float], centre: float, far: float, scale: Scale) -> int:
    return sum((_log(value, scale) - centre) / far >= _NEARLY for value in values)


def _season(points: list[Point], ms: int, scale: Scale, least: int) -> list[Point]:
    """The points of the same hours of the week, or of the day, where these are another season; else all."""
    hour = hour_of_week(ms)
    centre, deviation = _middle([point.value for point in points], scale)
    start = weekend(hour_of_week(point.ms) for point in points)
    same_days = [point for point in points if is_within(hour_of_week(point.ms), start) == is_within(hour, start)]
    for candidates, around in ((points, WEEK_HOURS), (same_days, DAY_HOURS)):
        near = [point for point in candidates if distance(hour_of_week(point.ms), hour, around) <= _NEAR_HOURS]
        if len(near) < least:
            continue
        their_centre, their_deviation = _middle([point.value for point in near], scale)
        if their_deviation < _CLOSER * deviation or abs(their_centre - centre) > _ELSEWHERE * deviation:
            return near
    return points


def _middle(values: Sequence[float], scale: Scale) -> tuple[float, float]:
    levels = [_log(value, scale) for value in values]
    centre = median(levels)
    return centre, max(scale.floor, _NORMAL_CONSISTENCY * median(abs(level - centre) for level in levels))


def _log(value: float, scale: Scale) -> float:
    return math.log(value + scale.offset)
