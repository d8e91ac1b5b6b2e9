"""What the local stack is made of: `artifacts.toml` as types. Knows nothing of networks and folders.

Every artifact has exact Maven coordinates, a size and a SHA-256 sum; nothing is resolved at run time.
"""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_DIGEST_CHARACTERS = 12  # of a tree's name: enough to tell versions of this file apart, short in paths


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a Maven repository. `size` in bytes, `sha256` in lower-case hexadecimal."""

    group: str
    name: str
    version: str
    packaging: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """The file's name, as in the repository."""
        return f"{self.name}-{self.version}.{self.packaging}"

    def __str__(self) -> str:
        return f"{self.group}:{self.name}:{self.version}"


@dataclass(frozen=True, slots=True)
class Addon:
    """A module or plugin of OpenSearch: what goes into its folder, its descriptor and its security policy."""

    folder: str
    name: str
    version: str
    classname: str
    extends: tuple[str, ...]
    grants: tuple[str, ...]
    archive: Artifact | None
    leave_out: tuple[str, ...]
    jars: tuple[Artifact, ...]


@dataclass(frozen=True, slots=True)
class KafkaParts:
    """Kafka: a list of jars."""

    version: str
    jars: tuple[Artifact, ...]

    def artifacts(self) -> Iterator[Artifact]:
        """Every artifact of it."""
        yield from self.jars


@dataclass(frozen=True, slots=True)
class OpenSearchParts:
    """OpenSearch: the server's archive without `leave_out`, further jars beside it, and its modules and plugins."""

    version: str
    server: Artifact
    leave_out: tuple[str, ...]
    lib: tuple[Artifact, ...]
    addons: tuple[Addon, ...]

    def artifacts(self) -> Iterator[Artifact]:
        """Every artifact of it."""
        yield self.server
        yield from self.lib
        for addon in self.addons:
            if addon.archive:
                yield addon.archive
            yield from addon.jars


@dataclass(frozen=True, slots=True)
class Parts:
    """All of it. `digest` changes with any line of `artifacts.toml` and is part of the assembled trees' names."""

    kafka: KafkaParts
    opensearch: OpenSearchParts
    digest: str


@cache
def load() -> Parts:
    """Read `artifacts.toml` of this package."""
    return parse(files("pipetrail_deploy").joinpath("artifacts.toml").read_text(encoding="utf-8"))


def parse(text: str) -> Parts:
    """Make types of the text of `artifacts.toml`; a missing key is a KeyError, as the file is part of the program."""
    content = tomllib.loads(text)
    kafka, opensearch = content["kafka"], content["opensearch"]
    return Parts(
        KafkaParts(kafka["version"], _artifacts(kafka["jars"])),
        OpenSearchParts(
            opensearch["version"],
            _artifact(opensearch["server"]),
            tuple(opensearch["leave_out"]),
            _artifacts(opensearch["lib"]),
            tuple(_addon(row) for row in opensearch["addons"]),
        ),
        hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS],
    )


def _addon(row: Mapping[str, Any]) -> Addon:
    return Addon(
        row["folder"],
        row["name"],
        row["version"],
        row["classname"],
        tuple(row["extends"]),
        tuple(row.get("grants", ())),
        _artifact(row["archive"]) if "archive" in row else None,
        tuple(row.get("leave_out", ())),
        _artifacts(row["jars"]),
    )


def _artifacts(rows: Sequence[Mapping[str, Any]]) -> tuple[Artifact, ...]:
    return tuple(_artifact(row) for row in rows)


def _artifact(row: Mapping[str, Any]) -> Artifact:
    group, name, version, *packaging = row["maven"].split(":")
    return Artifact(group, name, version, packaging[0] if packaging else "jar", row["bytes"], row["sha256"])
