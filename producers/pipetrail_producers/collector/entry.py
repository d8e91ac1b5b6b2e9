"""One delivery or request as the store keeps it: what came, when, and how its sender was proven. Pure.

A body is JSON or whatever else was sent; secrets were taken out of it before (`masking`). An entry's bytes say all that is
needed to make its events, so that a replay makes the same ones.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

import orjson
from pipetrail_schemas.times import format_time, parse_time

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Entry:
    """What came.

    Args:
        door: "hook" for a webhook, "events" for POST /v1/events.
        path: of the request.
        source: the source's name in the settings; of the token or issuer for "events".
        system: the source's system; empty for "events".
        received: when the collector took it.
        authtype: how the sender was established: "hmac", "token", "oidc" or "unauthenticated".
        authid: who the sender is.
        sha256: of the body as it came, in hexadecimal.
        headers: those that translators may look at, names in lower case.
        claims: of the sender's job token, as labels.
        body: what was sent, without secrets.
        masked: whether secrets were taken out of the body.
    """

    door: Literal["hook", "events"]
    path: str
    source: str
    system: str
    received: datetime
    authtype: str
    authid: str
    sha256: str
    headers: Mapping[str, str]
    body: bytes
    claims: Mapping[str, str] = field(default_factory=dict)
    masked: bool = False


def encode(entry: Entry) -> bytes:
    """The bytes of an entry."""
    told = {
        "door": entry.door,
        "path": entry.path,
        "source": entry.source,
        "system": entry.system,
        "received": format_time(entry.received),
        "authtype": entry.authtype,
        "authid": entry.authid,
        "sha256": entry.sha256,
        "headers": dict(entry.headers),
        "claims": dict(entry.claims),
        "masked": entry.masked,
    }
    head = orjson.dumps(told)
    return _LENGTH.pack(len(head)) + head + entry.body


def with_body(entry: Entry, clean: bytes) -> Entry:
    """The entry with a body that secrets were taken out of."""
    return replace(entry, body=clean, masked=True)


def decode(content: bytes) -> Entry:
    """The entry of bytes that `encode` wrote; frames see to it that they are."""
    (length,) = _LENGTH.unpack_from(content)
    body_at = _LENGTH.size + length
    told = orjson.loads(content[_LENGTH.size : body_at])
    told["received"] = parse_time(told["received"])
    return Entry(**told, body=content[body_at:])
