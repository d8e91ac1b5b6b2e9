"""`pipetrail indices`: bring a cluster's templates and indices to what this version wants, and say what changed.

Nothing is changed when any existing index contradicts the wanted mapping; a field's type cannot be altered afterwards, and half
a change is worse than none. Applying twice changes nothing the second time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from pipetrail_sinks.errors import MappingConflictError, TargetRefusedError
from pipetrail_sinks.opensearch import templates
from pipetrail_sinks.opensearch.client import Answer, Client
from pipetrail_sinks.opensearch.templates import FAMILIES, SETTINGS_TEMPLATE, Family

State = Literal["unchanged", "missing", "differs", "created", "changed"]
_NOT_FOUND = 404
# How many field names fit into a line for people.
_FIELDS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Asset:
    """One thing in the cluster and how it stands; `detail` in words, empty where the state says it all."""

    kind: str
    name: str
    state: State
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Step:
    """An asset as it was found, and the PUT that makes it right."""

    asset: Asset
    path: str
    body: dict[str, Any]


def compare(client: Client, component: dict[str, Any]) -> list[Asset]:
    """How the cluster stands to what is wanted (`unchanged`, `missing`, `differs`); changes nothing.

    Raises:
        TargetRefusedError: OpenSearch refuses, or cannot be reached.
    """
    return [step.asset for step in _plan(client, component)]


def apply(client: Client, component: dict[str, Any]) -> list[Asset]:
    """Bring the cluster to what is wanted; returns what was `created`, `changed`, or was as it should be (`unchanged`).

    Raises:
        MappingConflictError: an existing index contradicts; nothing was changed.
        TargetRefusedError: OpenSearch refuses, or cannot be reached.
    """
    for family in FAMILIES:
        for index, mapping in _existing(client, family).items():
            if problems := templates.conflicts(mapping, family.mapping):
                raise MappingConflictError(
                    f"index {index} has another mapping: {'; '.join(problems)}. Nothing was changed. "
                    f"Reindex {index} into one made from the template, or delete it, and apply again"
                )
    return [_bring_about(client, step) for step in _plan(client, component)]


def check(client: Client) -> Answer:
    """Ask for one of the indices that `apply` makes, to see whether it was ever run; the indexer may ask this."""
    return client.request("GET", f"/{FAMILIES[-1].name}")


def _plan(client: Client, component: dict[str, Any]) -> list[_Step]:
    """Every asset, in the order in which they need each other."""
    steps = [_template(client, "component_template", SETTINGS_TEMPLATE, component)]
    steps += [_template(client, "index_template", family.name, templates.index_template(family)) for family in FAMILIES]
    for family in FAMILIES:
        steps += _indices(client, family)
    return steps


def _bring_about(client: Client, step: _Step) -> Asset:
    if step.asset.state == "unchanged":
        return step.asset
    _demand(client, client.request("PUT", step.path, step.body), f"PUT {step.path}")
    return replace(step.asset, state="created" if step.asset.state == "missing" else "changed")


def _template(client: Client, kind: str, name: str, wanted: dict[str, Any]) -> _Step:
    path = f"/_{kind}/{name}"
    answer = client.request("GET", path)
    state: State = "missing"
    if answer.status != _NOT_FOUND:
        there = _demand(client, answer, path)[f"{kind}s"][0][kind]
        state = "unchanged" if _normal(there) == _normal(wanted) else "differs"
    return _Step(Asset(kind.replace("_", " "), name, state), path, wanted)


def _indices(client: Client, family: Family) -> Iterator[_Step]:
    existing = _existing(client, family)
    if family.one_index and not existing:
        yield _Step(Asset("index", family.name, "missing"), f"/{family.name}", {})
    for index, mapping in existing.items():
        lacking = templates.missing(mapping, family.mapping)
        asset = Asset("index", index, "differs" if lacking else "unchanged", _in_words(lacking))
        yield _Step(asset, f"/{index}/_mapping", {"properties": family.mapping["properties"]})


def _existing(client: Client, family: Family) -> dict[str, dict[str, Any]]:
    answer = client.request("GET", f"/{family.pattern}/_mapping", params={"allow_no_indices": "true"})
    if answer.status == _NOT_FOUND:
        return {}
    body = _demand(client, answer, f"the mapping of {family.pattern}")
    return {index: content.get("mappings", {}) for index, content in sorted(body.items())}


def _normal(template: Any) -> Any:
    """A template without what OpenSearch leaves out or respells: empty is absent, numbers and booleans come back as text."""
    if isinstance(template, dict):
        return {key: _normal(value) for key, value in template.items() if value not in ({}, None)}
    if isinstance(template, list):
        return [_normal(one) for one in template]
    return str(template).lower()


def _demand(client: Client, answer: Answer, what: str) -> dict[str, Any]:
    if answer.ok and isinstance(answer.body, dict):
        return answer.body
    status = f"status {answer.status}" if answer.status else "no answer"
    reason = answer.reason or answer.error_type
    raise TargetRefusedError(f"OpenSearch at {client.url}, user {client.user or '(none)'}: {what}: {status}: {reason}")


def _in_words(fields: list[str]) -> str:
    more = len(fields) - _FIELDS_SHOWN
    return ", ".join(fields[:_FIELDS_SHOWN]) + (f" and {more} more" if more > 0 else "")
