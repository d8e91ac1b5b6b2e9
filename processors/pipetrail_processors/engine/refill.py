"""Filling a state that is missing or behind from its changelog, in batches.

Faust takes a changelog in record by record, through its event loop: a lost state of a million trails would be back in an hour.
Here a consumer of librdkafka's own reads all partitions at once, in a thread, and writes thousands of records with one call.
Each write has its offset with it, so that one that is interrupted goes on where it was.
"""

import asyncio
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from time import monotonic
from typing import Any, cast

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from faust.tables import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery
from faust.types import TP
from mode import Service
from pipetrail_schemas.connection import KafkaConnection

from pipetrail_processors.engine.agents import ending_the_process
from pipetrail_processors.engine.lineage import NotOursError
from pipetrail_processors.engine.store import StateStore
from pipetrail_processors.engine.tables import StateTable
from pipetrail_processors.errors import BrokerError

# Records that are written at once: enough to make the calls cheap, some 10 MB.
_BATCH = 10_000
# Seconds of one look at whether there is something to read, or one should stop.
_LOOK_S = 0.2
_ANSWER_S = 30.0
# Nothing at all for so long, and more to come: Kafka is away. The worker ends, and begins again.
_PATIENCE_S = 300.0
# Seconds between looks at what there is new for the copies: what is missing of one when its worker dies is read then.
_COPIES_S = 5.0
# What librdkafka holds of a partition before it is taken; a worker may fill all of them at once.
_QUEUE_KBYTES = 8 * 1024
# Milliseconds until it asks for more once it holds that much. Its own figure is a second, which was three quarters of the time.
_FULL_MS = 10

_log = structlog.get_logger("pipetrail.process")


class RefillingTables(TableManager):
    """What the setting `TableManager` is set to."""

    @property
    def recovery(self) -> Recovery:
        """As Faust's, with the refill in it."""
        if self._recovery is None:
            self._recovery = _Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class _Recovery(Recovery):
    """Faust's recovery, which finds nothing left to do for the partitions of this worker."""

    async def _wait(self, coro: Any, timeout: Any = None) -> None:  # noqa: ARG002, ASYNC109 - Faust's signature
        # When the time is up, Faust goes on as if it had the answer: with a state that is not whole, or without having sought.
        # The clients beneath have limits of their own, and raise.
        await super()._wait(coro)

    async def _build_offsets(self, consumer: Any, tps: Any, destination: Any, title: str) -> None:
        for table in self.tables.values():
            mine = [tp for tp in tps if tp.topic == table.changelog_topic_name]
            if title == "active":
                await self._bring_up(cast("StateTable", table), mine)
            else:
                await cast("StateTable", table).custody.take_copies([tp.partition for tp in mine])
            for tp in mine:
                destination[tp] = table.persisted_offset(tp)  # a counter: its `update` would add
        await super()._build_offsets(consumer, tps, destination, title)

    async def _bring_up(self, table: StateTable, mine: list[TP]) -> None:
        """Fill the disks of these partitions, or their changelog, whichever is not whole."""
        rebalance = self.app.rebalancing_count
        due = await table.custody.take([tp.partition for tp in mine])
        to_fill = [tp for tp in mine if tp.partition not in due.not_to_fill]
        await _refill(table, to_fill)
        table.custody.filled(tp.partition for tp in to_fill)
        try:
            async with table.custody.lock:
                await table.custody.write_anew(due.to_write_anew, lambda: self.app.rebalancing_count == rebalance)
        except NotOursError as exc:
            raise RebalanceAgain from exc

    @Service.task
    async def _keep_copies(self) -> None:
        """Bring what this worker keeps a copy of up to date, again and again: Faust would do so record by record."""
        while not self.should_stop:
            await self.sleep(_COPIES_S)
            if self.standby_tps and self.tables.actives_ready:
                await ending_the_process(self._copy(self.app.rebalancing_count))

    async def _copy(self, rebalance: int) -> None:
        over = _Until(lambda: self.should_stop or self.app.rebalancing_count != rebalance)
        try:
            for table in (cast("StateTable", one) for one in self.tables.values()):
                copies = list(self.standby_tps)
                await table.custody.take_copies([tp.partition for tp in copies])
                await asyncio.to_thread(refill, table.kafka, table.store, copies, over, _log.debug)
        except BrokerError as exc:
            _log.debug("copies are not brought up to date", reason=str(exc))  # the next time; nobody depends on it


class _Until:
    """Stands for an event that is set once something holds."""

    def __init__(self, holds: Callable[[], bool]) -> None:
        self.is_set = holds


