"""What can be asked of the collector, as OpenAPI 3.1: the events' schema is the contract's own."""

from collections.abc import Mapping
from typing import Any

from pipetrail_schemas.check import fields

from pipetrail_producers.collector.posted import BATCH, SINGLE
from pipetrail_producers.collector.problem import MEDIA_TYPE
from pipetrail_producers.collector.sources import Sources

_VERSION = "1.0"
_REFUSALS = {
    "400": "It is refused; it says why, field by field",
    "401": "The sender is not proven",
    "408": "The body did not arrive in time",
    "413": "The body is too large",
    "415": "The content type, or a compressed body, is not supported",
    "503": "It cannot be stored now; come again after Retry-After seconds",
}


def document(sources: Sources) -> dict[str, Any]:
    """The description of a collector with these sources."""
    hooks = {
        path: {"post": _hook(source.name, path.replace("/", "_").strip("_"), source.system, unsigned=source.unsigned)}
        for path, source in sources.hooks.items()
    }
    paths: dict[str, Any] = {
        "/v1/events": {"post": _events(unsigned=sources.open_events)},
        **hooks,
        "/healthz": {"get": _page("healthz", "Could a delivery be stored now?", "application/json", ("200", "503"))},
        "/readyz": {"get": _page("readyz", "The same", "application/json", ("200", "503"))},
        "/metrics": {"get": _page("metrics", "Counters for Prometheus", "text/plain", ("200",))},
        "/openapi.json": {"get": _page("openapi", "This description", "application/json", ("200",))},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "pipetrail collector", "version": _VERSION, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": {"Event": _event_schema(), "Problem": _PROBLEM},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _events(*, unsigned: bool) -> dict[str, Any]:
    event = {"$ref": "#/components/schemas/Event"}
    return {
        "operationId": "events",
        "summary": "Take CloudEvents, one or a batch, structured or binary",
        "security": [] if unsigned else [{"bearer": []}],
        "requestBody": {
            "required": True,
            "content": {SINGLE: {"schema": event}, BATCH: {"schema": {"type": "array", "items": event}}},
        },
        "responses": {"202": _answer("All are stored", {"accepted": {"type": "integer", "minimum": 0}}), **_refusals()},
    }


def _hook(source: str, identity: str, system: str, *, unsigned: bool) -> dict[str, Any]:
    return {
        "operationId": identity,
        "summary": f"Take a webhook of {source} ({system})" + (", from anybody" if unsigned else ""),
        "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}},
        "responses": {"202": _answer("It is stored", {"status": {"const": "stored"}}), **_refusals()},
    }


def _page(identity: str, summary: str, media_type: str, statuses: tuple[str, ...]) -> dict[str, Any]:
    content = {media_type: {"schema": {"type": "string"} if media_type == "text/plain" else {"type": "object"}}}
    return {
        "operationId": identity,
        "summary": summary,
        "responses": {status: {"description": summary, "content": content} for status in statuses},
    }


def _answer(description: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refusals() -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": description, "content": content} for status, description in _REFUSALS.items()}


def _event_schema() -> dict[str, Any]:
    """The contract's schema, but for what the collector adds where it is absent."""
    schema = dict(fields())
    schema["required"] = [name for name in schema["required"] if name not in {"recordedtime", "partitionkey"}]
    return schema


_PROBLEM = {
    "type": "object",
    "description": "RFC 9457",
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "accepted": {"type": "integer"},
        "refused": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "index": {"type": "integer"},
                    "problems": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"field": {"type": "string"}, "problem": {"type": "string"}},
                            "required": ["field", "problem"],
                        },
                    },
                },
                "required": ["index", "problems"],
            },
        },
    },
    "required": ["title", "status"],
}
