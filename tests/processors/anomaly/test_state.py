"""What measures keep is bounded in bytes and by time, and written in proportion to what happens."""

from datetime import timedelta
from typing import Any

from pipetrail_processors.detect.labelled import START, messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.pipeline import DEFAULT_RETENTION, Pipeline
from pipetrail_processors.state.state import MemoryState
from support.histories import measuring
from support.world import HEADERS, WAIT

_RULES = RuleSet.of([one.rule for one in measuring().rules if one.rule.id == "unusual-build-duration"])
_SERIES = (b"y", b"Y")


class _Counting(MemoryState):
    """A state that knows how much was written of series."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0

    def set(self, key: bytes, value: bytes) -> None:
        """Write and count."""
        if key[:1] in _SERIES:
            self.written += len(value)
        super().set(key, value)


def _told(runs: int, state: MemoryState, *, every: int = 60, slow: int = 0) -> Pipeline:
    pipeline = Pipeline(policy=Policy(), rules=_RULES, alias_wait=WAIT)
    about: dict[str, Any] = {"type": "build.finished", "cicd.pipeline.name": "ci", "pipetrail.result": "success"}
    about["vcs.ref.head.revision"] = "{n:040x}"
    many = {**about, "repeat": runs, "every": every, "event.duration": 60_000_000_000}
    last = {**about, "vcs.ref.head.revision": "c1", "minute": runs * every, "event.duration": 3_600_000_000_000}
    for value in messages([many, last] if slow else [many]):
        pipeline.on_event(value, HEADERS, state)
    return pipeline


def test_a_series_is_bounded_in_bytes() -> None:
    """A thousand runs, each with the longest history, keep some kilobytes."""
    state = _Counting()
    _told(1000, state)
    kept = sum(len(value) for key, value in state.values.items() if key[:1] in _SERIES)
    assert kept < 24_000


def test_a_sample_costs_less_than_the_series_it_is_in() -> None:
    """The history is written once for a number of samples, so most of a series is not written with each of them."""
    state = _Counting()
    _told(600, state)
    before = state.written
    _told(640, state)
    kept = sum(len(value) for key, value in state.values.items() if key[:1] in _SERIES)
    assert (state.written - before) / 40 < 0.75 * kept


def test_a_series_that_nothing_happens_to_leaves_the_state() -> None:
    """After the retention nothing of it is left, nor of the findings that it held."""
    state = MemoryState()
    pipeline = _told(70, state, slow=1)
    assert any(key[:1] in _SERIES for key in state.values)
    for _ in range(4):
        pipeline.expire(state, START + DEFAULT_RETENTION + timedelta(days=30))
    assert not [key for key in state.values if key[:1] in {*_SERIES, b"w", b"n"}]


def test_a_series_that_is_in_use_stays() -> None:
    """It is looked at on the day of its making, and queued anew for that of its latest sample."""
    state = MemoryState()
    pipeline = _told(300, state, every=24 * 60)
    for _ in range(4):
        pipeline.expire(state, START + DEFAULT_RETENTION + timedelta(days=30))
    assert any(key[:1] in _SERIES for key in state.values)
