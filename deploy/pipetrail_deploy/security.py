"""Users and roles of the local OpenSearch, through the security plugin's own REST API as the administrator's certificate.

Roles and who has them stand in `opensearch/security/`, one JSON file each in the shape that the API takes, so that the same
files serve a cluster of one's own. Reference: OpenSearch documentation, "Security plugin REST API".
A mark beside the data tells what was applied, as hashing passwords takes the server a second.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pipetrail_deploy.rest import Rest

_API = "/_plugins/_security/api"
_KINDS = ("roles", "rolesmapping")  # roles first: a mapping needs its role


def assets() -> Traversable:
    """The folder of OpenSearch assets: inside the package when installed, beside it in a checkout."""
    package = files("pipetrail_deploy")
    installed = package.joinpath("assets")
    return installed if installed.is_dir() else package.joinpath("..", "opensearch")


def definitions() -> Iterator[tuple[str, str, Any]]:
    """Every role and mapping: kind (as the API calls it), name, definition."""
    for kind in _KINDS:
        folder = assets().joinpath("security", kind)
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            yield kind, file.name.removesuffix(".json"), json.loads(file.read_text(encoding="utf-8"))


def apply(rest: Rest, passwords: Mapping[str, str], mark: Path) -> None:
    """Set users, roles and mappings, unless `mark` says that exactly these were set before.

    Raises:
        RefusedError: OpenSearch refuses one.
    """
    wanted = [*definitions(), *(("internalusers", user, {"password": word}) for user, word in passwords.items())]
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
    if mark.exists() and mark.read_text(encoding="utf-8") == digest:
        return
    for kind, name, definition in wanted:
        rest.call("PUT", f"{_API}/{kind}/{name}", definition)
    mark.write_text(digest, encoding="utf-8")
