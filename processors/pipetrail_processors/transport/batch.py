"""A batch of messages as it was fetched, and which offsets of a partition may be committed. Pure: no Kafka, no clock."""

from collections import deque
from collections.abc import Sequence
from typing import Protocol


class Record(Protocol):
    """A message as the consumer gives it."""

    @property
    def topic(self) -> str:
        """Where it stood."""
        ...

    @property
    def partition(self) -> int:
        """Where it stood."""
        ...

    @property
    def offset(self) -> int:
        """Where it stood."""
        ...

    @property
    def timestamp(self) -> int | None:
        """Milliseconds since 1970, None when the broker keeps none."""
        ...

    @property
    def key(self) -> bytes | None:
        """The bytes as they came."""
        ...

    @property
    def value(self) -> bytes | None:
        """The bytes as they came."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """In their order, repetitions kept."""
        ...


class Batch:
    """Messages of one partition that were fetched together, in order; at least one.

    `done` is set by who worked on all of them, and by nobody else: an agent that fails, is cancelled or is closed leaves it
    unset, whatever Faust believes to be acknowledged.
    """

    __slots__ = ("done", "records")

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.done = False

    @property
    def topic(self) -> str:
        """The topic that all messages are of."""
        return self.records[0].topic

    @property
    def partition(self) -> int:
        """The partition that all messages are of."""
        return self.records[0].partition

    @property
    def end(self) -> int:
        """The offset after the last message."""
        return self.records[-1].offset + 1


class Progress:
    """How far one partition has been worked through: the end of the done batches before which no other is open.

    Offsets may jump (compaction, transactions); what counts is the order in which batches were handed out.
    """

    def __init__(self) -> None:
        self._open: deque[Batch] = deque()
        self._settled: int | None = None

    def add(self, batch: Batch) -> None:
        """A batch was handed out."""
        self._open.append(batch)

    def committable(self) -> int | None:
        """The offset to commit: all before it is done. None when nothing is."""
        while self._open and self._open[0].done:
            self._settled = self._open.popleft().end
        return self._settled

    @property
    def idle(self) -> bool:
        """Whether all that was handed out is done."""
        self.committable()
        return not self._open

    @property
    def in_hand(self) -> int:
        """How many messages were handed out and are not done."""
        self.committable()
        return sum(len(batch.records) for batch in self._open if not batch.done)

    @property
    def broken(self) -> bool:
        """Whether a later batch is done and an earlier one is not: it was dropped on its way, and must be read again."""
        self.committable()
        return any(batch.done for batch in self._open)
