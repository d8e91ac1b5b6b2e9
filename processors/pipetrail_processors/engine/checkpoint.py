"""The checkpoint: all that came of the events so far becomes durable, or the process ends. Faust commits offsets after it.

Order: wait until Kafka has acknowledged outputs and dead letters, then state to the changelog and wait again, then to disk.
Work on batches stands still meanwhile, so that what is made durable belongs together.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from pipetrail_processors.engine.custody import Custody
from pipetrail_processors.engine.lineage import NotOursError
from pipetrail_processors.engine.tables import StateTable
from pipetrail_processors.errors import BrokerError, EngineError
from pipetrail_processors.transport.outbox import Outbox


class StalledError(EngineError):
    """Raised when the process stood still so long that another worker may own its partitions; it must not write any more."""

    exit_code = 75  # EX_TEMPFAIL


class Checkpoint:
    """Makes durable. `lock` is held by whoever works on state."""

    def __init__(
        self,
        table: StateTable,
        outputs: Outbox,
        changelog: Outbox,
        custody: Custody,
        *,
        give_up: Callable[[], bool],
        session_timeout_s: float,
    ) -> None:
        """Make a checkpoint.

        Args:
            table: whose pending writes are made durable.
            outputs: where outputs and dead letters went.
            changelog: what the changelog is written with.
            custody: who sees to it that changelog and disk are whole.
            give_up: says, every half second, whether to stop waiting for a Kafka that does not answer.
            session_timeout_s: seconds after which Kafka gives the partitions of a silent worker to another one.
        """
        self.lock = custody.lock
        self._custody = custody
        self._table = table
        self._outputs = outputs
        self._changelog = changelog
        self._give_up = give_up
        self._patience_s = session_timeout_s
        self._alive: float | None = None

    def tick(self) -> None:
        """The process runs; called every second, from the first moment of its event loop on."""
        now = monotonic()
        if self._alive is not None and now - self._alive > self._patience_s:
            raise StalledError(f"the process stood still for {now - self._alive:.0f} s; its partitions may have a new owner")
        self._alive = now

    async def flush(self) -> None:
        """Make all durable.

        Raises:
            BrokerError: Kafka did not take it.
            StateError: the disk did not take it.
            StalledError: another worker may own the partitions by now.
        """
        async with self.lock:
            await self.flush_locked()

    async def flush_locked(self) -> None:
        """As `flush`, by who holds the lock."""
        self.tick()
        # Outputs first: an ended wait is not repeated by any message, only by the state that still has it queued.
        await asyncio.to_thread(self._outputs.flush, self._give_up)
        pending = self._table.pending()
        offsets: dict[int, list[int]] = {partition: [] for partition in pending}
        topic = self._table.changelog_topic_name
        for partition, changes in pending.items():
            for key, value in changes.items():
                self._changelog.put_into(topic, partition, key, value, offsets[partition].append)
        await asyncio.to_thread(self._changelog.flush, self._give_up)
        self._alive = monotonic()
        others_wrote = [partition for partition in pending if not self._custody.written(partition, offsets[partition])]
        for partition in pending:
            self._table.store_durable(partition, self._custody.reached(partition))
        # By a worker that stood still, or was cut off, and did not know that its partitions are ours now.
        await self._custody.write_anew(others_wrote)

    async def look_after_the_changelog(self, is_ours: Callable[[], bool]) -> None:
        """Write the changelog anew where it is not what this worker has written; called now and then.

        Args:
            is_ours: whether the partitions are still those that this worker had when it was called.

        Raises:
            StateError: a disk fails.
            BrokerError: Kafka did not take it.
        """
        if not await self._changed():
            return
        async with self.lock:
            if not is_ours():
                return
            await self.flush_locked()
            with suppress(NotOursError):
                await self._custody.write_anew(await self._changed(), is_ours)

    async def _changed(self) -> set[int]:
        try:
            return await self._custody.watch()
        except BrokerError:  # Kafka is away; there will be another look
            return set()
