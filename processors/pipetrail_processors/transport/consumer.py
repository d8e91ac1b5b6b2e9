"""Faust's consumer, fetching in batches, with its own book of what may be committed.

Three things differ from Faust's own (docs/adr, "Own transport"): the broker is asked with a short wait; one Faust message
stands for a whole fetched batch of a partition; and the offset to commit comes from the batches that were worked through,
not from Faust's gaps. After a rebalance every partition is sought to its committed offset, to zero, too, which aiokafka
leaves out; where none is committed, its beginning is committed at once, so that "never read" and "lost" can be told apart.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import Any, cast

import aiokafka  # type: ignore[import-untyped] # it ships no types
import structlog
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError  # type: ignore[import-untyped]
from aiokafka.structs import OffsetAndMetadata  # type: ignore[import-untyped]
from aiokafka.structs import TopicPartition as AioTopicPartition
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import Message

from pipetrail_processors.engine.lineage import Mark, NotOursError
from pipetrail_processors.errors import BrokerError
from pipetrail_processors.transport.batch import Batch, Progress

# Milliseconds that a broker holds a request while there is nothing new. Faust asks for 1,500, and waits that long on a quiet
# partition while others have messages.
_FETCH_WAIT_MS = 20
# A poll that takes longer than this lets Kafka hand the partitions over; a batch takes milliseconds, a restart of Kafka more.
MAX_POLL_INTERVAL_MS = 600_000

_log = structlog.get_logger("pipetrail.process")


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that aiokafka runs in."""

    async def on_start(self) -> None:
        """Connect.

        Raises:
            BrokerError: Kafka went away since the topics were looked at.
        """
        try:
            await super().on_start()
        except KafkaConnectionError as exc:
            raise BrokerError(f"Kafka cannot be reached: {exc}") from exc

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = self.app.assignor
        return aiokafka.AIOKafkaConsumer(
            **transport.wiring.client,
            client_id=conf.broker_client_id,
            group_id=conf.id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
        )

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek the batched topics to their committed offsets, the beginning where nothing is committed; returns where to."""
        found: Mapping[TP, int] = await self.call_thread(self._seek_to_committed)
        return found

    async def _seek_to_committed(self) -> Mapping[TP, int]:
        consumer = self._ensure_consumer()
        assigned = self._batched()
        consumer.pause(*(consumer.assignment() - set(assigned)))  # changelogs are read in another way (`refill`)
        committed = {tp: found.offset for tp, found in (await self._fetch(assigned)).items()}
        beginnings = await consumer.beginning_offsets(assigned) if assigned else {}
        new = {tp: beginnings[tp] for tp in assigned if tp not in committed}
        if new:
            await self._commit_with_marks(new)
        positions = {}
        for tp in assigned:
            offset = new[tp] if tp in new else committed[tp]
            _alarm_if_eaten(tp, offset, beginnings[tp])
            positions[ensure_TP(tp)] = max(offset, beginnings[tp])
            consumer.seek(tp, positions[tp])
        return positions

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit offsets, each with its partition's mark. False where a rebalance has been faster."""
        done: bool = await self.call_thread(self._commit_with_marks, offsets)
        return done

    async def commit_marks(self, partitions: Collection[int]) -> None:
        """Commit what is committed of these partitions again, with their marks as they are now."""
        await self.call_thread(self._commit_marks, partitions)

    async def committed_marks(self, partitions: Collection[int]) -> Mapping[int, Mark | None]:
        """What was committed with the offsets of these partitions; None where there is no mark."""
        found: Mapping[int, Mark | None] = await self.call_thread(self._committed_marks, partitions)
        return found

    async def _committed_marks(self, partitions: Collection[int]) -> Mapping[int, Mark | None]:
        found: dict[int, Mark | None] = dict.fromkeys(partitions)
        batched = cast("Any", self.transport).wiring.batched
        wanted = [AioTopicPartition(topic, number) for topic in batched for number in partitions]
        for tp, committed in (await self._fetch(wanted)).items():
            # All topics of a partition are committed together; those that a hand has set have no mark.
            found[tp.partition] = found[tp.partition] or Mark.parse(committed.metadata)
        return found

    async def _commit_marks(self, partitions: Collection[int]) -> None:
        committed = {tp: found.offset for tp, found in (await self._fetch(self._batched(partitions))).items()}
        if committed and not await self._commit_with_marks(committed):
            raise NotOursError

    def _batched(self, partitions: Collection[int] | None = None) -> list[AioTopicPartition]:
        batched = cast("Any", self.transport).wiring.batched
        assigned = self._ensure_consumer().assignment()
        return [tp for tp in assigned if tp.topic in batched and (partitions is None or tp.partition in partitions)]

    async def _fetch(self, wanted: list[AioTopicPartition]) -> Mapping[AioTopicPartition, OffsetAndMetadata]:
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - `committed` gives no metadata
        found = await coordinator.fetch_committed_offsets(wanted)
        return {tp: committed for tp, committed in found.items() if committed.offset >= 0}

    async def _commit_with_marks(self, offsets: Mapping[Any, int]) -> bool:
        consumer = self._ensure_consumer()
        mark = cast("Any", self.transport).wiring.mark
        assigned = consumer.assignment()
        wanted = {AioTopicPartition(tp.topic, tp.partition): offset for tp, offset in offsets.items()}
        try:
            await consumer.commit(
                {tp: OffsetAndMetadata(offset, mark(tp.partition)) for tp, offset in wanted.items() if tp in assigned}
            )
        except CommitFailedError:  # the events come again, to whoever has the partitions now
            return False
        return True


