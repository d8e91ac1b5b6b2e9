"""The document of a dead letter: the raw value, what was wrong with it and where it stood, so that people find it.

Its id comes from where the refused message stood and what it was, so a message that was refused twice, or a dead letter that
was delivered twice, is one document. The value is kept as base64, byte for byte; text is for search, cut where long.
Field names: ECS `error.*` and `event.kind: pipeline_error` (ECS 8, "Categorization: event.kind").
"""

import base64
from datetime import UTC, datetime
from typing import Any

from pipetrail_schemas.ids import content_hash
from pipetrail_schemas.times import format_time

from pipetrail_sinks.message import ORIGINAL_PREFIX, Message

INDEX = "pipetrail-dead-letters-v1"
# Enough to find it by its words; the whole value stands in base64 beside it.
MAX_TEXT_CHARS = 32_768
# Headers that say where the refused message stood. They are absent when somebody wrote to the topic by hand.
_POSITION = ("topic", "partition", "offset", "timestamp", "stage")


def content(message: Message, ingested: datetime) -> dict[str, Any]:
    """The document of a message of the dead-letters topic, whatever its headers are."""
    document = minimal(message, ingested)
    headers = _headers(message)
    document["error"] = {"message": headers.get("error", ""), "type": headers.get("error-type", "")}
    if headers.get("error"):
        document["message"] = headers["error"]
    letter = document["pipetrail"]["dead_letter"]
    letter["headers"] = {
        name.removeprefix(ORIGINAL_PREFIX): text for name, text in headers.items() if name.startswith(ORIGINAL_PREFIX)
    }
    text = _decoded(message.value)
    if text is not None:
        letter["text"] = text[:MAX_TEXT_CHARS]
    key = _decoded(message.key)
    if key is not None:
        letter["key"] = key
    return document


def minimal(message: Message, ingested: datetime) -> dict[str, Any]:
    """What always can be indexed: position, hash and bytes. For a dead letter whose full document was refused."""
    headers = _headers(message)
    value = message.value or b""
    position = {name: headers[name] for name in _POSITION if name in headers}
    letter: dict[str, Any] = {
        "topic": position.get("topic", message.topic),
        "stage": position.get("stage", "unknown"),
        "size": len(value),
    }
    if message.value is not None:
        letter["value"] = base64.b64encode(value).decode()
    for name, own in (("partition", message.partition), ("offset", message.offset), ("timestamp", message.timestamp_ms)):
        letter[name] = _number(position.get(name), own)
    identity = content_hash("\x00".join([*(str(letter[name]) for name in _POSITION), content_hash(value)]).encode())
    letter["id"] = identity.removeprefix("sha256:")
    return {
        "@timestamp": format_time(_moment(message.timestamp_ms, ingested)),
        "event": {
            "id": letter["id"],
            "kind": "pipeline_error",
            "ingested": format_time(ingested),
            "hash": content_hash(value),
        },
        "pipetrail": {"dead_letter": letter},
    }


def _headers(message: Message) -> dict[str, str]:
    # Surrogates of undecodable bytes cannot be written as JSON, hence "replace".
    return {name: (value or b"").decode("utf-8", "replace") for name, value in message.headers}


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _moment(timestamp_ms: int, otherwise: datetime) -> datetime:
    # A producer may set any number as a message's time.
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, UTC) if timestamp_ms > 0 else otherwise
    except (ValueError, OverflowError, OSError):
        return otherwise


def _number(text: str | None, otherwise: int) -> int:
    try:
        number = int(text) if text is not None else otherwise
    except ValueError:
        return otherwise
    # OpenSearch's long; a header could hold any number of digits.
    return number if -(2**63) <= number < 2**63 else otherwise
