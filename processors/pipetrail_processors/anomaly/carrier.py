"""An event that carries samples of several measures: what these have in common is worked out once, and when it is asked for."""

import orjson
from pipetrail_schemas.lazy import lazy

from pipetrail_processors.anomaly.measure import Measure, time_ms
from pipetrail_processors.anomaly.newest import Sample
from pipetrail_processors.anomaly.series import key_of
from pipetrail_processors.trail.fact import Fact

# What of a fact a finding may need, and what of its entry none does.
_KEPT = ("r", "h", "o", "d", "v", "k", "u", "s")
_NOT_SHOWN = ("url", "link", "name", "revision")


class Carrier:
    """An event with the samples that it carries. Many a start carries none."""

    def __init__(self, fact: Fact) -> None:
        self.fact = fact

    @lazy
    def key(self) -> int:
        """What tells its samples from others."""
        return key_of(self.fact["e"]["event_id"])

    @lazy
    def _moments(self) -> tuple[int, int, int]:
        """When it happened, and which version of it this is."""
        return time_ms(self.fact["e"]["time"]), time_ms(self.fact["r"]), int(self.fact["h"], 16)

    @lazy
    def _slim(self) -> bytes:
        entry = self.fact["e"].copy()
        for name in _NOT_SHOWN:
            entry.pop(name, None)
        return orjson.dumps({"e": entry, **{name: self.fact[name] for name in _KEPT if name in self.fact}})

    def sample(self, measure: Measure, value: float) -> Sample:
        """A sample of it. A fact goes with those that a finding may need."""
        ms, told, mark = self._moments
        return Sample(ms, self.key, value, told, mark, self._slim if measure.span == 1 or value else b"")
