"""Who a CI job is, by the OpenID Connect token that its system made out for it. Pure: keys and time are handed in.

What is required: a signature by the issuer's key with an algorithm that the settings name, the issuer itself, our audience,
`exp` and `iat` (and `nbf` where there is one) around now, `jti`, and the claims that the settings allow. Whether `jti` was used
before is `used`'s matter. The identity is made of ids that cannot be given to somebody else (a repository's name can). Sources:
OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725 (best current practices); GitHub's and GitLab's documentation of job tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from pipetrail_schemas.claims import IMMUTABLE, KEPT, PREFIX

from pipetrail_producers.collector.errors import RefusedTokenError
from pipetrail_producers.collector.sources import Issuer

# Clocks of two machines that are kept in time differ by less.
LEEWAY_S = 30
# GitLab's tokens live as long as a job may; what lives longer is no job's.
MAX_LIFETIME_S = 24 * 3600
MAX_TOKEN_CHARACTERS = 16 * 1024
_MAX_CLAIM_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a token says of itself, before anything is proven: which key it needs."""

    issuer: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Identity:
    """A proven job. `token_id` and `expires` (seconds since 1970) are for `used`; `claims` are labels."""

    authid: str
    issuer: str
    token_id: str
    expires: int
    claims: Mapping[str, str]


def claimed(token: str, issuers: Mapping[str, Issuer]) -> Claimed:
    """Which issuer and key a token names.

    Raises:
        RefusedTokenError: it is no token, or of an issuer or with an algorithm that the settings do not name.
    """
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise RefusedTokenError(f"the token has over {MAX_TOKEN_CHARACTERS} characters")
    try:
        header = jwt.get_unverified_header(token)
        name = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, TypeError) as exc:
        raise RefusedTokenError("the token is neither one of the configured ones nor a JSON Web Token") from exc
    issuer = issuers.get(name) if isinstance(name, str) else None
    if issuer is None:
        raise RefusedTokenError("the token's issuer is not allowed here")
    _require_algorithm(header, issuer)
    return Claimed(issuer.issuer, header["kid"])


def verified(token: str, issuer: Issuer, key: Any, now: float) -> Identity:
    """The job that a token proves.

    Args:
        token: as it was sent.
        issuer: the one that it names.
        key: the issuer's public key that it names.
        now: seconds since 1970.

    Raises:
        RefusedTokenError: says which check failed.
    """
    try:
        # Times, issuer and audience are checked below, by our clock and in our words.
        options: Any = dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss"), False)
        options |= {"verify_sub": False, "verify_jti": False, "verify_signature": True}
        claims = jwt.decode(token, key, algorithms=list(issuer.algorithms), options=options)
        _require_algorithm(jwt.get_unverified_header(token), issuer)
    except (jwt.PyJWTError, ValueError, TypeError) as exc:
        raise RefusedTokenError("the token's signature is wrong") from exc
    _require_names(claims, issuer)
    expires = _require_times(claims, now)
    for name, allowed in issuer.allow.items():
        if _told(claims.get(name)) not in allowed:
            raise RefusedTokenError(f"the token's {name} is not allowed here")
    labels = {f"{PREFIX}{name}": told for name in KEPT if (told := _told(claims.get(name)))}
    return Identity(_authid(claims), issuer.issuer, claims["jti"], expires, labels)


def _require_algorithm(header: Mapping[str, Any], issuer: Issuer) -> None:
    if header.get("alg") not in issuer.algorithms:
        raise RefusedTokenError(f"the token's algorithm is not allowed here; allowed: {', '.join(issuer.algorithms)}")
    if not isinstance(header.get("kid"), str) or not header["kid"]:
        raise RefusedTokenError("the token names no key (kid)")
    if "crit" in header:
        raise RefusedTokenError("the token demands an extension (crit) that is not known here")


def _require_names(claims: Mapping[str, Any], issuer: Issuer) -> None:
    if claims.get("iss") != issuer.issuer:
        raise RefusedTokenError("the token is of another issuer")
    audience = claims.get("aud")
    if issuer.audience not in (audience if isinstance(audience, list) else [audience]):
        raise RefusedTokenError(f"the token is made out for another audience than {issuer.audience}")
    for name in ("sub", "jti"):
        if not isinstance(claims.get(name), str) or not 0 < len(claims[name]) <= _MAX_CLAIM_CHARACTERS:
            raise RefusedTokenError(f"the token's {name} is missing")


def _require_times(claims: Mapping[str, Any], now: float) -> int:
    issued, expires, begins = (_seconds(claims, name) for name in ("iat", "exp", "nbf"))
    if issued is None or expires is None:
        raise RefusedTokenError("the token's iat or exp is missing")
    if expires + LEEWAY_S <= now:
        raise RefusedTokenError("the token has expired")
    if issued - LEEWAY_S > now or (begins is not None and begins - LEEWAY_S > now):
        raise RefusedTokenError("the token is not valid yet")
    if expires - issued > MAX_LIFETIME_S:
        raise RefusedTokenError(f"the token lives for over {MAX_LIFETIME_S // 3600} hours")
    return int(expires)


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RefusedTokenError(f"the token's {name} is no number")
    return value


def _authid(claims: Mapping[str, Any]) -> str:
    parts = [f"{name}/{told}" for name in IMMUTABLE if (told := _told(claims.get(name)))]
    return "/".join([str(claims["iss"]).rstrip("/"), *(parts or [f"sub/{claims['sub']}"])])[:4096]


def _told(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)[:_MAX_CLAIM_CHARACTERS]
