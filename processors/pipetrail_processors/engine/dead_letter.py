"""The dead letter: a message that was refused, as it came, with where it stood and what was wrong. Pure.

Key and value are the message's bytes, untouched; so are its headers, under the prefix `original-`.
"""

from collections.abc import Iterator

from pipetrail_schemas.topics import DEAD_LETTERS

from pipetrail_processors.transport.batch import Record

STAGE = "process"
ORIGINAL_PREFIX = "original-"
# An error's text goes into a header, which counts against the size of the message.
MAX_ERROR_CHARS = 2000
TOPIC = DEAD_LETTERS.name


def headers(record: Record, error: Exception) -> list[tuple[str, bytes | None]]:
    """The headers of the dead letter of a message that raised the error."""
    return [*((f"{ORIGINAL_PREFIX}{name}", value) for name, value in record.headers), *_told(record, error)]


def _told(record: Record, error: Exception) -> Iterator[tuple[str, bytes]]:
    told = {
        "error": (str(error) or repr(error))[:MAX_ERROR_CHARS],
        "error-type": type(error).__name__,
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "timestamp": "" if record.timestamp is None else str(record.timestamp),
        "stage": STAGE,
    }
    for name, text in told.items():
        yield name, text.encode("utf-8", "replace")
