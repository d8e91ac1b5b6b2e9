"""What to ask OpenSearch, as query bodies. Pure: no client, no clock.

People's own queries are in OpenSearch's query_string syntax over the documented field names; ids and filters become exact
term queries, never text that is pasted into a query.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipetrail_schemas.times import format_time

from pipetrail_review.kinds import EVENTS, FINDINGS, Kind

Query = dict[str, Any]

EVERYTHING: Query = {"match_all": {}}

# A field name before a colon, outside of quotes; `\:` is an escaped colon and part of a value.
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_FIELD = re.compile(r"(?<![\w.@\\])(?P<field>[A-Za-z_@][\w.@-]*):")
_OF_FINDINGS = re.compile(r"^(rule|pipetrail\.finding|event\.severity)(\.|$)")
_EXISTS = "_exists_"


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` (inclusive) to `until` (exclusive), by the time that things happened. None: no bound."""

    since: datetime | None = None
    until: datetime | None = None


# No bound: all that is indexed. Immutable, so it may be a default.
ALWAYS = Window()


def newest_first(kind: Kind) -> list[Query]:
    """Order by time, latest first; documents of the same millisecond by their id, so that pages do not overlap."""
    return _ordered(kind, "desc")


def in_order_of_time(kind: Kind) -> list[Query]:
    """Order by time, earliest first; ties as `newest_first`."""
    return _ordered(kind, "asc")


def all_of(*queries: Query) -> Query:
    """What fits every query."""
    return {"bool": {"filter": list(queries)}} if queries else EVERYTHING


def any_of(*queries: Query) -> Query:
    """What fits at least one of the queries."""
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}


def none_of(*queries: Query) -> Query:
    """What fits none of the queries."""
    return {"bool": {"must_not": list(queries)}}


def one_of(field: str, values: Iterable[str]) -> Query:
    """A keyword field has exactly one of the values."""
    return {"terms": {field: list(values)}}


def is_(field: str, value: str) -> Query:
    """A keyword field has exactly this value."""
    return {"term": {field: value}}


def starts(field: str, prefix: str) -> Query:
    """A keyword field starts so."""
    return {"prefix": {field: prefix}}


def words(text: str) -> Query:
    """A person's own query. Bare words are looked for in every field; all of them must fit."""
    return {"query_string": {"query": text, "default_operator": "AND", "lenient": True, "analyze_wildcard": True}}


def within(window: Window) -> list[Query]:
    """The window as filters: none, one, or nothing to add."""
    bounds = {name: format_time(moment) for name, moment in (("gte", window.since), ("lt", window.until)) if moment is not None}
    return [{"range": {"@timestamp": bounds}}] if bounds else []


def in_repository(repository: str) -> Query:
    """By the repository's canonical URL, its name, or the end of its URL (`owner/name`)."""
    return any_of(
        is_("vcs.repository.url.full", repository),
        is_("vcs.repository.name", repository),
        {"wildcard": {"vcs.repository.url.full": {"value": f"*/{_literal(repository)}"}}},
    )


def standing_trails() -> Query:
    """Trails that stand for themselves. A trail of an alias that was merged into a commit's trail is told there."""
    return none_of({"exists": {"field": "pipetrail.trail.merged_into"}})


def fields_named(text: str) -> list[str]:
    """The fields that a query_string names, in order, each once."""
    bare = _QUOTED.sub('""', text)
    named = [match["field"] for match in _FIELD.finditer(bare)]
    return [field for field in dict.fromkeys(named) if field != _EXISTS]


def kinds_meant(text: str) -> tuple[Kind, ...]:
    """Where to look when nobody said: among events, and among findings too when the query names what only findings have."""
    return (EVENTS, FINDINGS) if any(_OF_FINDINGS.match(field) for field in fields_named(text)) else (EVENTS,)


def unknown_fields(text: str, known: Sequence[str]) -> list[tuple[str, str | None]]:
    """Fields of the query that do not exist, each with the likeliest one that does. OpenSearch would just find nothing."""
    groups = {known_field[:end] for known_field in known for end in _dots(known_field)}
    wrong = [field for field in fields_named(text) if field not in known and field not in groups]
    return [(field, next(iter(difflib.get_close_matches(field, known, n=1)), None)) for field in wrong]


def _ordered(kind: Kind, order: str) -> list[Query]:
    return [
        {"@timestamp": {"order": order, "unmapped_type": "date"}},
        {kind.tie_break: {"order": "asc", "unmapped_type": "keyword"}},
    ]


def _dots(name: str) -> list[int]:
    return [position for position, character in enumerate(name) if character == "."]


def _literal(text: str) -> str:
    return re.sub(r"([*?\\])", r"\\\1", text)
