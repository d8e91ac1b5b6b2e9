"""From a message to a document: which index, which id, which version, which body. Pure; the time of writing is passed in.

Rules:
- Ids are the facts' own, so that whatever is replayed, there is one copy. Records are created, never overwritten. Trails and
  findings carry a revision as external version, so that an older state never replaces a newer one.
- An event's index comes from the event's own time, never from the time of writing. From 2026 on it is one a month; a year's
  commits from before that are few, so history shares one index a year, and what claims to be older than 2000 shares one:
  an import of fifteen years makes 15 indices, not 180. What claims to be of after 2045 shares one, too: anybody who may commit
  can date a commit as they like, and a cluster that has a thousand indices by default takes no more of them, nor any event.
- What cannot be a document raises `UnindexableError`; the message then goes to the dead letters as it came.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pipetrail_schemas.check import lookup
from pipetrail_schemas.times import format_time, parse_time
from pipetrail_schemas.topics import DEAD_LETTERS, FINDINGS, RECORDS, TRAILS

from pipetrail_sinks.errors import UnindexableError
from pipetrail_sinks.message import Message
from pipetrail_sinks.opensearch import dead_letter

EVENTS_PREFIX = "pipetrail-events-v1-"
TRAILS_INDEX = "pipetrail-trails-v1"
FINDINGS_INDEX = "pipetrail-findings-v1"

# OpenSearch refuses a whole bulk request for one `_id` over this many bytes (UTF-8).
MAX_ID_BYTES = 512
# 20 years of months are 240 indices: as many as there will be, and as many as forged dates can make.
FIRST_MONTHLY_YEAR, LAST_MONTHLY_YEAR = 2026, 2045
FIRST_YEARLY_YEAR = 2000


@dataclass(frozen=True, slots=True)
class Document:
    """One document to write. `version` None: create it, never overwrite."""

    index: str
    id: str
    source: bytes
    version: int | None = None

    @property
    def creates(self) -> bool:
        """It is written only where no document has its id."""
        return self.version is None

    def lines(self) -> bytes:
        """Its two lines of a bulk request."""
        place: dict[str, Any] = {"_index": self.index, "_id": self.id}
        if self.version is None:
            action: dict[str, Any] = {"create": place}
        else:
            action = {"index": {**place, "version": self.version, "version_type": "external_gte"}}
        return orjson.dumps(action) + b"\n" + self.source + b"\n"


def document(message: Message, ingested: datetime) -> Document | None:
    """The document of a message; None for a tombstone, since documents stay when a topic forgets.

    Args:
        message: from one of the topics in TOPICS.
        ingested: when it is written, for `event.ingested` of records.

    Raises:
        UnindexableError: no document can be made of it; says why.
    """
    if message.value is None and message.topic != DEAD_LETTERS.name:
        return None
    try:
        built = _BUILDERS[message.topic](message, ingested)
    except orjson.JSONEncodeError as exc:
        raise UnindexableError(f"the value cannot be written as JSON again: {exc}") from exc
    size = len(built.id.encode("utf-8", "surrogatepass"))
    if not 0 < size <= MAX_ID_BYTES:
        raise UnindexableError(f"the id is {size} bytes; 1 to {MAX_ID_BYTES} are allowed")
    return built


def events_index(timestamp: str) -> str:
    """The index of an event that happened at this time (RFC 3339).

    Raises:
        UnindexableError: it is no time.
    """
    try:
        moment = parse_time(timestamp)
    except (ValueError, OverflowError) as exc:
        raise UnindexableError(f"@timestamp {timestamp!r:.80} is no RFC 3339 time") from exc
    if moment.year > LAST_MONTHLY_YEAR:
        return f"{EVENTS_PREFIX}after-{LAST_MONTHLY_YEAR}"
    if moment.year >= FIRST_MONTHLY_YEAR:
        return f"{EVENTS_PREFIX}{moment.year}.{moment.month:02}"
    if moment.year >= FIRST_YEARLY_YEAR:
        return f"{EVENTS_PREFIX}{moment.year}"
    return f"{EVENTS_PREFIX}before-{FIRST_YEARLY_YEAR}"


def _record(message: Message, ingested: datetime) -> Document:
    content = _object(message)
    event = content.get("event")
    if not isinstance(event, dict):
        raise UnindexableError("event is missing: a record has event.id")
    event["ingested"] = format_time(ingested)
    return Document(events_index(_text(content, "@timestamp")), _text(content, "event.id"), orjson.dumps(content))


def _trail(message: Message, ingested: datetime) -> Document:
    del ingested
    return _versioned(message, TRAILS_INDEX, "pipetrail.trail")


def _finding(message: Message, ingested: datetime) -> Document:
    del ingested
    return _versioned(message, FINDINGS_INDEX, "pipetrail.finding")


def _versioned(message: Message, index: str, path: str) -> Document:
    content = _object(message)
    revision = lookup(content, f"{path}.revision")
    if not isinstance(revision, int) or isinstance(revision, bool) or not 0 < revision < 2**63:
        raise UnindexableError(f"{path}.revision {revision!r:.80} is no positive integer")
    # A pretty-printed value would break the lines of a bulk request.
    source = orjson.dumps(content) if b"\n" in (message.value or b"") else message.value or b""
    return Document(index, _text(content, f"{path}.id"), source, revision)


def _dead_letter(message: Message, ingested: datetime) -> Document:
    content = dead_letter.content(message, ingested)
    return Document(dead_letter.INDEX, content["event"]["id"], orjson.dumps(content))


def _object(message: Message) -> dict[str, Any]:
    try:
        content = orjson.loads(message.value or b"")
    except orjson.JSONDecodeError as exc:
        raise UnindexableError(f"the value is not JSON: {exc}") from exc
    if not isinstance(content, dict):
        raise UnindexableError(f"the value is a JSON {type(content).__name__}, not an object")
    return content


def _text(content: dict[str, Any], path: str) -> str:
    value = lookup(content, path)
    if not isinstance(value, str):
        raise UnindexableError(f"{path} is missing or no text")
    return value


_BUILDERS: dict[str, Callable[[Message, datetime], Document]] = {
    RECORDS.name: _record,
    TRAILS.name: _trail,
    FINDINGS.name: _finding,
    DEAD_LETTERS.name: _dead_letter,
}
TOPICS = tuple(_BUILDERS)
