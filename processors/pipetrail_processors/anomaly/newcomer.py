"""First times: has this actor never done this here, where nearly all is done by those who have? Pure.

One sample an actor and week counts. How likely somebody new is by the history is the share of those who were seen once only
(Good, The Population Frequencies of Species, Biometrika 40, 1953): where everybody deploys now and then it is large, and
nobody is found.
"""

from collections import Counter
from itertools import islice

from pipetrail_processors.anomaly.series import BASELINE, BASELINE_MS, Series
from pipetrail_processors.anomaly.setting import Setting
from pipetrail_processors.anomaly.verdict import Verdict


def judge(series: Series, place: int, setting: Setting) -> Verdict | None:
    """Whether the actor at a place is new, and that is out of the ordinary. The series' values stand for actors."""
    if series.size(place) < setting.samples:
        return None
    ms, actor = series.newest.at(place)
    lately = ms - BASELINE_MS + series.slot.ms
    # Whoever did it within the baseline is in it, though perhaps with another sample of the same week.
    if any(other == actor and earlier >= lately for earlier, other in islice(series.newest.back(place), BASELINE)):
        return None
    if actor in series.surely(place)[1] or any(point.value == actor for point in series.back(place)):
        return None
    points = series.baseline(place)
    if len(points) < setting.samples:
        return None
    seen = Counter(point.value for point in points)
    new = (sum(times == 1 for times in seen.values()) + 1) / (len(points) + 1)
    if new > setting.threshold:
        return None
    people = f"{len(seen)} other{'' if len(seen) == 1 else 's'}"
    normal = f"{people}, counted once a week each; somebody new is one in {1 / new:.0f}"
    return Verdict("first time", normal, len(points), points[0].ms, setting.threshold / new)
