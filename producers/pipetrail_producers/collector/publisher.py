"""Brings messages to Kafka and waits until all are acknowledged, for as long as it takes. An idempotent producer.

What Kafka refuses for its size is given back; whatever else goes wrong is tried again until it works or somebody says stop.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Report
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.topics import MAX_DEAD_LETTER_BYTES, PARTITIONER

from pipetrail_producers.collector.errors import CollectorError
from pipetrail_producers.message import Message

_POLL_S = 0.05
# Between two attempts at what failed: Kafka is slow to come back, and librdkafka has tried for long before it says so.
_RETRY_S = 1.0
# How often an outage is told, seconds.
_TELL_S = 30.0

_log = structlog.get_logger("pipetrail.collect")


class Publisher:
    """One producer. For one thread. `problem` says what is wrong with Kafka at the moment, empty when nothing is."""

    def __init__(self, kafka: KafkaConnection) -> None:
        """Connect in the background.

        Raises:
            SettingError: a property of the connection is none that librdkafka knows, or has a value that it does not take.
        """
        self.problem = ""
        self._told = float("-inf")
        try:
            self._producer = Producer(self._config(kafka))
        except KafkaException as exc:
            raise SettingError("PIPETRAIL_KAFKA_CONFIG", exc.args[0].str()) from exc

    def publish(self, messages: Sequence[Message], *, stopped: Callable[[], bool]) -> list[Message] | None:
        """Send all and wait until Kafka has them.

        Returns:
            Those that Kafka refuses for their size; None when `stopped` said so before all were acknowledged.

        Raises:
            CollectorError: the producer is broken for good; a new process must go on.
        """
        waiting = dict(enumerate(messages))
        refused: dict[int, Message] = {}
        while waiting:
            reports = self._attempt(waiting, stopped)
            if reports is None:
                return None
            for number, error in reports.items():
                if error is None:
                    del waiting[number]
                elif error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                    refused[number] = waiting.pop(number)
                elif error.fatal():
                    raise CollectorError(f"Kafka: {error.str()}")
                else:
                    self._tell(error.str())
            if waiting and not _wait(_RETRY_S, stopped):
                return None
        self.problem = ""
        return list(refused.values())

    def close(self) -> None:
        """Give up what is not acknowledged; it comes again."""
        self._producer.purge()
        self._producer.flush(1)

    def _attempt(self, waiting: dict[int, Message], stopped: Callable[[], bool]) -> dict[int, KafkaError | None] | None:
        """One try: what came of each message; None when stopped before that was known."""
        reports: dict[int, KafkaError | None] = {}

        def reporter(number: int) -> Callable[[KafkaError | None, Report], None]:
            return lambda error, _: reports.__setitem__(number, error)

        for number, message in waiting.items():
            while not self._queued(message, reporter(number), reports, number):
                self._producer.poll(_POLL_S)
                if stopped():
                    return None
        began = time.monotonic()
        while len(reports) < len(waiting):
            self._producer.poll(_POLL_S)
            if stopped():
                return None
            if time.monotonic() - began > _RETRY_S:
                self._tell("no acknowledgement yet")
        return reports

    def _queued(
        self,
        message: Message,
        reporter: Callable[[KafkaError | None, Report], None],
        reports: dict[int, KafkaError | None],
        number: int,
    ) -> bool:
        try:
            self._producer.produce(
                message.topic, message.value, message.key, headers=list(message.headers), on_delivery=reporter
            )
        except BufferError:
            return False
        except KafkaException as exc:
            reports[number] = exc.args[0]
        return True

    def _tell(self, problem: str) -> None:
        self.problem = self.problem if problem.startswith("no ack") and self.problem else problem
        if time.monotonic() - self._told > _TELL_S:
            self._told = time.monotonic()
            _log.warning("kafka", problem=self.problem, hint="`pipetrail topics apply` creates missing topics")

    def _on_error(self, error: KafkaError) -> None:
        self._tell(error.str())

    def _config(self, kafka: KafkaConnection) -> dict[str, Any]:
        return {
            **kafka.client_config(),
            "acks": "all",
            "enable.idempotence": True,
            "partitioner": PARTITIONER,
            "message.max.bytes": MAX_DEAD_LETTER_BYTES,
            "message.timeout.ms": 0,  # for as long as it takes: the store holds what waits
            "linger.ms": 5,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 100_000,
            "queue.buffering.max.kbytes": 128 * 1024,
            "reconnect.backoff.max.ms": 2000,
            "client.id": "pipetrail-collect",
            "log_level": 0,  # errors come to `_on_error`
            "error_cb": self._on_error,
        }


def _wait(seconds: float, stopped: Callable[[], bool]) -> bool:
    """Wait; False when stopped meanwhile."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if stopped():
            return False
        time.sleep(_POLL_S)
    return True
