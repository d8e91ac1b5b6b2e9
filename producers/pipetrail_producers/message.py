"""One Kafka message, as it is sent and as it is spooled. Standard library only."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.topics import EVENTS, MAX_EVENT_BYTES

# CloudEvents Kafka binding 1.0, section 3.3: structured mode is told by this header.
HEADERS = (("content-type", b"application/cloudevents+json"),)


class Message(NamedTuple):
    """What goes onto a topic: the bytes are fixed here, so that every attempt and every replay sends the same."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = HEADERS


def message_of(event: Mapping[str, Any]) -> Message:
    """The message of an event: key = partitionkey, value = structured JSON.

    Raises:
        InvalidEventError: the event is too large for a message.
    """
    value = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    if len(value) > MAX_EVENT_BYTES:
        raise InvalidEventError([("event", f"is {len(value)} bytes; at most {MAX_EVENT_BYTES} fit into a message")])
    return Message(EVENTS.name, str(event["partitionkey"]).encode(), value)
