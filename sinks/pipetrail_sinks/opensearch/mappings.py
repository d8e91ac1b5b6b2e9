"""What each index knows about its fields, derived from the models of events, trails and findings. Pure.

Rules:
- Every field of the models is mapped, and nothing else is (`dynamic: false`): a field that a newer producer sends is kept in
  the document and waits for a mapping; it can neither blow up the mapping nor settle on a wrong type.
- Names are keywords, times are dates, numbers are longs, prose is `match_only_text`; what is both has a `.text` beside it.
- A keyword longer than Lucene takes is not indexed, and kept; it must not cost the event.
- Labels, whose values the schema bounds, are `flat_object`. OpenSearch refuses a whole document for one value over 32,766 bytes
  in a flat_object, and cannot be told not to, so what is free in its length is kept and not indexed: the payload as it came
  (`pipetrail.raw`), and a commit's trailers, which are found in its message.
"""

import types
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pipetrail_schemas.event import Data
from pipetrail_schemas.finding import Finding
from pipetrail_schemas.trail import Trail
from pydantic import AwareDatetime, BaseModel

Mapping = dict[str, Any]

# Characters. Lucene's limit for a term is 32,766 bytes, and a character has up to four.
LONGEST_KEYWORD = 8191
KEYWORD: Mapping = {"type": "keyword", "ignore_above": LONGEST_KEYWORD}
TEXT: Mapping = {"type": "match_only_text"}
BOTH: Mapping = {**KEYWORD, "fields": {"text": TEXT}}
DATE: Mapping = {"type": "date", "format": "strict_date_optional_time"}
LONG: Mapping = {"type": "long"}
BOOLEAN: Mapping = {"type": "boolean"}
FLAT: Mapping = {"type": "flat_object"}
KEPT: Mapping = {"type": "object", "enabled": False}

_SPECIAL: dict[str, Mapping] = {
    "event.reason": BOTH,
    "message": TEXT,
    "pipetrail.command.argv": BOTH,
    "pipetrail.command.output_tail": TEXT,
    "pipetrail.commit.message": TEXT,
    "pipetrail.commit.trailers": KEPT,
    "pipetrail.finding.runbook": TEXT,
    "pipetrail.finding.title": BOTH,
    "pipetrail.raw": KEPT,
    "pipetrail.test.failures.message": TEXT,
    "pipetrail.trail.entries.reason": BOTH,
    "pipetrail.trail.findings.title": BOTH,
    "rule.description": TEXT,
    "rule.name": BOTH,
    "vcs.change.title": BOTH,
}
# Lists whose objects are searched as a whole ("the deployment to production that failed"); also flattened, for simple queries.
_NESTED = frozenset({"pipetrail.trail.stages", "pipetrail.trail.deployments", "pipetrail.trail.findings"})

# What processors and this sink add to an event's data when they make a record of it.
_OF_RECORDS: dict[str, Mapping] = {
    "@timestamp": DATE,
    "cicd.pipeline.result": KEYWORD,
    "cicd.pipeline.task.run.result": KEYWORD,
    "deployment.status": KEYWORD,
    "event.category": KEYWORD,
    "event.created": DATE,
    "event.hash": KEYWORD,
    "event.id": KEYWORD,
    "event.ingested": DATE,
    "event.kind": KEYWORD,
    "event.outcome": KEYWORD,
    "event.type": KEYWORD,
    "pipetrail.authid": KEYWORD,
    "pipetrail.authtype": KEYWORD,
    "pipetrail.event_type": KEYWORD,
    "pipetrail.human.email": KEYWORD,
    "pipetrail.human.id": KEYWORD,
    "pipetrail.human.name": KEYWORD,
    "pipetrail.human_by": KEYWORD,
    "pipetrail.person.email": KEYWORD,
    "pipetrail.person.id": KEYWORD,
    "pipetrail.person.name": KEYWORD,
    "pipetrail.source": KEYWORD,
    "pipetrail.subject": KEYWORD,
    "pipetrail.team": KEYWORD,
    "pipetrail.tier": KEYWORD,
    "pipetrail.trail.id": KEYWORD,
    "pipetrail.type": KEYWORD,
    "related.hash": KEYWORD,
    "related.user": KEYWORD,
}

