"""How far a consumer is behind: in messages, and in seconds since the oldest one that it has not committed arrived. Pure.

Kafka tells offsets, not ages. So the ends of the partitions are noted whenever they are looked at: a message stands there at
least since the first look that saw the end beyond it. What was there before the first look has its own time (`seed`).
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

Partition = tuple[str, int]  # topic and number

# Looks that are remembered of a partition. Where there are more, every other one goes: an old age needs no exact second.
_MAX_LOOKS = 512


class Lag(NamedTuple):
    """How far behind: messages, and the age of the oldest of them in seconds."""

    messages: int = 0
    seconds: float = 0.0


class LagHistory:
    """The looks at the partitions of one consumer. Times are seconds since 1970."""

    def __init__(self) -> None:
        self._looks: dict[Partition, deque[tuple[float, int]]] = {}
        self._lags: dict[Partition, Lag] = {}

    def unknown(self, ends: Mapping[Partition, int], committed: Mapping[Partition, int]) -> list[Partition]:
        """The partitions that are behind and were never looked at: the age of what stands there has to be found out."""
        return [one for one, end in ends.items() if one not in self._looks and committed[one] < end]

    def seed(self, partition: Partition, time: float, offset: int) -> None:
        """The oldest message that is not committed: its time and offset."""
        self._looks[partition] = deque([(time, offset + 1)])

    def look(self, now: float, ends: Mapping[Partition, int], committed: Mapping[Partition, int]) -> None:
        """Note how things stand.

        Args:
            now: when the ends were asked for.
            ends: the offset after the last message, of each partition that the consumer has. The others are forgotten.
            committed: the offset of the first message that is not committed, of each of them.
        """
        for gone in self._looks.keys() - ends.keys():
            del self._looks[gone]
        self._lags = {}
        for partition, end in ends.items():
            looks = self._looks.setdefault(partition, deque())
            if not looks or looks[-1][1] < end:
                looks.append((now, end))
            while looks and looks[0][1] <= committed[partition]:
                looks.popleft()
            if len(looks) > _MAX_LOOKS:
                self._looks[partition] = looks = deque(list(looks)[::2])
            age = max(0.0, now - looks[0][0]) if looks else 0.0
            self._lags[partition] = Lag(max(0, end - committed[partition]), age)

    def by_topic(self) -> dict[str, Lag]:
        """Of each topic the messages of all its partitions together, and the oldest one's age."""
        found: dict[str, list[Lag]] = {}
        for (topic, _), lag in self._lags.items():
            found.setdefault(topic, []).append(lag)
        return {topic: total(lags) for topic, lags in found.items()}


def total(lags: Iterable[Lag]) -> Lag:
    """All messages, and the age of the oldest."""
    told = list(lags)
    return Lag(sum(lag.messages for lag in told), max((lag.seconds for lag in told), default=0.0))
