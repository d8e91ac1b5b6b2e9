"""Where a back-fill's events go: Kafka, or a stream (`--dry-run`)."""

import json
from typing import IO, Any

from pipetrail_producers.importers.deliver import BulkDelivery
from pipetrail_producers.message import message_of


class KafkaOutlet:
    """To Kafka, over an entered `BulkDelivery`.

    Raises:
        InvalidEventError: an event is too large for a message.
        UndeliveredError: an event was refused, or not acknowledged in time.
    """

    def __init__(self, delivery: BulkDelivery) -> None:
        self._delivery = delivery

    def send(self, event: dict[str, Any]) -> None:
        """Queue an event."""
        message = message_of(event)
        self._delivery.send(message.key, message.value)

    def settle(self) -> None:
        """Wait until the broker acknowledged all that was sent."""
        self._delivery.settle()


class StreamOutlet:
    """To a stream, one JSON object a line."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def send(self, event: dict[str, Any]) -> None:
        """Write an event."""
        self._stream.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")

    def settle(self) -> None:
        """Write out what is buffered."""
        self._stream.flush()
