"""The golden samples and the exported schemas, as every test reads them."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

ROOT = Path(__file__).parents[2]
SAMPLES_FOLDER = ROOT / "schemas" / "samples" / "v1"
SCHEMAS_FOLDER = ROOT / "schemas" / "json"

# Content by short type name. Tests must not alter it: `copy.deepcopy` first.
SAMPLES: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(SAMPLES_FOLDER.glob("*.json"))
}
SCHEMAS: dict[str, dict[str, Any]] = {
    str(path.relative_to(SCHEMAS_FOLDER)): json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(SCHEMAS_FOLDER.rglob("*.json"))
}
_REGISTRY: Registry[Any] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()
)


def validator(type_name: str) -> Draft202012Validator:
    """A validator for the exported schema of a short type name, `event`, `trail` or `finding`."""
    return Draft202012Validator(SCHEMAS[f"{type_name}/1.0.json"], registry=_REGISTRY)
