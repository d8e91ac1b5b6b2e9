"""The mappings cover the schemas."""

from collections.abc import Iterator
from typing import Any

import pytest
from pipetrail_schemas.event import Data
from pipetrail_schemas.finding import Finding
from pipetrail_schemas.trail import Trail
from pipetrail_sinks.opensearch import mappings, templates
from pydantic import BaseModel

MODELS: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (Data, mappings.of_events()),
    (Trail, mappings.of_trails()),
    (Finding, mappings.of_findings()),
]
# JSON Schema's types, and the mapping types that take them.
TAKES = {
    "string": {"keyword", "match_only_text", "date"},
    "integer": {"long"},
    "boolean": {"boolean"},
    "object": {"flat_object", "object"},
}


def _leaves(schema: dict[str, Any], definitions: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Every leaf of a JSON Schema with its type: a way through the models that the mappings do not take."""
    schema = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if "anyOf" in schema:
        (schema,) = (one for one in schema["anyOf"] if one.get("type") != "null")
        yield from _leaves(schema, definitions, path)
    elif schema.get("type") == "array":
        yield from _leaves(schema["items"], definitions, path)
    elif "properties" in schema:
        for name, inner in schema["properties"].items():
            yield from _leaves(inner, definitions, f"{path}.{name}" if path else name)
    else:
        yield path, schema.get("type", "string")


@pytest.mark.parametrize(("model", "mapping"), MODELS, ids=["events", "trails", "findings"])
def test_every_field_of_the_models_is_mapped(model: type[BaseModel], mapping: dict[str, Any]) -> None:
    """Each field that the JSON Schema of a model has is mapped, with a type that takes its values."""
    schema = model.model_json_schema(by_alias=True, mode="serialization")
    mapped = mappings.leaves(mapping)
    found = dict(_leaves(schema, schema.get("$defs", {})))
    assert found
    assert found.keys() - mapped.keys() == set()
    wrong = {path: mapped[path]["type"] for path, kind in found.items() if mapped[path]["type"] not in TAKES[kind]}
    assert wrong == {}


@pytest.mark.parametrize("family", templates.FAMILIES, ids=lambda family: family.name)
def test_a_field_is_a_leaf_or_an_object(family: templates.Family) -> None:
    """No name is both a value and an object, which no index can hold."""
    leaves = mappings.leaves(family.mapping)
    objects = {path.rpartition(".")[0] for path in leaves}
    both = {path for path in objects if path in leaves and leaves[path]["type"] not in {"nested", "object"}}
    assert both == set()


@pytest.mark.parametrize("family", templates.FAMILIES, ids=lambda family: family.name)
def test_no_value_is_too_long_for_a_keyword(family: templates.Family) -> None:
    """Every keyword has a bound that keeps it under Lucene's limit of 32,766 bytes, whatever the characters."""
    keywords = [field for field in mappings.leaves(family.mapping).values() if field["type"] == "keyword"]
    assert all(field["ignore_above"] * 4 <= 32_766 for field in keywords)
    assert family.mapping["dynamic"] is False


@pytest.mark.parametrize(
    "field", ["@timestamp", "event.ingested", "event.hash", "pipetrail.trail.id", "related.hash", "deployment.status"]
)
def test_what_records_have_more_is_mapped(field: str) -> None:
    """The fields that are added to an event's data when it becomes a record are mapped, beside the data's own."""
    assert field in mappings.leaves(mappings.of_events())


def test_contradictions_are_found() -> None:
    """A field of another type, an object where ours is a value, and a value where ours is an object are each named."""
    existing = {
        "properties": {
            "@timestamp": {"type": "keyword"},
            "user": {"type": "keyword"},
            "rule": {"properties": {"id": {"properties": {"x": {"type": "long"}}}}},
            "own": {"type": "long"},
        }
    }
    found = templates.conflicts(existing, mappings.of_findings())
    assert found == [
        "@timestamp is keyword, and ours is date",
        "rule.id is an object, and ours is keyword",
        "user is keyword, and ours is an object",
    ]


@pytest.mark.parametrize("family", templates.FAMILIES, ids=lambda family: family.name)
def test_a_mapping_agrees_with_itself(family: templates.Family) -> None:
    """What was applied does not contradict, and lacks nothing."""
    assert templates.conflicts(family.mapping, family.mapping) == []
    assert templates.missing(family.mapping, family.mapping) == []


def test_replicas_are_a_number_or_a_range() -> None:
    """A range becomes OpenSearch's auto-expansion, a number a number."""
    by_range = templates.component(shards=2, replicas="0-1", refresh_s=5)["template"]["settings"]["index"]
    assert by_range == {"number_of_shards": "2", "refresh_interval": "5s", "auto_expand_replicas": "0-1"}
    assert (
        templates.component(shards=2, replicas="3", refresh_s=5)["template"]["settings"]["index"]["number_of_replicas"] == "3"
    )
