"""What goes to Kafka: one librdkafka producer, and the certainty that all of it arrived.

Partitioning agrees with the producers (`murmur2_random`). An error of a delivery is kept and raised by the next `flush`, so
that nothing that depended on the message is acknowledged.
"""

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.topics import MAX_DEAD_LETTER_BYTES, PARTITIONER

from pipetrail_processors.errors import BrokerError

# Messages that wait for acknowledgement at most, of each producer; a full queue holds the processor up.
_QUEUE_MESSAGES = 200_000
_QUEUE_KBYTES = 256 * 1024
# Long enough for batches to fill under load, short beside the time that people notice.
_LINGER_MS = 5
# Seconds of one look at a queue that does not empty; then errors and the wish to stop are looked at.
_LOOK_S = 0.5

Headers = Sequence[tuple[str, bytes | None]]
Delivered = Callable[[int], None]


class Outbox:
    """Messages on their way to Kafka. One thread at a time."""

    def __init__(self, kafka: KafkaConnection, *, delivery_timeout_s: float) -> None:
        """Connect in the background.

        Args:
            kafka: where to.
            delivery_timeout_s: seconds after which a message that Kafka does not acknowledge counts as failed.

        Raises:
            SettingError: a property of the connection is none that librdkafka knows.
        """
        self._error: str | None = None
        self.unflushed_bytes = 0
        try:
            self._producer = Producer(_config(kafka, delivery_timeout_s, self._failed))
        except KafkaException as exc:
            raise SettingError("PIPETRAIL_KAFKA_CONFIG", exc.args[0].str()) from exc

    def put(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Let a message go; Kafka chooses the partition by its key.

        Raises:
            BrokerError: an earlier message was not delivered, or this one cannot be.
        """
        self._put(topic, value, key=key, headers=list(headers))

    def put_into(self, topic: str, partition: int, key: bytes, value: bytes | None, delivered: Delivered) -> None:
        """Let a message go into one partition; `delivered` is called with its offset, by `flush`.

        Raises:
            BrokerError: as `put`.
        """

        def told(error: KafkaError | None, message: Message) -> None:
            offset = message.offset()
            if error is not None or offset is None:
                self._failed(error, message)
            else:
                delivered(offset)

        self._put(topic, value, partition=partition, key=key, on_delivery=told)

    def flush(self, give_up: Callable[[], bool]) -> None:
        """Wait until Kafka has acknowledged all; blocks.

        Raises:
            BrokerError: it did not take a message, or `give_up` said that it has been enough.
        """
        while left := self._producer.flush(_LOOK_S):
            self._check()
            if give_up():
                raise BrokerError(f"Kafka has not acknowledged {left} messages")
        self._check()
        self.unflushed_bytes = 0

    def _put(self, topic: str, value: bytes | None, **message: Any) -> None:
        self._check()
        while True:
            try:
                self._producer.produce(topic, value, **message)
                break
            except BufferError:
                self._producer.poll(_LOOK_S)
                self._check()
            except KafkaException as exc:
                raise BrokerError(f"topic {topic} does not take a message: {exc.args[0].str()}") from exc
        self.unflushed_bytes += len(value or b"")

    def _failed(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and self._error is None:
            self._error = f"topic {message.topic()}: {error.str()}"

    def _check(self) -> None:
        if self._error is not None:
            raise BrokerError(f"a message was not delivered to {self._error}")


def _config(kafka: KafkaConnection, delivery_timeout_s: float, failed: Callable[..., None]) -> dict[str, Any]:
    return {
        **kafka.client_config(),
        "acks": "all",
        "enable.idempotence": True,
        "partitioner": PARTITIONER,
        "linger.ms": _LINGER_MS,
        "compression.type": "lz4",
        "message.max.bytes": MAX_DEAD_LETTER_BYTES,
        "queue.buffering.max.messages": _QUEUE_MESSAGES,
        "queue.buffering.max.kbytes": _QUEUE_KBYTES,
        "delivery.timeout.ms": int(delivery_timeout_s * 1000),
        "on_delivery": failed,
        "log_level": 2,  # critical; what matters comes as an error of a delivery
    }