_OF_DEAD_LETTERS: dict[str, Mapping] = {
    "@timestamp": DATE,
    "error.message": BOTH,
    "error.type": KEYWORD,
    "event.hash": KEYWORD,
    "event.id": KEYWORD,
    "event.ingested": DATE,
    "event.kind": KEYWORD,
    "message": TEXT,
    "pipetrail.dead_letter.headers": KEPT,
    "pipetrail.dead_letter.id": KEYWORD,
    "pipetrail.dead_letter.key": KEYWORD,
    "pipetrail.dead_letter.offset": LONG,
    "pipetrail.dead_letter.partition": LONG,
    "pipetrail.dead_letter.size": LONG,
    "pipetrail.dead_letter.stage": KEYWORD,
    "pipetrail.dead_letter.text": TEXT,
    "pipetrail.dead_letter.timestamp": {**DATE, "format": "epoch_millis"},
    "pipetrail.dead_letter.topic": KEYWORD,
    "pipetrail.dead_letter.value": {"type": "binary"},
}

_GENERIC: dict[Any, Mapping] = {dict: FLAT, Literal: KEYWORD}
_SIMPLE: dict[Any, Mapping] = {int: LONG, bool: BOOLEAN, AwareDatetime: DATE, datetime: DATE}


def of_events() -> Mapping:
    """The mapping of records: the event's data, and what is added to it."""
    return _closed(_with(_of_model(Data), _OF_RECORDS))


def of_trails() -> Mapping:
    """The mapping of trails."""
    return _closed(_of_model(Trail))


def of_findings() -> Mapping:
    """The mapping of findings."""
    return _closed(_of_model(Finding))


def of_dead_letters() -> Mapping:
    """The mapping of dead letters."""
    return _closed(_with({}, _OF_DEAD_LETTERS))


def leaves(mapping: Mapping, path: str = "") -> dict[str, Mapping]:
    """Every mapped field by its dotted path, without its children; without plain objects."""
    found: dict[str, Mapping] = {}
    for name, field in mapping.get("properties", {}).items():
        here = f"{path}{name}"
        own = {key: value for key, value in field.items() if key != "properties"}
        if own:
            found[here] = own
        found.update(leaves(field, f"{here}."))
    return found


def _closed(properties: Mapping) -> Mapping:
    return {"dynamic": False, "properties": properties}


def _of_model(model: type[BaseModel], path: str = "") -> Mapping:
    properties: Mapping = {}
    for name, field in model.model_fields.items():
        shown = field.serialization_alias or name
        properties[shown] = _of_type(field.annotation, f"{path}{shown}")
    return properties


def _of_type(annotation: Any, path: str) -> Mapping:
    if path in _SPECIAL:
        return dict(_SPECIAL[path])
    kind = _bare(annotation)
    origin = get_origin(kind)
    if origin is list:
        return _of_type(get_args(kind)[0], path)
    if origin in _GENERIC:
        return dict(_GENERIC[origin])
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        properties = {"properties": _of_model(kind, f"{path}.")}
        return {"type": "nested", "include_in_parent": True, **properties} if path in _NESTED else properties
    return dict(KEYWORD if isinstance(kind, type) and issubclass(kind, str) else _SIMPLE[kind])


def _bare(annotation: Any) -> Any:
    """The type without its `Annotated` and without its `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        (kind,) = (one for one in get_args(annotation) if one is not type(None))
        return _bare(kind)
    return annotation


def _with(properties: Mapping, additions: dict[str, Mapping]) -> Mapping:
    for path, mapping in additions.items():
        *parents, name = path.split(".")
        place = properties
        for parent in parents:
            place = place.setdefault(parent, {}).setdefault("properties", {})
        place[name] = dict(mapping)
    return properties
