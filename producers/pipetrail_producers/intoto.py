"""in-toto statements out of what people have of them: plain, in an envelope, in a bundle, one or many. Standard library only.

Formats: in-toto Attestation Framework, Statement v0.1 and v1; DSSE 1.0 (`payloadType`, base64 `payload`, `signatures`);
Sigstore bundle (`dsseEnvelope`); GitHub's attestations API and `gh attestation` output, which hold bundles; each also as JSON
Lines. A signature is counted here, not checked: who wants to rely on one checks it with cosign, gh or slsa-verifier.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pipetrail_producers.errors import UnreadableInputError
from pipetrail_producers.webhook.payload import at, items, text

_STATEMENT = re.compile(r"https://in-toto\.io/Statement/v(?:0\.1|1(?:\.\d+)?)")
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
# Members under which the known containers hold what is inside.
_INSIDE = ("dsseEnvelope", "bundle", "attestation", "attestations")
# How many containers deep a statement may be: GitHub's list, its member, the bundle, the envelope, and one to spare.
_DEEPEST = 6
# Digest algorithms that an artifact can be known by → hexadecimal digits. gitCommit and sha1 name sources, not artifacts.
_ALGORITHMS = {"sha256": 64, "sha512": 128, "sha384": 96}
_HEX = re.compile(r"[0-9a-f]+")


class Subject(NamedTuple):
    """An artifact that a statement is about: its name, and its digest as `sha256:…`."""

    name: str | None
    digest: str


class Statement(NamedTuple):
    """A statement: `key` is the SHA-256 of what it says, however it is wrapped; `signatures` how many there are around it."""

    key: str
    predicate_type: str
    predicate: Any
    subjects: tuple[Subject, ...]
    signatures: int


def statements(content: bytes) -> list[Statement]:
    """Every statement in a file, in its order.

    Raises:
        UnreadableInputError: it is no JSON, or holds no statement, or one that cannot be read.
    """
    found = [statement for document in _documents(content) for statement in _statements(document, _DEEPEST)]
    if not found:
        raise UnreadableInputError("provenance: there is no in-toto statement, DSSE envelope or Sigstore bundle in it")
    return found


def _documents(content: bytes) -> Iterator[Any]:
    try:
        whole = content.decode("utf-8-sig")
        try:
            yield json.loads(whole)
        except json.JSONDecodeError:
            for line in filter(str.strip, whole.splitlines()):
                yield json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise UnreadableInputError(f"provenance: neither JSON nor JSON Lines: {exc}") from exc


def _statements(document: Any, depth: int) -> Iterator[Statement]:
    if isinstance(document, list) and depth:
        for one in document:
            yield from _statements(one, depth - 1)
    elif not isinstance(document, Mapping) or not depth:
        return
    elif _STATEMENT.fullmatch(text(document, "_type") or ""):
        yield _statement(document, 0)
    elif "payload" in document and "payloadType" in document:
        yield from _enveloped(document)
    else:
        for member in _INSIDE:
            if member in document:
                yield from _statements(document[member], depth - 1)


def _enveloped(envelope: Mapping[str, Any]) -> Iterator[Statement]:
    if envelope["payloadType"] != _PAYLOAD_TYPE:
        raise UnreadableInputError(f"provenance: payloadType is {envelope['payloadType']!r:.80}, not {_PAYLOAD_TYPE}")
    try:
        # DSSE allows the URL-safe alphabet, too.
        payload = base64.b64decode(str(envelope["payload"]).replace("-", "+").replace("_", "/") + "==", validate=False)
        document = json.loads(payload)
    except (binascii.Error, ValueError, RecursionError) as exc:
        raise UnreadableInputError(f"provenance: the envelope's payload is no JSON in base64: {exc}") from exc
    if not _STATEMENT.fullmatch(text(document, "_type") or ""):
        raise UnreadableInputError("provenance: the envelope's payload is no in-toto statement")
    yield _statement(document, len(items(envelope, "signatures")))


def _statement(document: Mapping[str, Any], signatures: int) -> Statement:
    kind = text(document, "predicateType")
    if kind is None:
        raise UnreadableInputError("provenance: the statement has no predicateType")
    subjects = [found for one in items(document, "subject") if (found := _subject(one))]
    key = hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return Statement(key, kind, at(document, "predicate"), tuple(dict.fromkeys(subjects)), signatures)


def _subject(subject: Any) -> Subject | None:
    for algorithm, digits in _ALGORITHMS.items():
        digest = (text(subject, f"digest.{algorithm}") or "").lower()
        if len(digest) == digits and _HEX.fullmatch(digest):
            return Subject(text(subject, "name") or text(subject, "uri"), f"{algorithm}:{digest}")
    return None
