"""The public keys of issuers, by OpenID Connect Discovery 1.0, section 4. Fetched when needed, held, and fetched anew.

Only issuers of the settings are asked. Their discovery document names where the keys are: https, or the loopback. No redirects
are followed, answers are bounded in bytes and seconds, and an unknown key id makes us ask again only so often: whoever sends
made-up ones can neither wear out the issuer nor us. Fetched keys stay good for a while when the issuer cannot be reached.
"""

import asyncio
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import jwt
import orjson

from pipetrail_producers.collector.errors import KeysUnavailableError, RefusedTokenError

# Keys are fetched anew after this; a rotated key is fetched as soon as a token names it.
FRESH_S = 3600.0
# How long keys stay good while their issuer cannot be reached.
STALE_S = 24 * 3600.0
# At most one look for an unknown key in this time.
RETRY_S = 10.0
TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 512 * 1024
MAX_KEYS = 100
# NIST SP 800-57: shorter RSA keys are not to be trusted any more.
_MIN_RSA_BITS = 2048
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_DISCOVERY = "/.well-known/openid-configuration"


@dataclass(slots=True)
class _Held:
    """What is held of one issuer; times are of the monotonic clock."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    keys: Mapping[str, Any] = field(default_factory=dict)
    fetched: float = float("-inf")
    asked: float = float("-inf")


class Keys:
    """The keys of all issuers. For one event loop."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[str, _Held] = {}

    async def key(self, issuer: str, key_id: str) -> Any:
        """The key of that id.

        Raises:
            RefusedTokenError: the issuer has no such key.
            KeysUnavailableError: the issuer cannot be reached, and what is held is too old or does not have it.
        """
        held = self._held.setdefault(issuer, _Held())
        now = self._clock()
        if key_id in held.keys and now - held.fetched < FRESH_S:
            return held.keys[key_id]
        async with held.lock:
            problem = await self._refreshed(issuer, held, key_id)
        if key_id in held.keys and self._clock() - held.fetched < STALE_S:
            return held.keys[key_id]
        if problem:
            raise KeysUnavailableError(f"the keys of {issuer} cannot be fetched: {problem}")
        raise RefusedTokenError("the token's key is not one of its issuer's")

    async def _refreshed(self, issuer: str, held: _Held, key_id: str) -> str:
        """Fetch the keys unless somebody else just did; what was wrong."""
        now = self._clock()
        if (key_id in held.keys and now - held.fetched < FRESH_S) or now - held.asked < RETRY_S:
            return "" if held.fetched >= held.asked else "the last attempt failed"
        held.asked = now
        try:
            held.keys = await asyncio.to_thread(fetched, issuer)
        except KeysUnavailableError as exc:
            return str(exc)
        held.fetched = now
        return ""


def fetched(issuer: str) -> dict[str, Any]:
    """The keys of an issuer by their ids, fetched now; blocks for twice TIMEOUT_S at most.

    Raises:
        KeysUnavailableError: the issuer cannot be reached, or answers with something else.
    """
    document = _json(issuer.rstrip("/") + _DISCOVERY)
    if document.get("issuer") != issuer:
        raise KeysUnavailableError("its discovery document is another issuer's")
    keys = _json(str(document.get("jwks_uri", ""))).get("keys")
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise KeysUnavailableError(f"its key set is no list of up to {MAX_KEYS} keys")
    return {one["kid"]: key for one in keys if isinstance(one, dict) and (key := _key(one)) is not None}


def _key(told: Mapping[str, Any]) -> Any:
    """The public key of a JSON Web Key (RFC 7517); None for what cannot verify a token."""
    if not isinstance(told.get("kid"), str) or told.get("use", "sig") != "sig" or told.get("kty") not in {"RSA", "EC", "OKP"}:
        return None
    try:
        key = jwt.PyJWK(dict(told), algorithm=told.get("alg") or _DEFAULT_ALGORITHM.get(str(told["kty"]))).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return None if getattr(key, "key_size", _MIN_RSA_BITS) < _MIN_RSA_BITS and told["kty"] == "RSA" else key


_DEFAULT_ALGORITHM = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        """None: a redirect is an error."""


_opener = urllib.request.build_opener(_NoRedirect)


def _json(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise KeysUnavailableError("its discovery document names no https:// URL for its keys")
    try:
        with _opener.open(url, timeout=TIMEOUT_S) as answer:
            content = answer.read(MAX_ANSWER_BYTES + 1)
    except (OSError, ValueError, http.client.HTTPException) as exc:
        raise KeysUnavailableError(str(exc) or type(exc).__name__) from exc
    if len(content) > MAX_ANSWER_BYTES:
        raise KeysUnavailableError(f"its answer has over {MAX_ANSWER_BYTES} bytes")
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as exc:
        raise KeysUnavailableError("its answer is no JSON") from exc
    if not isinstance(document, dict):
        raise KeysUnavailableError("its answer is no JSON object")
    return document
