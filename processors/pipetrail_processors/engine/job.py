"""The one job of the processor: batches into the pure core, what comes of them to Kafka, the rest to the dead letters.

Nothing here is acknowledged to Kafka; `Checkpoint` makes durable first. An error about a message makes that message a dead
letter; any other is raised, and ends the process.
"""

import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.topics import LINKS

from pipetrail_processors.correlate.round import Round
from pipetrail_processors.engine import dead_letter
from pipetrail_processors.engine.checkpoint import Checkpoint
from pipetrail_processors.engine.partition_state import MAX_VALUE_BYTES, PartitionState
from pipetrail_processors.engine.tables import StateTable
from pipetrail_processors.errors import StateError, TooLargeError
from pipetrail_processors.output import Output
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.transport.batch import Batch, Record
from pipetrail_processors.transport.outbox import Outbox

# What is on its way to Kafka at most before a batch waits for its acknowledgement; bounds the memory.
_UNFLUSHED_BYTES = 64 * 1024 * 1024

_log = structlog.get_logger("pipetrail.process")


@dataclass(slots=True)
class Counts:
    """What was done since the start."""

    messages: int = 0
    outputs: int = 0
    refused: int = 0


class Job:
    """Works on batches, one at a time."""

    def __init__(self, pipeline: Pipeline, table: StateTable, outbox: Outbox, checkpoint: Checkpoint) -> None:
        self.counts = Counts()
        self._pipeline = pipeline
        self._table = table
        self._outbox = outbox
        self._checkpoint = checkpoint

    async def work(self, batch: Batch) -> None:
        """Take in a batch. It is done when this returns.

        Raises:
            BrokerError: Kafka did not take an earlier message.
            StateError: the state cannot be read or written.
        """
        async with self._checkpoint.lock:
            state = self._table.of(batch.partition)
            try:
                self._take_together(batch, state)
            except StateError:
                raise
            except Exception:  # noqa: BLE001 - one of them is at fault: alone, each shows whether it is the one
                state.drop()
                await self._take_one_by_one(batch, state)
            if self._outbox.unflushed_bytes > _UNFLUSHED_BYTES:
                await self._checkpoint.flush_locked()

    def unacknowledged_bytes(self) -> int:
        """What was written since the last checkpoint: Kafka may not have it yet."""
        return self._outbox.unflushed_bytes

    async def expire(self, partition: int, now: datetime) -> None:
        """End the waits of a partition that have lasted long enough by `now`.

        Raises:
            BrokerError: as `work`.
            StateError: as `work`.
        """
        async with self._checkpoint.lock:
            state = self._table.of(partition)
            self._send(self._pipeline.expire(state, now))
            state.keep()

    def _take_together(self, batch: Batch, state: PartitionState) -> None:
        """All messages in one round; what is no event is refused. Nothing is sent unless all went well."""
        together = Round(state)
        outputs: list[Output] = []
        refused: list[tuple[Record, Exception]] = []
        for record in batch.records:
            try:
                outputs += self._decide(together, record)
            except InvalidEventError as exc:  # which leaves the state as it was
                refused.append((record, exc))
        outputs += self._pipeline.end(together)
        _require_room(outputs)
        self.counts.messages += len(batch.records)
        self._send(outputs)
        for record, error in refused:
            self._refuse(record, error)
        state.keep()

    async def _take_one_by_one(self, batch: Batch, state: PartitionState) -> None:
        for record in batch.records:
            self.counts.messages += 1
            try:
                together = Round(state)
                outputs = [*self._decide(together, record), *self._pipeline.end(together)]
                _require_room(outputs)
            except StateError:
                raise
            except Exception as exc:  # noqa: BLE001 - whatever a message brings about must stop neither the others nor the process
                state.drop()
                self._refuse(record, exc)
            else:
                self._send(outputs)
                state.keep()
            if self._outbox.unflushed_bytes > _UNFLUSHED_BYTES:
                await self._checkpoint.flush_locked()

    def _decide(self, together: Round, record: Record) -> list[Output]:
        if record.topic == LINKS.name:
            return self._pipeline.take_link(together, record.key, record.value)
        return self._pipeline.take_event(together, record.value, record.headers, record.key)

    def _send(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            self.counts.outputs += 1
            self._outbox.put(output.topic.name, output.key, output.value, output.headers)

    def _refuse(self, record: Record, error: Exception) -> None:
        self.counts.refused += 1
        self._outbox.put(dead_letter.TOPIC, record.key, record.value, dead_letter.headers(record, error))
        position = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        # Values of events stay out of the log: an error's text may quote them; the dead letter has it.
        if isinstance(error, InvalidEventError | TooLargeError):
            _log.warning("message refused", error=type(error).__name__, **position)
        else:
            frames = "".join(traceback.format_tb(error.__traceback__))
            _log.error("message refused: the processor failed on it", error=type(error).__name__, frames=frames, **position)


def _require_room(outputs: Iterable[Output]) -> None:
    for output in outputs:
        if output.value is not None and len(output.value) > MAX_VALUE_BYTES:
            size = len(output.value)
            raise TooLargeError(f"its message for {output.topic.name} has {size} bytes; at most {MAX_VALUE_BYTES} fit")
