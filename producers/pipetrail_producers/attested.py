"""What the statements of a provenance file say of an artifact, as events. Standard library only, imported on demand."""

import os
from pathlib import Path
from typing import Any

from pipetrail_schemas.times import now

from pipetrail_producers import provenance
from pipetrail_producers.errors import UnreadableInputError
from pipetrail_producers.redact import Redactor
from pipetrail_producers.webhook import fact

# A bundle has some 10 KB; a file over this is something else.
MAX_BYTES = 16 * 1024 * 1024


def attested(file: Path, digest: str) -> list[dict[str, Any]]:
    """The events of the statements in a file that are about the artifact with this digest.

    Raises:
        UnreadableInputError: the file cannot be read, is too large, or holds no statement about the artifact.
        InvalidEventError: a statement holds something that an event cannot carry.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as exc:
        raise UnreadableInputError(f"provenance {file}: {exc.strerror}") from exc
    if len(content) > MAX_BYTES:
        raise UnreadableInputError(f"provenance {file}: has over {MAX_BYTES} bytes")
    recorded, redactor = now(), Redactor(os.environ)
    told = provenance.facts(content, recorded=recorded, digest=digest)
    return [fact.event(one, recorded=recorded, redactor=redactor) for one in told]
