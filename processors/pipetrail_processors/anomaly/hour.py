"""The hour of the week: does something happen when it never does? Pure.

An hour is like those of the week, or of a day of the same kind (working day or weekend), that are at most two hours away: a new
team has deployed at few hours of the week, and is not to be found on its first Tuesday. Out of the ordinary is an hour of which
the history says with confidence that few fall near it: the upper end of Wilson's interval (JASA 22, 1927) of their share is
below the threshold. So with fewer samples it is silent by itself. Times are UTC; which two days are the weekend is learned,
since Friday afternoon in one place is Saturday in UTC. A change to summer time moves all by one hour, which is near.
"""

import math
from collections.abc import Iterable

from pipetrail_processors.anomaly.series import BASELINE, Series
from pipetrail_processors.anomaly.setting import Setting
from pipetrail_processors.anomaly.verdict import (
    DAY_HOURS,
    HOUR_MS,
    WEEK_HOURS,
    Verdict,
    distance,
    is_within,
    share,
    weekday_and_time,
    weekend,
)

_NEAR_HOURS = 2.0
_CONFIDENCE = 1.645  # of the standard normal distribution: one side, 95 %
# A history of less has not seen a weekend twice.
_LEAST_MS = 14 * DAY_HOURS * HOUR_MS


def judge(series: Series, place: int, setting: Setting) -> Verdict | None:
    """Whether the time of the event at a place is out of the ordinary. The series' values are hours of the week."""
    size = series.size(place)
    ms, hour = series.newest.at(place)
    if size < setting.samples or _upper(0, size) >= setting.threshold or ms - series.oldest < _LEAST_MS:
        return None
    quick_looks = (reversed(series.surely(place)[1]), (point.value for point in series.back(place)))
    if any(_is_ordinary(hours, hour, setting) for hours in quick_looks):
        return None
    points = series.baseline(place)
    samples = len(points)
    if samples < setting.samples or ms - points[0].ms < _LEAST_MS:
        return None
    near = sum(_is_near(point.value, hour, WEEK_HOURS) for point in points)
    if _upper(near, samples) >= setting.threshold:
        return None
    start = weekend(point.value for point in points)
    on_weekend = is_within(hour, start)
    near = sum(
        _is_near(point.value, hour, WEEK_HOURS)
        or (is_within(point.value, start) == on_weekend and _is_near(point.value, hour, DAY_HOURS))
        for point in points
    )
    if _upper(near, samples) >= setting.threshold:
        return None
    expected = samples * 2 * _NEAR_HOURS / WEEK_HOURS
    normal = f"{near} of {samples} were within two hours of it on such days, fewer than {share(_upper(near, samples))}"
    return Verdict(weekday_and_time(ms), normal, samples, points[0].ms, (expected + 1) / (near + 1))


def _is_ordinary(hours: Iterable[float], hour: float, setting: Setting) -> bool:
    """A quick look: enough are near, however many others there are."""
    enough = int(setting.threshold * BASELINE) + 1
    near = 0
    for other in hours:
        near += _is_near(other, hour, WEEK_HOURS)
        if near >= enough:
            return True
    return False


def _is_near(one: float, other: float, around: int) -> bool:
    return distance(one, other, around) <= _NEAR_HOURS


def _upper(count: int, of: int) -> float:
    """The upper end of Wilson's interval of a share."""
    square = _CONFIDENCE**2
    part = count / of
    middle = part + square / (2 * of)
    return (middle + _CONFIDENCE * math.sqrt(part * (1 - part) / of + square / (4 * of * of))) / (1 + square / of)
