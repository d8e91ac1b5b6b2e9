"""The component and index templates, and the indices that are there from the start, as the APIs take them. Pure.

Events have no index from the start: a month's index is made by its first event, from the template. Trails, findings and dead
letters have one each, so that a search before the first one finds nothing instead of failing.
"""

from dataclasses import dataclass
from typing import Any

from pipetrail_sinks.opensearch import dead_letter, documents, mappings

SETTINGS_TEMPLATE = "pipetrail-settings"
# Above the templates that people put on `*`.
PRIORITY = 200


@dataclass(frozen=True, slots=True)
class Family:
    """Indices with one mapping: the template's name, what it matches, and whether an index of that name is made at once."""

    name: str
    pattern: str
    mapping: dict[str, Any]

    @property
    def one_index(self) -> bool:
        """The family is a single index, there from the start."""
        return "*" not in self.pattern


FAMILIES = (
    Family("pipetrail-events-v1", f"{documents.EVENTS_PREFIX}*", mappings.of_events()),
    Family(documents.TRAILS_INDEX, documents.TRAILS_INDEX, mappings.of_trails()),
    Family(documents.FINDINGS_INDEX, documents.FINDINGS_INDEX, mappings.of_findings()),
    Family(dead_letter.INDEX, dead_letter.INDEX, mappings.of_dead_letters()),
)


def component(*, shards: int, replicas: str, refresh_s: int) -> dict[str, Any]:
    """The component template with the settings that all indices share; `replicas` is a number or a range like `0-1`."""
    copies = {"number_of_replicas": replicas} if replicas.isdigit() else {"auto_expand_replicas": replicas}
    index = {"number_of_shards": str(shards), "refresh_interval": f"{refresh_s}s", **copies}
    return {"template": {"settings": {"index": index}}}


def index_template(family: Family) -> dict[str, Any]:
    """The index template of a family."""
    return {
        "index_patterns": [family.pattern],
        "composed_of": [SETTINGS_TEMPLATE],
        "priority": PRIORITY,
        "template": {"mappings": family.mapping},
    }


def conflicts(existing: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """What an existing mapping says otherwise than ours, in a way that OpenSearch cannot change afterwards.

    Fields that are only in one of them are no conflict: they are added, or stay as they are.
    """
    there = mappings.leaves(existing)
    found: dict[str, None] = {}
    for path, field in mappings.leaves(wanted).items():
        kind = _kind(field)
        for parent in _parents(path):
            if _kind(there.get(parent)) not in {"object", "nested"}:
                found[f"{parent} is {_kind(there[parent])}, and ours is an object"] = None
        if path in there and _kind(there[path]) != kind:
            found[f"{path} is {_kind(there[path])}, and ours is {kind}"] = None
        elif kind not in {"object", "nested"} and any(other.startswith(f"{path}.") for other in there):
            found[f"{path} is an object, and ours is {kind}"] = None
    return list(found)


def missing(existing: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """The fields of our mapping that an existing one has not."""
    return sorted(mappings.leaves(wanted).keys() - mappings.leaves(existing).keys())


def _parents(path: str) -> list[str]:
    names = path.split(".")
    return [".".join(names[:depth]) for depth in range(1, len(names))]


def _kind(field: dict[str, Any] | None) -> str:
    return str((field or {}).get("type", "object"))
