"""Sends messages to Kafka with librdkafka, and knows of each whether the broker has acknowledged it.

`send` only queues: librdkafka's own threads do the sending. `settle` waits, and says what was not acknowledged in time; that is
the only knowledge there is: a message reported as undelivered may still have landed, which the event's id makes harmless.
librdkafka is loaded on the first `send`, so that a command that sends nothing does not pay for it. Where it is not
installed (its wheels need glibc 2.28; Alpine has none) nothing is delivered, and the reason says what to do instead.
"""

import time
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.topics import MAX_MESSAGE_BYTES, PARTITIONER

from pipetrail_producers import librdkafka
from pipetrail_producers.message import Message

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Producer
    from confluent_kafka import Message as Report

# What librdkafka may hold unacknowledged, so that a producer's memory is bounded.
QUEUE_MESSAGES = 100_000
QUEUE_KBYTES = 64 * 1024
# How long one look at librdkafka's events lasts: how quickly a signal or a cancelled wait is noticed.
_POLL_S = 0.05
# How long all brokers may be unreachable before we stop waiting: longer than a refused connection's first retries, much
# shorter than the time-out, so that an outage does not cost every event of a build the whole of it.
_ALL_DOWN_S = 1.0
# librdkafka backs off to 10 s by default, which a command that waits for 5 s in all would not see the end of.
_RECONNECT_MS = 500
_NOT_INSTALLED = "confluent-kafka is not installed here: pip install confluent-kafka, or set PIPETRAIL_COLLECTOR_URL"


class Undelivered(NamedTuple):
    """A message that was not acknowledged, and why as far as it is known."""

    message: Message
    reason: str


class Delivery:
    """One producer, made on the first `send`.

    Used by one thread at a time. A user interface that must not wait calls `send` from a thread of its own.
    """

    def __init__(self, kafka: KafkaConnection) -> None:
        self._kafka = kafka
        self._producer: Producer | None = None
        # By a running number, in the order of sending; acknowledged ones are gone, failed ones are in both.
        self._pending: dict[int, Message] = {}
        self._failed: dict[int, str] = {}
        self._numbers = count()
        self._last_error: str | None = None
        self._down_since: float | None = None
        self._all_down: int | None = None

    def send(self, message: Message) -> None:
        """Queue a message.

        Raises:
            SettingError: librdkafka does not accept the configured properties.
        """
        number = next(self._numbers)
        self._pending[number] = message
        if self._producer is None:
            try:
                self._producer = self._connect()
            except ImportError:
                self._failed[number] = _NOT_INSTALLED
                return
        try:
            self._producer.produce(
                message.topic,
                key=message.key,
                value=message.value,
                headers=list(message.headers),
                on_delivery=lambda error, report: self._on_delivery(number, error, report),
            )
        except Exception as exc:  # noqa: BLE001  # BufferError, KafkaException, and what else librdkafka's binding has
            self._failed[number] = str(exc)

    def settle(self, timeout_s: float, *, cancelled: Callable[[], bool] = lambda: False) -> list[Undelivered]:
        """Wait for what was sent to be acknowledged, and give up on the rest.

        Args:
            timeout_s: seconds to wait at most; less when every broker refuses.
            cancelled: asked some twenty times a second; True ends the wait.

        Returns:
            The messages that were not acknowledged, in the order of sending; those that are not among them were.
        """
        deadline = time.monotonic() + timeout_s
        while self._producer is not None and len(self._failed) < len(self._pending):
            self._producer.poll(_POLL_S)
            now = time.monotonic()
            if now >= deadline or cancelled() or (self._down_since is not None and now - self._down_since > _ALL_DOWN_S):
                break
        reason = self._last_error or f"no acknowledgement within {timeout_s:g} s"
        undelivered = [Undelivered(message, self._failed.get(number, reason)) for number, message in self._pending.items()]
        self._pending, self._failed, self._down_since = {}, {}, None
        if undelivered and self._producer is not None:
            self._producer.purge()
            self._producer.poll(0)  # the reports of what was purged, which nobody waits for any more
        return undelivered

    def _connect(self) -> "Producer":
        library = librdkafka.load()
        config: dict[str, Any] = {
            **self._kafka.client_config(),
            # Nothing is lost, and retries reorder nothing. Not idempotent: that takes a process half a second before its first
            # message, and what a retry doubles has the same id (docs/adr/0010).
            "acks": "all",
            "max.in.flight.requests.per.connection": 1,
            "partitioner": PARTITIONER,  # the one that all readers assume
            "queue.buffering.max.messages": QUEUE_MESSAGES,
            "queue.buffering.max.kbytes": QUEUE_KBYTES,
            "message.max.bytes": MAX_MESSAGE_BYTES,
            "linger.ms": 0,  # there is one message, or a few: nothing to wait for
            "message.timeout.ms": 0,  # `settle` decides how long to wait; librdkafka's own limit would end it unasked
            "reconnect.backoff.max.ms": _RECONNECT_MS,
            "log_level": 0,  # what it would print belongs in our one line
            "error_cb": self._on_error,
        }
        try:
            producer: Producer = library.Producer(config)
        except (library.KafkaException, TypeError, ValueError) as exc:
            reason = exc.args[0].str() if isinstance(exc, library.KafkaException) else str(exc)
            raise SettingError("PIPETRAIL_KAFKA_CONFIG", f"librdkafka does not accept it: {reason}") from exc
        self._all_down = library.KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001  # the binding's public name for it
        return producer

    def _on_delivery(self, number: int, error: "KafkaError | None", report: "Report") -> None:
        del report
        if error is None:
            self._pending.pop(number, None)
        elif number in self._pending:
            self._failed[number] = error.str()

    def _on_error(self, error: "KafkaError") -> None:
        if error.code() == self._all_down:
            self._down_since = self._down_since or time.monotonic()
        else:
            self._last_error = error.str()