async def _refill(table: StateTable, wanted: Collection[TP]) -> None:
    stop = threading.Event()
    try:
        await asyncio.to_thread(refill, table.kafka, table.store, wanted, stop, _log.info)
    finally:
        stop.set()  # a rebalance: the thread ends with what it has


def refill(
    kafka: KafkaConnection,
    store: StateStore,
    wanted: Collection[TP],
    stop: "threading.Event | _Until",
    say: Callable[..., Any] = _log.info,
) -> None:
    """Bring partitions of a state to the end of their changelog; blocks. Of several calls, one at a time has the state.

    Args:
        kafka: where the changelog is.
        store: what is written.
        wanted: the partitions of the changelog.
        stop: ends it early; what is written by then is whole up to its offset.
        say: logs what is done.

    Raises:
        BrokerError: Kafka cannot be read, or the changelog is cut off behind what the disk has.
        StateError: the disk does not take it.
    """
    with store.refilling:
        if stop.is_set() or not wanted:
            return
        began = monotonic()
        try:
            with closing(Consumer(_config(kafka))) as consumer:
                ends = _behind(consumer, {tp: store.persisted_offset(tp) for tp in wanted})
                if not ends:
                    return
                say("state is filled from its changelog", partitions=sorted(tp.partition for tp in ends))
                consumer.assign([TopicPartition(tp.topic, tp.partition, first) for tp, (first, _) in ends.items()])
                count = _read(consumer, store, {tp.partition: end for tp, (_, end) in ends.items()}, stop)
        except KafkaException as exc:
            raise BrokerError(f"the changelog cannot be read: {exc.args[0].str()}") from exc
        say("state is filled", records=count, seconds=round(monotonic() - began, 1), interrupted=stop.is_set())


def _config(kafka: KafkaConnection) -> dict[str, Any]:
    return {
        **kafka.client_config(),
        "group.id": "pipetrail-refill",  # librdkafka wants one; nothing is committed under it
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "queued.max.messages.kbytes": _QUEUE_KBYTES,
        "fetch.queue.backoff.ms": _FULL_MS,
        "log_level": 2,
    }


def _behind(consumer: Consumer, reached: Mapping[TP, int | None]) -> dict[TP, tuple[int, int]]:
    """The partitions that lack something: where to begin, and the offset after the last."""
    found = {}
    for tp, last in reached.items():
        marks = consumer.get_watermark_offsets(TopicPartition(tp.topic, tp.partition), timeout=_ANSWER_S)
        if marks is None:
            raise BrokerError(f"Kafka does not say how long the changelog {tp.topic} is")
        first = 0 if last is None else last + 1
        if marks[0] > first:  # just now, for `custody` has looked
            raise BrokerError(f"the changelog {tp.topic} begins with {marks[0]}; the disk has it up to {first}")
        if first < marks[1]:
            found[tp] = (first, marks[1])
    return found


def _read(consumer: Consumer, store: StateStore, ends: dict[int, int], stop: "threading.Event | _Until") -> int:
    """Read and write until each partition is at its end, or `stop`. Returns the number of records."""
    count, heard = 0, monotonic()
    while ends and not stop.is_set():
        messages = consumer.consume(_BATCH, _LOOK_S)
        if messages:
            heard = monotonic()
        elif monotonic() - heard > _PATIENCE_S:
            raise BrokerError("Kafka does not give the changelog")
        count += len(messages)
        for partition, end in _write(store, messages, ends).items():
            # Compaction leaves holes, also before the end: nothing more comes then.
            if end >= ends.get(partition, end + 1):
                store.write(partition, {}, ends.pop(partition) - 1)
    return count


def _write(store: StateStore, messages: list[Message], ends: Mapping[int, int]) -> dict[int, int]:
    """Write what the messages say. Returns the offset after the last, of each partition."""
    changes: dict[int, dict[bytes, bytes | None]] = {}
    reached: dict[int, int] = {}
    for message in messages:
        partition = cast("int", message.partition())
        error = message.error()
        if error is None:
            changes.setdefault(partition, {})[cast("bytes", message.key())] = message.value()
            reached[partition] = cast("int", message.offset()) + 1
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            reached[partition] = max(cast("int", message.offset()), reached.get(partition, 0))
        elif error.fatal() or not error.retriable():
            raise BrokerError(f"the changelog cannot be read: {error.str()}")
    for partition, values in changes.items():
        if partition in ends:  # else it has been at its end already
            store.write(partition, values, reached[partition] - 1)
    return reached
