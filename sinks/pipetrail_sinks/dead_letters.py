"""The dead letters: what was refused goes to its own topic as it came, with where it stood and what was wrong.

Key and value are the message's bytes, untouched; so are its headers, under the prefix `original-`. A send is done when every
delivery is confirmed by Kafka; only then may the refused message be committed.
"""

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.topics import DEAD_LETTERS, MAX_MESSAGE_BYTES, PARTITIONER

from pipetrail_sinks import backoff
from pipetrail_sinks.errors import BackPressureError, BrokerError
from pipetrail_sinks.message import ORIGINAL_PREFIX, Refusal

STAGE = "index"
# Seconds that one attempt to send waits for confirmations before it reports back-pressure.
CONFIRMATION_S = 20.0
# An error's text goes into a header, which counts against the size of the message.
MAX_ERROR_CHARS = 2000
# Kafka's answers that no later attempt will change.
_HOPELESS = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - librdkafka's own codes are published under these names
        KafkaError._FATAL,  # noqa: SLF001
    }
)


def headers(refusal: Refusal, stage: str = STAGE) -> list[tuple[str, str | bytes | None]]:
    """The headers of a dead letter. Pure."""
    message = refusal.message
    told = {
        "error": refusal.error[:MAX_ERROR_CHARS],
        "error-type": refusal.error_type,
        "topic": message.topic,
        "partition": str(message.partition),
        "offset": str(message.offset),
        "timestamp": str(message.timestamp_ms),
        "stage": stage,
    }
    original = [(f"{ORIGINAL_PREFIX}{name}", value) for name, value in message.headers]
    return [*original, *((name, text.encode("utf-8", "replace")) for name, text in told.items())]


class DeadLetters:
    """Writes refusals to the dead-letters topic."""

    def __init__(self, connection: KafkaConnection, *, stage: str = STAGE) -> None:
        """Connect in the background. `stage` is the program that refuses, as its dead letters say.

        Raises:
            SettingError: a property of the connection is none that librdkafka knows, or has a value that it does not take.
        """
        try:
            self._producer = Producer(_config(connection))
        except KafkaException as exc:
            raise SettingError("PIPETRAIL_KAFKA_CONFIG", exc.args[0].str()) from exc
        self._stage = stage
        self._attempt = 0

    def send(self, refusals: Sequence[Refusal]) -> None:
        """Write all of them and wait until Kafka has them.

        Raises:
            BackPressureError: Kafka did not confirm all of them; send all again (their documents are the same ones).
            BrokerError: Kafka will never take them.
        """
        if not refusals:
            return
        problems: list[KafkaError] = []

        def confirmed(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                problems.append(error)

        for refusal in refusals:
            self._produce(refusal, confirmed)
        left = self._producer.flush(CONFIRMATION_S)
        for problem in problems:
            if problem.code() in _HOPELESS:
                raise BrokerError(f"topic {DEAD_LETTERS.name} does not take a dead letter: {problem.str()}")
        if problems or left:
            self._attempt += 1
            reason = problems[0].str() if problems else "not confirmed in time"
            raise BackPressureError(f"dead letters: {reason}", retry_after=backoff.delay_s(self._attempt, 0.5))
        self._attempt = 0

    def _produce(self, refusal: Refusal, confirmed: Callable[[KafkaError | None, Message], None]) -> None:
        message = refusal.message
        try:
            self._producer.produce(
                DEAD_LETTERS.name,
                value=message.value,
                key=message.key,
                headers=headers(refusal, self._stage),
                on_delivery=confirmed,
            )
        except BufferError as exc:
            self._producer.flush(CONFIRMATION_S)
            raise BackPressureError("dead letters: the queue is full", retry_after=backoff.FIRST_S) from exc
        except KafkaException as exc:
            raise BrokerError(f"topic {DEAD_LETTERS.name} does not take {message.position}: {exc.args[0].str()}") from exc
        self._producer.poll(0)


def _config(connection: KafkaConnection) -> dict[str, Any]:
    return {
        **connection.client_config(),
        "acks": "all",
        "enable.idempotence": True,
        "partitioner": PARTITIONER,
        # A refused message may be as large as a topic takes, and gets headers on top; compression makes the room.
        "message.max.bytes": MAX_MESSAGE_BYTES + 64 * 1024,
        "compression.type": "zstd",
        # Until a delivery is reported as failed; it is then sent again, and its document is the same one.
        "delivery.timeout.ms": int(CONFIRMATION_S * 1000),
        "log_level": 2,
    }
