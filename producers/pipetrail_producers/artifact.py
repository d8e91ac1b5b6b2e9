"""What a file is: its digest, size and name, as fields of an event. Standard library only."""

import hashlib
from pathlib import Path
from typing import Any

from pipetrail_producers.errors import UnreadableInputError


def describe(path: Path, *, purl: str | None = None, version: str | None = None) -> dict[str, Any]:
    """OpenTelemetry's `artifact` of a file: `hash` (`sha256:…`), `filename`, `size` in bytes, and what the caller adds.

    Raises:
        UnreadableInputError: there is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as exc:
        raise UnreadableInputError(f"artifact {path}: {exc.strerror}") from exc
    described: dict[str, Any] = {"hash": f"sha256:{digest}", "filename": path.name, "size": size}
    return described | {name: value for name, value in (("purl", purl), ("version", version)) if value}