class BatchConsumer(driver.Consumer):
    """The consumer that the transport gives to Faust."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._progress: dict[TP, Progress] = {}
        self._position: dict[TP, int] = {}
        self._committed: dict[TP, int] = {}
        self._to_go_back = False
        self._committing = asyncio.Lock()
        self.commits = 0  # how often Kafka has taken a commit

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109 - Faust's signature
        """What was fetched: a message a batch for batched topics, a message a record for the others."""
        if self._to_go_back and self.flow_active:
            await self._try_to_seek()  # here, where no other fetch is under way
        records: Mapping[Any, list[Any]] | None = (await self._wait_next_records(timeout))[0]
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self._try_to_seek()
            return
        for found, fetched in records.items():
            for message in self._messages(ensure_TP(found), fetched):
                if self._rebalanced_since(generation):
                    return  # a rebalance: what is dropped here is read again after the seek that ends it
                yield message.tp, message

    async def perform_seek(self) -> None:
        """Go back to what is committed. Batches that were handed out before count for nothing any more."""
        positions = await self.seek_to_committed()
        self._to_go_back = False
        self._progress.clear()
        self._position = dict(positions)
        self._committed = dict(positions)
        # Where reading goes on; Faust lets nothing through that stands before it.
        self._read_offset.update(positions)
        self._committed_offset.update(positions)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """As Faust's, but for changelogs: those are read in another way (`refill`)."""
        super().resume_partitions([tp for tp in tps if tp.topic in self._wiring.batched])

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit what is done, then forget the partitions."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._progress.pop(tp, None)
            self._position.pop(tp, None)
            self._committed.pop(tp, None)

    def caught_up(self, partition: int) -> bool:
        """Whether all that stands in this partition of the batched topics was read and worked through."""
        return all(self._at_end(TP(topic, partition)) for topic in self._wiring.batched)

    def assigned_partitions(self) -> list[int]:
        """The partitions of the batched topics that this worker has."""
        return sorted({tp.partition for tp in self._position})

    def assigned(self) -> tuple[tuple[str, int], ...]:
        """The partitions of the batched topics that this worker has, with their topics."""
        return tuple(sorted((tp.topic, tp.partition) for tp in self._position))

    def in_hand(self) -> int:
        """How many messages were fetched and are not worked through."""
        return sum(progress.in_hand for progress in self._progress.values())

    def all_committed(self) -> bool:
        """Whether all that was fetched is worked through and committed."""
        return all(
            progress.idle and progress.committable() in {None, self._committed.get(tp)}
            for tp, progress in self._progress.items()
        )

    def dropped(self) -> list[TP]:
        """Partitions in which a batch got lost on its way to the agent; nothing more of them is committed."""
        return [tp for tp, progress in self._progress.items() if progress.broken]

    def go_back(self) -> None:
        """Read on from what is committed, before the next fetch."""
        self._to_go_back = True

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust's own check takes a quiet partition, and a paused changelog, for a fault."""

    @property
    def _wiring(self) -> Any:
        return cast("Any", self.transport).wiring

    def _rebalanced_since(self, generation: int) -> bool:
        return not self.flow_active or self.app.consumer_generation_id != generation

    def _messages(self, tp: TP, fetched: list[Any]) -> Iterable[Message]:
        if tp.topic not in self._wiring.batched:
            yield from (self._to_message(tp, record) for record in fetched)
            return
        if not fetched:
            return
        expected = self._position.get(tp)
        if expected is not None and fetched[0].offset > expected and tp.topic not in self._wiring.compacted:
            _log.error(
                "events skipped by Kafka", topic=tp.topic, partition=tp.partition, first=expected, next=fetched[0].offset
            )
        batch = Batch(fetched)
        message = self._to_message(tp, fetched[-1])
        message.key, message.value = None, cast("Any", batch)  # Faust's raw codec passes on what it is given
        self._progress.setdefault(tp, Progress()).add(batch)
        self._position[tp] = batch.end
        yield message

    def _at_end(self, tp: TP) -> bool:
        position = self._position.get(tp)
        if position is None or not (tp not in self._progress or self._progress[tp].idle):
            return False
        try:
            highwater = cast("int | None", self.highwater(tp))  # None before the first fetch
        except IllegalStateError:  # not assigned any more
            return False
        return highwater is not None and position >= highwater

    async def _try_to_seek(self) -> None:
        try:
            await self.perform_seek()
        except Exception as exc:  # noqa: BLE001 - in the middle of a rebalance anything may fail; the seek at its end counts
            _log.debug("no seek during a rebalance", error=repr(exc))

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: gaps between batches are no gaps."""

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:  # type: ignore[override]
        return [tp for tp in self._progress if topics is None or tp in topics or tp.topic in topics]

    async def committed_marks(self, partitions: Collection[int]) -> Mapping[int, Mark | None]:
        """What was committed with the offsets of these partitions; None where there is no mark."""
        return await cast("BatchConsumerThread", self._thread).committed_marks(partitions)

    async def commit_marks(self, partitions: Collection[int]) -> None:
        """Commit what is committed of these partitions again, with their marks as they are now.

        Raises:
            NotOursError: they are others' by now.
        """
        async with self._committing:
            await cast("BatchConsumerThread", self._thread).commit_marks(partitions)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        async with self._committing:
            # All topics of a partition together: they have one state, and so one mark.
            partitions = {tp.partition for tp in offsets}
            others = {tp: offset for tp, offset in self._committed.items() if tp.partition in partitions}
            done: bool = await super()._commit({**others, **offsets})
            if done:
                self._committed.update(offsets)
                self.commits += 1
            return done

    def _should_commit(self, tp: TP, offset: int) -> bool:
        # Faust takes a commit that Kafka refused for done, and tries no more until new messages come.
        return self._committed.get(tp) != offset

    def _new_offset(self, tp: TP) -> int | None:
        # Faust's own book, which its compiled streams write into, is not read: keep it from growing.
        self._acked.pop(tp, None)
        self._acked_index.pop(tp, None)
        return self._progress[tp].committable()


def _alarm_if_eaten(tp: AioTopicPartition, committed: int, beginning: int) -> None:
    if committed < beginning:
        _log.critical(
            "events lost: Kafka's retention has deleted them before they were processed",
            topic=tp.topic,
            partition=tp.partition,
            lost=beginning - committed,
            first=committed,
        )
