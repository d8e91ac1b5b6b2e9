"""The batch that is being filled: bounded by count, bytes and age, whichever comes first."""

from collections.abc import Iterable
from dataclasses import dataclass

from pipetrail_sinks.message import Message

Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is due."""

    messages: int
    size_bytes: int
    age_s: float


class Batch:
    """Messages in the order of their arrival."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._oldest = 0.0
        self._size = 0
        self.messages: list[Message] = []

    def add(self, messages: Iterable[Message], now: float) -> None:
        """Take messages in; `now` is monotonic, in seconds."""
        for message in messages:
            if not self.messages:
                self._oldest = now
            self.messages.append(message)
            self._size += message.size

    @property
    def full(self) -> bool:
        """No more should be added: the bound of count or bytes is reached."""
        return len(self.messages) >= self._limits.messages or self._size >= self._limits.size_bytes

    def due(self, now: float) -> bool:
        """It is time to write: full, or the oldest message has waited long enough."""
        return bool(self.messages) and (self.full or now - self._oldest >= self._limits.age_s)

    def drop(self, partitions: set[Partition]) -> None:
        """Forget the messages of partitions that were taken away: their new owner reads them again."""
        self.messages = [one for one in self.messages if (one.topic, one.partition) not in partitions]
        self._size = sum(one.size for one in self.messages)

    def next_offsets(self) -> dict[Partition, int]:
        """For each partition, the offset to commit once every message of this batch is accounted for."""
        # Messages of a partition arrive in order, so the last one wins.
        return {(one.topic, one.partition): one.offset + 1 for one in self.messages}
