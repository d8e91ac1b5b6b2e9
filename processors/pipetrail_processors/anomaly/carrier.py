"""An event that carries samples of measures: what these have in common is worked out once."""

import orjson

from pipetrail_processors.anomaly.measure import Measure, time_ms
from pipetrail_processors.anomaly.newest import Sample
from pipetrail_processors.anomaly.series import key_of
from pipetrail_processors.trail.fact import Fact

# What of a fact a finding may need, and what of its entry none does.
_KEPT = ("r", "h", "o", "d", "v", "k", "u", "s")
_NOT_SHOWN = ("url", "link", "name", "revision")


class Carrier:
    """An event with the samples that it carries. `key` tells them from those of other events."""

    __slots__ = ("_fact", "_mark", "_ms", "_slim", "_told", "key")

    def __init__(self, fact: Fact) -> None:
        self._fact = fact
        entry = fact["e"]
        self.key = key_of(entry["event_id"])
        # When it happened, and which version of it this is.
        self._ms, self._told, self._mark = time_ms(entry["time"]), time_ms(fact["r"]), int(fact["h"], 16)
        self._slim = b""  # until one is asked for

    def sample(self, measure: Measure, value: float) -> Sample:
        """A sample of it. A fact goes with those that a finding may need."""
        fact = (self._slim or self._made_slim()) if measure.span == 1 or value else b""
        return Sample(self._ms, self.key, value, self._told, self._mark, fact)

    def _made_slim(self) -> bytes:
        fact, entry = self._fact, self._fact["e"].copy()
        for name in _NOT_SHOWN:
            entry.pop(name, None)
        kept: Fact = {"e": entry}
        for name in _KEPT:
            if name in fact:
                kept[name] = fact[name]
        self._slim = orjson.dumps(kept)
        return self._slim
