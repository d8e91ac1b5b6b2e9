"""What the pure core gives back: messages for topics."""

from dataclasses import dataclass

from pipetrail_schemas.topics import Topic


@dataclass(frozen=True, slots=True)
class Output:
    """One message to be written."""

    topic: Topic
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
