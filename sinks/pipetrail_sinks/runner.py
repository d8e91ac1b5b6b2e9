"""Consume, batch, write, commit: brings topics into a sink, losing nothing.

Rules:
- An offset is handed to Kafka only when every message before it in its partition is accounted for: written, or dead-lettered
  and confirmed. A crash at any point means that messages come again, and sinks bear that.
- One batch is written while the next is filled. When both are full, nothing more is taken; when the target is slow to answer,
  partitions are paused, and polling goes on, so the group keeps its member.
- A partition that is taken away gets a moment for its messages in flight; what is not accounted for then is dropped.
- SIGTERM: what is being written gets a moment, the rest comes again at the next start.

What a message becomes, and what is refused, is the sink's matter.
"""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, cast

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.errors import SettingError

from pipetrail_sinks.batch import Batch, Limits, Partition
from pipetrail_sinks.dead_letters import DeadLetters
from pipetrail_sinks.errors import BrokerError
from pipetrail_sinks.message import Message
from pipetrail_sinks.seen import Seen
from pipetrail_sinks.sink import Sink
from pipetrail_sinks.write import Write

# Messages taken from librdkafka at once: large enough to make the call cheap, small enough to keep to the bound in bytes.
TAKE = 500
# Seconds that one poll waits for messages; also how long a message may wait before its batch is looked at, unless it is urgent.
POLL_S = 0.05
# A pause throws away what librdkafka has fetched, so an ordinary write does not cause one.
PAUSE_AFTER_S = 1.0
# Seconds that a write in flight is waited for when its partition is taken away, or at the end; a stop is two of them.
GRACE_S = 2.0
# Seconds between two lines in the log that say how it goes.
TELL_EVERY_S = 30.0

_MISSING = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART})
_GIVE_UP_ON = _MISSING | frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - librdkafka's own codes are published under these names
        KafkaError._FATAL,  # noqa: SLF001
    }
)

_log = structlog.get_logger("pipetrail.sink")


