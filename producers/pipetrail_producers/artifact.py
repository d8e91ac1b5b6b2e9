"""What an artifact is: its digest, size and name, as fields of an event. Standard library only."""

import hashlib
from pathlib import Path
from typing import Any

from pipetrail_producers.errors import UnreadableInputError


def known_by(digest: str) -> dict[str, Any]:
    """OpenTelemetry's `artifact` of what is not a file here (a container image): its `hash`, in lower case."""
    return {"hash": digest.strip().lower()}


def describe(path: Path) -> dict[str, Any]:
    """OpenTelemetry's `artifact` of a file: `hash` (`sha256:…`), `filename`, `size` in bytes.

    Raises:
        UnreadableInputError: there is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as exc:
        raise UnreadableInputError(f"artifact {path}: {exc.strerror}") from exc
    return {"hash": f"sha256:{digest}", "filename": path.name, "size": size}
