"""Failure and override rates: did more of the latest events fail, or pass a control over, than before? Pure.

The latest `WINDOW` events are a group, as in a control chart of fractions. Shares are compared after the angular
transformation, which gives all of them about the same deviation (Anscombe, Biometrika 35, 1948), so a rate of nearly nothing is
judged as well as one of a third. Failures come in bursts: real groups differ by more than a coin would make them. So the
deviation is that of the earlier groups among each other, where it is more (Laney, Improved Control Charts for Attributes,
Quality Engineering 14, 2002), without the quarter that is furthest from their median: a bad week must not hide the next.
"""

import math
from collections.abc import Sequence
from statistics import median

from pipetrail_processors.anomaly.series import WINDOW, Series
from pipetrail_processors.anomaly.setting import Setting
from pipetrail_processors.anomaly.verdict import Verdict, share

# The deviation of the nearest three quarters of normal values is so much less than that of all (truncated normal distribution).
_NEAREST, _CONSISTENCY = 0.75, 1.6475
_ANSCOMBE = 3 / 8
# Fewer earlier groups say nothing of how much they differ.
_FEWEST_GROUPS = 4


def judge(series: Series, place: int, setting: Setting) -> Verdict | None:
    """Whether the rate up to and with the event at a place is out of the ordinary. Only an event that counts makes it so."""
    if place < WINDOW - 1 or not series.newest.at(place)[1]:
        return None
    count = int(sum(series.value[place - WINDOW + 1 : place + 1]))
    if count / WINDOW < setting.least or series.size(place) < setting.samples:
        return None
    points = series.baseline(place, skipped=WINDOW - 1)
    if len(points) < setting.samples:
        return None
    values = [point.value for point in points]
    before = sum(values) / len(values)
    if count / WINDOW - before < setting.least:
        return None
    usual, spread = _usual(values)
    # The usual rate is itself an estimate, of so many events.
    deviation = spread * math.sqrt(1 / WINDOW + 1 / len(values))
    score = 2 * (_angle(count, WINDOW) - usual) / deviation
    if score <= setting.threshold:
        return None
    most = math.sin(usual + setting.threshold * deviation / 2) ** 2
    return Verdict(
        f"{count} of the last {WINDOW}",
        f"{share(before)}, and up to {share(most)} of {WINDOW}",
        len(values),
        points[0].ms,
        score,
        WINDOW,
    )


def _angle(count: float, of: int) -> float:
    return math.asin(math.sqrt((count + _ANSCOMBE) / (of + 2 * _ANSCOMBE)))


def _usual(values: Sequence[float]) -> tuple[float, float]:
    """The angle of the usual rate, and how much earlier groups differ, as a multiple of what chance makes; at least 1."""
    ends = range(len(values), WINDOW - 1, -WINDOW)
    angles = [_angle(sum(values[end - WINDOW : end]), WINDOW) for end in ends]
    if len(angles) < _FEWEST_GROUPS:
        return _angle(sum(values), len(values)), 1.0
    usual = median(angles)
    # Of few events angles take few values, and the median of what they differ would jump from one to the next.
    nearest = sorted((angle - usual) ** 2 for angle in angles)[: math.ceil(_NEAREST * len(angles))]
    return usual, max(1.0, _CONSISTENCY * 2 * math.sqrt(WINDOW * sum(nearest) / len(nearest)))
