"""A series is the same whether its samples are read or not, and compares with what its definition says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_processors.anomaly.newest import Newest, Sample
from pipetrail_processors.anomaly.series import BASELINE, BASELINE_MS, Point, Series, Slot, key_of, name_of
from pipetrail_processors.state.state import MemoryState

_HOUR, _DAY = 3_600_000, 86_400_000
_FACTS = 3
_NAME = name_of("r", "n")
_SAMPLES = st.lists(
    st.builds(
        lambda quarter, key, value, fact: Sample(quarter * _HOUR // 4, key, value, 0, 0, b'{"n":%d}' % key if fact else b""),
        st.integers(0, 90),
        st.integers(0, 40),
        st.sampled_from([0.0, 1.0, 2.5]),
        st.booleans(),
    ),
    max_size=40,
    unique_by=lambda sample: sample.key,
)


@given(_SAMPLES, st.sets(st.integers(0, 40)), st.data())
@settings(max_examples=60, deadline=None)
def test_rows_and_columns_hold_the_same(samples: list[Sample], removed: set[int], data: st.DataObject) -> None:
    """Whatever order samples come in, and whether each was packed and read again, they are kept in order, with their flags."""
    newest, flags = Newest(None, _FACTS), dict[int, bool]()
    for sample in samples:
        if newest.append(sample) is None:
            newest.insert(newest.place_of(sample.ms, sample.key), sample)
        flags[sample.key] = data.draw(st.booleans())
        newest.flag(newest.columns.key.index(sample.key), flagged=flags[sample.key])
        if data.draw(st.booleans()):
            newest = Newest(newest.packed(), _FACTS)
    for key in removed & flags.keys():
        newest.delete(newest.columns.key.index(key))
    expected = sorted(sample[:3] for sample in samples if sample.key not in removed)
    newest = Newest(newest.packed(), _FACTS)
    assert newest.before(len(newest)) == expected
    assert [newest.key_at(place) for place in range(len(newest))] == [key for _, key, _ in expected]
    assert list(newest.back(len(newest)))[::-1] == [(ms, value) for ms, _, value in expected]
    assert [newest.is_flagged(place) for place in range(len(newest))] == [flags[key] for _, key, _ in expected]
    assert newest.any_flag() == any(flags[key] for _, key, _ in expected)


def test_a_fact_stays_with_its_sample() -> None:
    """The last so many have theirs, also when one of them comes late or goes."""
    newest = Newest(None, _FACTS)
    for number in (1, 2, 4, 5):
        assert newest.append(_sample(number)) is not None
    newest.insert(newest.place_of(3, 3), _sample(3))
    newest.delete(0)
    newest = Newest(newest.packed(), _FACTS)
    facts = [newest.fact(place) for place in range(len(newest))]
    assert facts == [None, *({"n": number} for number in (3, 4, 5))]


@pytest.mark.parametrize("read", range(8))
def test_the_last_facts_remain(read: int) -> None:
    """However many of them were read, and however many were added since."""
    newest = Newest(None, _FACTS)
    for number in range(7):
        if number == read:
            newest = Newest(newest.packed(), _FACTS)
        assert newest.append(_sample(number)) is not None
    facts = [None] * 4 + [{"n": number} for number in (4, 5, 6)]
    assert [newest.fact(place) for place in range(7)] == facts
    newest = Newest(newest.packed(), _FACTS)
    assert [newest.fact(place) for place in range(7)] == facts


@given(_SAMPLES, st.sampled_from([Slot(_HOUR), Slot(_DAY, each_value=True)]))
@settings(max_examples=60, deadline=None)
def test_what_is_compared_with_is_of_each_slot_the_sample_with_the_smallest_hash(samples: list[Sample], slot: Slot) -> None:
    """Read from the newest on, it is what looking at all of them gives."""
    state = MemoryState()
    series = _read(state, slot)
    for sample in samples:
        series.put(sample)
    series.save()
    series = _read(state, slot)
    for place in range(len(series.newest)):
        assert series.baseline(place) == _all_at_once(series, place, slot)


def test_what_went_into_the_history_is_compared_with_as_before() -> None:
    """Also where the newest and the history have part in one slot."""
    state, slot = MemoryState(), Slot(_HOUR)
    for number in range(150):
        series = _read(state, slot)
        _put(series, Sample(number * _HOUR // 3, number * 7919 % 151, 1.0, 0, 0, b""))
        series.save()
    series = _read(state, slot)
    points = series.baseline(len(series.newest) - 1)
    assert len(points) == len({point.ms // _HOUR for point in points}) == 50
    assert points == sorted(points)


@given(st.permutations(range(90)), st.integers(60, 300))
@settings(max_examples=60, deadline=None)
def test_what_is_kept_is_the_same_in_any_order(late: list[int], count: int) -> None:
    """To the byte: which samples are kept one by one, and which stand in the history."""
    slot = Slot(_HOUR)
    in_order = [Sample(number * _HOUR // 3, key_of(str(number)), float(number % 7), 0, 0, b"{}") for number in range(count)]
    swapped = list(in_order)
    for place in late:
        swapped[place % count], swapped[(place * 3) % count] = swapped[(place * 3) % count], swapped[place % count]
    states = []
    for samples in (in_order, swapped):
        state = MemoryState()
        for sample in samples:
            series = _read(state, slot)
            _put(series, sample)
            series.save()
        states.append(state.values)
    assert states[0] == states[1]


def _read(state: MemoryState, slot: Slot) -> Series:
    return Series(state, _NAME, state.get(_NAME), slot)


def _put(series: Series, sample: Sample) -> None:
    place = series.put(sample)
    if place is not None:
        series.trim(place)


def _sample(number: int) -> Sample:
    return Sample(number, number, 1.0, 0, 0, b'{"n":%d}' % number)


def _all_at_once(series: Series, place: int, slot: Slot) -> list[Point]:
    best: dict[object, tuple[int, Point]] = {}
    for ms, key, value in series.newest.before(place):
        name = slot.of(ms, value)
        if name not in best or key < best[name][0]:
            best[name] = key, Point(ms, value)
    oldest = series.newest.at(place)[0] - BASELINE_MS
    return [point for point in sorted(point for _, point in best.values())[-BASELINE:] if point.ms >= oldest]
