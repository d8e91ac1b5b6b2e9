"""History to replay: events as they came, as JSON objects, or the records that were indexed of them.

A record (`enrich`) is the event's data with what was derived; taking that away gives the event again, but for the bytes.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from pipetrail_schemas.errors import InvalidEventError

from pipetrail_processors.replay.values import values

Document = dict[str, Any]

_DERIVED_EVENT = frozenset({"id", "kind", "category", "type", "outcome", "created", "ingested", "hash"})
_FROM_ENVELOPE_OR_REFERENCE = frozenset(
    {"subject", "authtype", "authid", "type", "event_type", "source", "trail", "person", "human", "human_by", "team", "tier"}
)
_ENVELOPE = ("subject", "authtype", "authid")


def events(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The events of a file, however they are laid out (`values`); records are turned back into events.

    Raises:
        InvalidEventError: something is no JSON object; names the line.
    """
    for place, content, raw in values(lines):
        if not isinstance(content, dict):
            raise InvalidEventError([(place, "is no JSON object")])
        yield raw if "specversion" in content else event_of(content)


def event_of(record: Document) -> bytes:
    """The event that a record was made of."""
    own, told = record.get("pipetrail") or {}, record.get("event") or {}
    data = {name: value for name, value in record.items() if name not in {"@timestamp", "related", "event", "pipetrail"}}
    event = {name: value for name, value in told.items() if name not in _DERIVED_EVENT}
    if event.get("action") == own.get("event_type"):
        event.pop("action", None)
    data["event"] = event
    data["pipetrail"] = {name: value for name, value in own.items() if name not in _FROM_ENVELOPE_OR_REFERENCE}
    repository = (((data.get("vcs") or {}).get("repository") or {}).get("url") or {}).get("full")
    # The key of what belongs to neither repository nor digest is not in the record: a ticket's own is its address.
    ticket = ((own.get("ticket") or {}).get("url") or {}).get("full")
    alias = (data.get("artifact") or {}).get("hash") or ticket or own.get("source")
    content = {
        "specversion": "1.0",
        "id": told.get("id"),
        "source": own.get("source"),
        "type": own.get("type"),
        "time": record.get("@timestamp"),
        "recordedtime": told.get("created") or record.get("@timestamp"),
        "partitionkey": repository or alias,
        "data": {name: value for name, value in data.items() if value},
    }
    content.update({name: own[name] for name in _ENVELOPE if own.get(name)})
    return orjson.dumps(content)
