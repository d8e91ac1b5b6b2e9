"""Delivers many events: straight to librdkafka, as fast as it takes them, without a spool.

An import can be repeated at any time, so nothing is kept on disk; it has succeeded only when the broker acknowledged every
event, and the first refusal ends it.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import EVENTS, MAX_MESSAGE_BYTES, PARTITIONER

from pipetrail_producers.importers.errors import UndeliveredError

# How long to look for the broker and the topic before anything is sent, seconds.
_CONNECT_S = 10.0
# How long an event may wait for its acknowledgement, milliseconds; a broker restart takes less.
_DELIVERY_MS = 60_000
# Acknowledgements are collected once in so many events: often enough to keep librdkafka's queue short.
_POLL_EVERY = 500
# How long to wait for room in a full queue before looking for refusals again, seconds.
_ROOM_S = 0.2
_HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", b"application/cloudevents+json")]


class BulkDelivery:
    """A context in which events are sent; leaving it waits until all are acknowledged.

    `acknowledged` counts them. On an exception inside the context what is still queued is thrown away.

    Raises:
        UndeliveredError: on entering, when no broker or no topic is there; later, when an event was refused or timed out.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self.acknowledged = 0
        self._sent = 0
        self._failed = 0
        self._first_error: KafkaError | None = None
        self._servers = connection.bootstrap_servers
        self._producer = Producer({**_settings(), **connection.client_config()})

    def __enter__(self) -> Self:
        try:
            topic = self._producer.list_topics(EVENTS.name, timeout=_CONNECT_S).topics[EVENTS.name]
        except KafkaException as exc:
            raise UndeliveredError(f"Kafka at {self._servers} cannot be reached: {exc.args[0].str()}") from exc
        if topic.error is not None:
            raise UndeliveredError(f"topic {EVENTS.name}: {topic.error.str()}; `pipetrail topics apply` creates it")
        return self

    def send(self, key: bytes, value: bytes) -> None:
        """Queue an event, waiting while the queue is full."""
        while True:
            try:
                self._producer.produce(EVENTS.name, value, key, headers=_HEADERS, on_delivery=self._on_delivery)
                break
            except BufferError:
                self._collect(_ROOM_S)
            except KafkaException as exc:
                raise UndeliveredError(f"an event was refused: {exc.args[0].str()}") from exc
        self._sent += 1
        if self._sent % _POLL_EVERY == 0:
            self._collect(0)

    def settle(self) -> None:
        """Wait until all that was sent is acknowledged."""
        # Every event ends within its own time-out, so this ends, too.
        self._producer.flush(_DELIVERY_MS / 1000 + _CONNECT_S)
        self._collect(0)
        if self.acknowledged != self._sent:
            raise UndeliveredError(
                f"{self._sent - self.acknowledged} of {self._sent} events were not acknowledged; import again"
            )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            self._producer.purge(in_queue=True, in_flight=True, blocking=False)
            self._producer.flush(1)
            return
        self.settle()

    def _collect(self, wait_s: float) -> None:
        self._producer.poll(wait_s)
        if self._first_error is not None:
            raise UndeliveredError(
                f"{self._failed} of {self._sent} events were refused or timed out ({self._first_error.str()}); import again"
            )

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        del message
        if error is None:
            self.acknowledged += 1
        else:
            self._failed += 1
            self._first_error = self._first_error or error


def _settings() -> Mapping[str, object]:
    return {
        "acks": "all",
        "enable.idempotence": True,
        "partitioner": PARTITIONER,
        "message.max.bytes": MAX_MESSAGE_BYTES,
        "delivery.timeout.ms": _DELIVERY_MS,
        # Large batches, and a queue that is bounded in memory whatever a commit's size.
        "linger.ms": 20,
        "batch.size": 1_000_000,
        "queue.buffering.max.messages": 100_000,
        "queue.buffering.max.kbytes": 128 * 1024,
        "client.id": "pipetrail-import",
        # Connection errors are told once, by list_topics and by the time-out, not on stderr for each attempt.
        "log_level": 0,
    }
