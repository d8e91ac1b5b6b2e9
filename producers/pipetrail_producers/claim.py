"""Keeps an event within the size of a message: what is too large is named by its SHA-256 and not sent.

Nothing is cut: a text that ends somewhere looks whole. Who has the original can show that it is the one. Pure; standard library
only.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pipetrail_schemas import check
from pipetrail_schemas.topics import MAX_EVENT_BYTES

# What may stay behind, in this order: the parts that can grow without bound and that nothing is decided by.
_PARTS = (
    "pipetrail.raw.payload",
    "pipetrail.raw",
    "pipetrail.command.output_tail",
    "pipetrail.command.argv",
    "pipetrail.commit.message",
)


def fitted(data: Mapping[str, Any], room: int = MAX_EVENT_BYTES) -> Mapping[str, Any]:
    """The payload with as many of the large parts replaced by a reference as are needed for it to fit into `room` bytes.

    It may still be too large when something else is; `message.message_of` refuses that.
    """
    for path in _PARTS:
        if len(_bytes(data)) <= room:
            break
        part = check.lookup(data, path)
        if part is not None:
            data = _replaced(data, path.split("."), _reference(part))
    return data


def _reference(part: Any) -> Any:
    content = part.encode() if isinstance(part, str) else _bytes(part)
    digest = hashlib.sha256(content).hexdigest()
    if isinstance(part, Mapping):
        return {"not_sent": {"bytes": len(content), "sha256": digest}}
    text = f"[not sent: {len(content)} bytes, sha256:{digest}]"
    return [text] if isinstance(part, list) else text


def _replaced(data: Mapping[str, Any], names: list[str], value: Any) -> dict[str, Any]:
    first, *rest = names
    return {**data, first: _replaced(data[first], rest, value) if rest else value}


def _bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
