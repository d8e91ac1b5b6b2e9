"""A sample that is put after the others of a series, which is not read for it, leaves what reading it leaves."""

from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_processors.anomaly.measured import Measured, measured
from pipetrail_processors.anomaly.newest import Newest, Sample
from pipetrail_processors.anomaly.ordinary import followed
from pipetrail_processors.anomaly.series import NEWEST, Series, key_of, name_of
from pipetrail_processors.state.state import MemoryState
from support.histories import measuring

_RULES = measured(measuring().rules)
_RATE, _HOUR = _RULES["unusual-override-rate"], _RULES["unusual-deployment-hour"]
_NAME = name_of("r", "n")
_MINUTE = 60_000


def _sample(number: int, value: float, minute: int) -> Sample:
    fact = b'{"n":%d}' % number if value else b""
    return Sample(minute * _MINUTE, key_of(str(number)), value, number, number * 7919, fact)


def _read_and_put(state: MemoryState, one: Measured, sample: Sample, day: int) -> None:
    series = Series(state, _NAME, state.get(_NAME), one.measure.slot, one.measure.span)
    place = series.put(sample)
    series.newest.day = max(series.newest.day, day)
    if place is not None and len(series.newest) > NEWEST:
        series.trim(place)
    series.save()


def _take(state: MemoryState, one: Measured, sample: Sample, day: int) -> bool:
    """Without reading where that may be. Returns whether it was."""
    value = state.get(_NAME)
    longer = followed(value, one, sample, day) if value else None
    if longer is None:
        _read_and_put(state, one, sample, day)
        return False
    state.set(_NAME, longer)
    return True


@given(
    st.lists(st.tuples(st.sampled_from([0, 0, 0, 1]), st.sampled_from([7, 7, 7, 7, 0, -30]), st.integers(0, 3)), max_size=150),
    st.sampled_from([_RATE, _HOUR]),
)
@settings(max_examples=40, deadline=None)
def test_it_leaves_the_same_to_the_byte(told: list[tuple[int, int, int]], one: Measured) -> None:
    """Whatever is late, told twice or recorded on another day, and whichever part of a series is read in between."""
    quick, slow = MemoryState(), MemoryState()
    minute = 10_000
    for number, (value, later, day) in enumerate(told):
        minute += later
        sample = _sample(number if later else number // 2, float(value), minute)
        _take(quick, one, sample, day)
        _read_and_put(slow, one, sample, day)
        assert quick.values == slow.values


def test_most_are_ordinary() -> None:
    """Of samples that count for nothing all but the first and those at which a series is cut."""
    state = MemoryState()
    quick = [_take(state, _RATE, _sample(number, 0.0, number), 0) for number in range(400)]
    assert not quick[0]
    assert sum(quick) > 0.9 * len(quick)


def test_what_may_be_found_is_not() -> None:
    """No value that counts after enough others; nothing in a series with a finding, nor what was there before."""
    state = MemoryState()
    enough = _HOUR.setting.samples
    for number in range(enough):
        _take(state, _HOUR, _sample(number, 5.0, number), 0)
    value = state.values[_NAME]
    assert followed(value, _HOUR, _sample(enough, 5.0, enough), 0) is None
    assert followed(value, _RATE, _sample(enough, 1.0, enough), 0) is None
    assert followed(value, _RATE, _sample(enough, 0.0, enough), 0)
    assert followed(value, _RATE, _sample(enough - 1, 0.0, enough), 0) is None
    assert followed(value, _RATE, _sample(enough, 0.0, enough - 1), 0) is None
    newest = Newest(value, _HOUR.most_facts)
    newest.holds = True
    assert followed(newest.packed(), _RATE, _sample(enough, 0.0, enough), 0) is None
