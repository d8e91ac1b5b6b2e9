"""The models as JSON Schema, for people, for other languages and for `check`: `python -m pipetrail_schemas.export [--check]`.

Written are, below `schemas/json/`, one file for each address that a `dataschema` names: `event/1.0.json` with all fields, one
small file a type that adds what the type requires, and the trail's and the finding's. They are the readers' schemas: unknown
fields are allowed. Beside this module goes `fields.json`, the event without references, which `check` walks.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipetrail_schemas import finding, trail
from pipetrail_schemas.check import FIELDS_FILE
from pipetrail_schemas.event import Event
from pipetrail_schemas.types import EVENT_TYPES, SCHEMA_URL, SCHEMA_VERSION, EventType

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ROOM = Path(__file__).parent.parent

Schema = dict[str, Any]


def documents() -> dict[Path, str]:
    """Every generated file's content by its path, relative to the room's folder."""
    schemas: dict[str, Schema] = {
        f"event/{SCHEMA_VERSION}.json": _of_model(Event, "event", SCHEMA_VERSION),
        f"trail/{trail.SCHEMA_VERSION}.json": _of_model(trail.Trail, "trail", trail.SCHEMA_VERSION),
        f"finding/{finding.SCHEMA_VERSION}.json": _of_model(finding.Finding, "finding", finding.SCHEMA_VERSION),
    }
    schemas |= {f"{name}/{SCHEMA_VERSION}.json": of_type(event_type) for name, event_type in EVENT_TYPES.items()}
    files = {Path("json") / name: _text(schema) for name, schema in schemas.items()}
    files[FIELDS_FILE.relative_to(ROOM)] = _text(_closed(Event))
    return files


def of_type(event_type: EventType) -> Schema:
    """The schema of one event type: the event's, and the type's own name and required fields."""
    data: Schema = {}
    for path in event_type.required:
        _require(data, path.split("."))
    return {
        "$schema": DIALECT,
        "$id": event_type.schema_url,
        "title": event_type.name,
        "description": event_type.summary,
        "allOf": [{"$ref": f"{SCHEMA_URL}/event/{SCHEMA_VERSION}.json"}],
        "properties": {"type": {"const": event_type.full_name}, **({"data": data} if data else {})},
    }


def main(arguments: list[str] | None = None) -> int:
    """Write the files that differ, or with `--check` name them; 1 if a check found any."""
    parser = argparse.ArgumentParser(prog="python -m pipetrail_schemas.export", description="Export the models as JSON Schema.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file is not current")
    check = parser.parse_args(arguments).check
    wanted = {ROOM / path: text for path, text in documents().items()}
    stale = {path: text for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text}
    orphans = set((ROOM / "json").rglob("*.json")) - wanted.keys()
    for path in sorted(stale.keys() | orphans):
        print(f"{'is not current' if check else 'removed' if path in orphans else 'written'}: {path.relative_to(ROOM)}")
    if check:
        return 1 if stale or orphans else 0
    for path, text in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in orphans:
        path.unlink()
    return 0


def _of_model(model: type[BaseModel], name: str, version: str) -> Schema:
    schema = model.model_json_schema(mode="validation")
    return {"$schema": DIALECT, "$id": f"{SCHEMA_URL}/{name}/{version}.json", **schema}


def _require(schema: Schema, path: list[str]) -> None:
    # An empty text says as little as an absent field; a field that is present but null is absent.
    name, *rest = path
    schema["type"] = "object"
    schema["required"] = sorted({*schema.get("required", ()), name})
    inner = schema.setdefault("properties", {}).setdefault(name, {})
    if rest:
        _require(inner, rest)
    else:
        inner["not"] = {"enum": [None, ""]}


def _closed(model: type[BaseModel]) -> Schema:
    schema = model.model_json_schema(mode="validation")
    closed: Schema = _inline(schema, schema["$defs"])
    return closed


def _inline(node: Any, definitions: Mapping[str, Any]) -> Any:
    # References resolved, "or null" dropped (null is absent), names and defaults left out: what `check` needs, no more.
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inline(definitions[node["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in node:
        (option,) = (option for option in node["anyOf"] if option.get("type") != "null")
        return _inline(option, definitions)
    kept = {key: node[key] for key in _KEPT if key in node}
    if "const" in node:
        kept["enum"] = [node["const"]]
    if "pattern" in node:
        kept["description"] = node["description"]
    if "properties" in node:
        kept["properties"] = {name: _inline(item, definitions) for name, item in node["properties"].items()}
    elif isinstance(node.get("additionalProperties"), dict):
        kept["additionalProperties"] = _inline(node["additionalProperties"], definitions)
    if "items" in node:
        kept["items"] = _inline(node["items"], definitions)
    return kept


_KEPT = ("type", "required", "enum", "pattern", "format", "minLength", "maxLength", "minimum", "maximum")


def _text(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
