"""A message as a sink sees it: what stood on the topic, and where."""

from dataclasses import dataclass

# A dead letter carries the refused message's own headers under this prefix, beside the headers that say what was wrong.
ORIGINAL_PREFIX = "original-"


@dataclass(frozen=True, slots=True)
class Message:
    """One Kafka message. `value` None is a tombstone. `timestamp_ms` is Kafka's, milliseconds since 1970 UTC, -1 if unknown."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp_ms: int = -1

    @property
    def size(self) -> int:
        """Bytes of value and key: what a batch is bounded by."""
        return len(self.value or b"") + len(self.key or b"")

    @property
    def position(self) -> str:
        """`topic/partition/offset`, for people."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that will never be written, with the reason: it goes to the dead letters."""

    message: Message
    error_type: str
    error: str
