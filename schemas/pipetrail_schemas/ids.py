"""Deterministic ids and canonical names. Standard library only.

An event's id is the fact's own identity: whoever reports the fact (webhook, redelivery, importer, CI agent) computes the same
id, so that a fact told twice counts once. Derived things (trails, findings) hash what they were derived from.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

# UUIDv5 of the URL namespace (RFC 9562, section 6.6) and this project's id page. Never change it: every stored id hangs on it.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://pipetrail.dev/ids")

# What a path may hold as it is; `%` stays, so that an encoded path is not encoded twice.
_PATH_SAFE = "/%:@!$&'()*+,;=~"
_SCP_LIKE = re.compile(r"^(?:[^/@:]+@)?(?P<host>[^/:@]+):(?!//)(?P<path>[^/].*|/.*)$")
_SUPERFLUOUS_END = re.compile(r"(?:/|\.git)+$")
_HOST = re.compile(r"[^\s/?#@\[\]]+")
_DEFAULT_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418}


def event_id(*, provider: str, instance: str, kind: str, native_id: str, attempt: int = 1, state: str = "") -> str:
    """The id of a fact.

    Args:
        provider: the kind of system it comes from ("github", "git", "pipetrail" …).
        instance: which one of its kind: a base or repository URL.
        kind: the noun ("commit", "taskrun" …).
        native_id: the system's own key for it, unique within instance and kind.
        attempt: 1 for the first, counted up for re-runs that keep the native id.
        state: the state that the event announces ("started", "finished" …), empty where there is only one.
    """
    return _uuid("event", provider, instance, kind, native_id, str(attempt), state)


def trail_id(repository: str, key: str) -> str:
    """The id of the trail of a change: canonical repository URL and commit (or the alias known instead of a commit)."""
    return _uuid("trail", repository, key)


def finding_id(rule: str, inputs: Iterable[str]) -> str:
    """The id of a finding: the rule's id and what it was found on (event ids, stage, environment), in any order."""
    return _uuid("finding", rule, *sorted(inputs))


def content_hash(value: bytes) -> str:
    """`sha256:…` of a value as it stands on the topic; tells a duplicate from a change under the same id."""
    return "sha256:" + hashlib.sha256(value).hexdigest()


def canonical_repository(url: str) -> str:
    """The one spelling of a repository's URL: the Kafka key, so that all that concerns a repository meets in one partition.

    ssh and scp-like forms become https (both name the same repository on most forges), credentials, query, fragment, a default
    port, doubled and trailing slashes and `.git` go, the host is lower-cased, what a URL may not hold is percent-encoded.
    `file` URLs and absolute paths stay files. The path's case is kept. What is canonical already comes out unchanged.

    Raises:
        ValueError: the text names no repository.
    """
    text = url.strip().removeprefix("git+")
    if text.startswith("/"):
        text = "file://" + quote(text)
    elif "://" not in text and (match := _SCP_LIKE.match(text)):
        text = f"ssh://{match['host']}/{quote(match['path'].lstrip('/'), safe=_PATH_SAFE)}"
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as exc:
        raise ValueError(f"{_without_credentials(url)!r} names no repository: {exc}") from exc
    path = _SUPERFLUOUS_END.sub("", re.sub("/+", "/", quote(parts.path, safe=_PATH_SAFE)))
    if parts.scheme == "file" and path.startswith("/"):
        return f"file://{_host(host)}{path}"
    if parts.scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(host) or not path:
        wanted = "https://host/path, ssh://host/path, host:path or file:///path"
        raise ValueError(f"{_without_credentials(url)!r} names no repository: {wanted}")
    scheme = "http" if parts.scheme == "http" else "https"
    # An ssh port says nothing about where the forge's pages are.
    keep_port = port is not None and parts.scheme in {"http", "https"} and port != _DEFAULT_PORTS[scheme]
    return f"{scheme}://{_host(host)}{f':{port}' if keep_port else ''}{path}"


def _host(name: str) -> str:
    return f"[{name.lower()}]" if ":" in name else name.lower()


def _without_credentials(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url)


# Made once: json.dumps with these separators makes a new encoder for every call.
_as_json = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def _uuid(*parts: str) -> str:
    """UUIDv5 of the parts: what `uuid.uuid5` gives, in half its time (an import of history makes 20,000 a second)."""
    # JSON keeps the parts apart: no separator can be smuggled in through a name.
    digest = bytearray(hashlib.sha1(NAMESPACE.bytes + _as_json(parts).encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50  # version and variant, RFC 9562, section 5.5
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