class Runner:
    """Runs one sink in one consumer group. Not to be shared between threads."""

    def __init__(
        self,
        consumer: Consumer,
        sink: Sink,
        dead_letters: DeadLetters,
        limits: Limits,
        *,
        ready: Callable[[], None] = lambda: None,
        urgent: bool = False,
        seen: Seen | None = None,
    ) -> None:
        """`ready` is called once, when the first partitions are assigned. The consumer is closed at the end of `run`.

        `urgent` is for sinks that somebody waits for: a message waits for no others, only for the write before its own. `seen`
        is kept up to date, for who watches.
        """
        self._consumer = consumer
        self._sink = sink
        self._dead_letters = dead_letters
        self._limits = limits
        self._ready: Callable[[], None] | None = ready
        self._urgent = urgent
        self._seen = seen or Seen()
        self._batch = Batch(limits)
        self._write: Write | None = None
        self._giving_up = threading.Event()
        self._paused = False
        self._told = monotonic()
        self._written = self._refused = 0

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set.

        Raises:
            TargetRefusedError: the sink's target refuses this program.
            BrokerError: Kafka refuses this program.
        """
        self._consumer.subscribe(
            list(self._sink.topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        try:
            while not stop.is_set():
                self._turn()
            self._await_write()
        finally:
            self._giving_up.set()
            self._write = None
            self._tell(at_once=True)
            self._close()

    def _turn(self) -> None:
        """One round: take messages, see to the write in flight, start the next one."""
        if self._write and (self._batch.full or (self._urgent and self._batch.messages)):
            self._write.done.wait(POLL_S)
            self._take(1 if self._batch.full else TAKE, 0)
        elif self._urgent:
            self._take(1, POLL_S)
            self._take(TAKE, 0)
        else:
            self._take(TAKE, POLL_S)
        self._settle()
        if self._write is None and self._batch.due(monotonic()):
            self._write = Write(self._batch, self._sink, self._dead_letters, self._giving_up)
            self._batch = Batch(self._limits)
        self._throttle()
        self._look()
        self._tell()

    def _look(self) -> None:
        """Tell who watches how it goes."""
        seen = self._seen
        seen.held = len(self._batch.messages) + (len(self._write.messages) if self._write else 0)
        if not seen.held:
            seen.settled = monotonic()
        seen.paused = self._paused
        seen.turned()

    def _take(self, most: int, wait_s: float) -> None:
        taken = []
        try:
            messages = self._consumer.consume(most, wait_s)
        except KafkaException as exc:
            raise BrokerError(f"Kafka: {exc.args[0].str()}") from exc
        for message in messages:
            error = message.error()
            if error is None:
                taken.append(_message(message))
            elif error.code() in _GIVE_UP_ON:
                hint = "; `pipetrail topics apply` creates the topics" if error.code() in _MISSING else ""
                raise BrokerError(f"Kafka: {error.str()}{hint}")
            else:
                # librdkafka recovers from everything else by itself.
                _log.warning("kafka", error=error.str())
        self._batch.add(taken, monotonic())

    def _settle(self) -> None:
        """When the write in flight is over, hand its offsets to Kafka."""
        if self._write is None or not self._write.done.is_set():
            return
        write, self._write = self._write, None
        if not write.accounted_for():
            return
        self._written += len(write.messages) - write.refused
        self._refused += write.refused
        self._seen.written += len(write.messages) - write.refused
        self._seen.refused += write.refused
        self._seen.settled = monotonic()
        offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in write.next_offsets.items()]
        if not offsets:
            return
        try:
            # Committed by librdkafka in the background, when a partition is taken away, and on close.
            self._consumer.store_offsets(offsets=offsets)
        except KafkaException as exc:
            # A partition that is not ours any more: its new owner reads the messages again.
            _log.warning("offsets not stored", error=exc.args[0].str())

    def _throttle(self) -> None:
        """Pause when the target has kept us waiting and the next batch is full; go on when there is room."""
        slow = self._write is not None and self._batch.full and monotonic() - self._write.started > PAUSE_AFTER_S
        if slow:
            # Again each time: partitions that came by a rebalance are not paused.
            self._consumer.pause(self._consumer.assignment())
        elif self._paused:
            self._consumer.resume(self._consumer.assignment())
        if slow != self._paused:
            _log.info("paused" if slow else "resumed")
        self._paused = slow

    def _await_write(self) -> None:
        if self._write is not None:
            self._write.done.wait(GRACE_S)
            self._settle()

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        _log.info("assigned", partitions=len(partitions))
        # In a cooperative rebalance these come to those that stay.
        self._seen.assigned = tuple(sorted({*self._seen.assigned, *((one.topic, one.partition) for one in partitions)}))
        if self._ready and partitions:
            self._ready()
            self._ready = None

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._await_write()
        self._forget(partitions)

    def _on_lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        _log.warning("partitions lost: the group went on without us", partitions=len(partitions))
        self._forget(partitions)

    def _forget(self, partitions: list[TopicPartition]) -> None:
        gone: set[Partition] = {(one.topic, one.partition) for one in partitions}
        self._batch.drop(gone)
        self._seen.assigned = tuple(one for one in self._seen.assigned if one not in gone)
        if self._write is not None:
            for partition in gone:
                self._write.next_offsets.pop(partition, None)
        _log.info("revoked", partitions=len(partitions))

    def _tell(self, *, at_once: bool = False) -> None:
        if (at_once or monotonic() - self._told >= TELL_EVERY_S) and (self._written or self._refused):
            _log.info("progress", written=self._written, refused=self._refused, seconds=round(monotonic() - self._told, 1))
            self._written = self._refused = 0
            self._told = monotonic()

    def _close(self) -> None:
        # With the broker gone, leaving the group takes longer than a stop may; the session then ends by its timeout.
        closing = threading.Thread(target=self._consumer.close, daemon=True)
        closing.start()
        closing.join(GRACE_S)
        self._sink.close()


def make_consumer(connection: KafkaConnection, group: str, *, instance: str | None = None) -> Consumer:
    """The consumer that a runner needs.

    With an `instance`, the group's member of that name (KIP-345): killed and started again, it has its partitions at once, and
    of two that run at the same time, the older one is stopped.

    Raises:
        SettingError: a property of the connection is none that librdkafka knows, or has a value that it does not take.
    """
    try:
        static: dict[str, Any] = {"group.instance.id": instance} if instance else {}
        return Consumer(_config(connection, group) | static)
    except KafkaException as exc:
        raise SettingError("PIPETRAIL_KAFKA_CONFIG", exc.args[0].str()) from exc


def _config(connection: KafkaConnection, group: str) -> dict[str, Any]:
    return {
        **connection.client_config(),
        "group.id": group,
        "auto.offset.reset": "earliest",
        # Only what `store_offsets` was told is committed, once a second.
        "enable.auto.commit": True,
        "enable.auto.offset.store": False,
        "auto.commit.interval.ms": 1000,
        "partition.assignment.strategy": "cooperative-sticky",
        # A killed sink's partitions are taken over after this long; shorter makes a busy machine look dead.
        "session.timeout.ms": 10_000,
        "heartbeat.interval.ms": 2_000,
        "fetch.wait.max.ms": 50,
        # Bounds memory: kilobytes that are fetched ahead, over all partitions.
        "queued.max.messages.kbytes": 16 * 1024,
        # What the client has to say goes through the log, not to stderr by itself.
        "log_level": 2,
        "error_cb": lambda error: _log.warning("kafka", error=error.str()),
    }


def _message(message: KafkaMessage) -> Message:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    if topic is None or partition is None or offset is None:
        raise BrokerError("Kafka delivered a message without a position")
    kind, milliseconds = message.timestamp()
    # The client's type allows text, which it takes when producing; what it delivers is bytes.
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    return Message(topic, partition, offset, message.key(), message.value(), tuple(headers), milliseconds if kind else -1)
