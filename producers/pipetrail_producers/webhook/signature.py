"""How a delivery proves which system sent it: signatures and tokens, by the schemes that the systems have. Pure.

Each scheme reads its own headers: GitHub's `X-Hub-Signature` is SHA-1 and Bitbucket's header of that name is SHA-256, so no
parser is shared. Every configured secret is tried, so that secrets can be rotated; comparisons take the same time wherever two
texts differ. What is proven is who sent it. Only Standard Webhooks prove when, too: elsewhere delivery id and time are
unsigned, and a replayed delivery is the same fact once more.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping, Sequence

from pipetrail_schemas.errors import PipetrailError

# Standard Webhooks 1.0, "Verifying webhook authenticity": the tolerance that its libraries have.
TOLERANCE_S = 5 * 60
# A secret that can be guessed proves nothing: 16 characters of a random text hold some 80 bits.
MIN_SECRET_CHARACTERS = 16
# https://docs.gitlab.com/user/compliance/audit_event_streaming/
_STREAMED = "x-gitlab-event-streaming-token"
SIGNING_PREFIX = "whsec_"
# Standard Webhooks 1.0, "Signature scheme": between 24 and 64 bytes.
_SIGNING_BYTES = range(24, 65)

Headers = Mapping[str, str]
Secrets = Sequence[str]


class UnprovenError(PipetrailError):
    """Raised when a delivery does not prove its sender; the message says which header is missing or wrong, and no more."""

    exit_code = 77  # EX_NOPERM of sysexits.h


def prove(scheme: str, headers: Headers, body: bytes, secrets: Secrets, now: float) -> str:
    """Check a delivery's proof.

    Args:
        scheme: one of SCHEMES.
        headers: names in lower case.
        body: as it came, before anything read it.
        secrets: each of them is good.
        now: seconds since 1970.

    Returns:
        How it was proven: "hmac" or "token".

    Raises:
        UnprovenError: the proof is missing or wrong.
    """
    return SCHEMES[scheme](headers, body, secrets, now)


def check_secret(scheme: str, secret: str) -> None:
    """Whether a secret can be one of a scheme's.

    Raises:
        ValueError: it is too short, or no signing key where one is needed; the message does not hold it.
    """
    if secret.startswith(SIGNING_PREFIX) or scheme == "standard-webhooks":
        _signing_key(secret)
    elif len(secret) < MIN_SECRET_CHARACTERS:
        raise ValueError(f"has {len(secret)} characters; at least {MIN_SECRET_CHARACTERS} are needed")


def _github(headers: Headers, body: bytes, secrets: Secrets, now: float) -> str:
    del now
    _require("x-hub-signature-256", headers, [_hex_signature(secret, body) for secret in secrets])
    return "hmac"


def _bitbucket(headers: Headers, body: bytes, secrets: Secrets, now: float) -> str:
    del now
    _require("x-hub-signature", headers, [_hex_signature(secret, body) for secret in secrets])
    return "hmac"


def _gitlab(headers: Headers, body: bytes, secrets: Secrets, now: float) -> str:
    """A signing key, where one is configured, or a plain token; streams of audit events have theirs in another header."""
    keys = [secret for secret in secrets if secret.startswith(SIGNING_PREFIX)]
    if keys and "webhook-signature" in headers:
        return _standard_webhooks(headers, body, keys, now)
    header = _STREAMED if _STREAMED in headers else "x-gitlab-token"
    _require(header, headers, [secret for secret in secrets if secret not in keys])
    return "token"


def _bearer(headers: Headers, body: bytes, secrets: Secrets, now: float) -> str:
    del body, now
    # RFC 6750, section 2.1. The scheme's name has no case, the token has.
    name, _, given = headers.get("authorization", "").partition(" ")
    token = given.strip() if name.lower() == "bearer" else _password(given.strip()) if name.lower() == "basic" else ""
    _require("authorization", {"authorization": token}, secrets)
    return "token"


def _password(given: str) -> str:
    """The password of HTTP Basic (RFC 7617): the token of senders that can only have it in the address (`https://any:TOKEN@…`)."""
    try:
        content = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        return ""
    if base64.b64encode(content).decode() != given:
        return ""
    return content.decode("utf-8", "replace").partition(":")[2]


def _standard_webhooks(headers: Headers, body: bytes, secrets: Secrets, now: float) -> str:
    """Standard Webhooks 1.0, section "Signature scheme"; its headers have another prefix where Svix sends them."""
    prefix = "svix" if "svix-signature" in headers and "webhook-signature" not in headers else "webhook"
    identity, sent = headers.get(f"{prefix}-id", ""), headers.get(f"{prefix}-timestamp", "")
    if not (identity and sent.isascii() and sent.isdigit() and len(sent) < len(str(2**63))):
        raise UnprovenError(f"{prefix}-id and {prefix}-timestamp are needed beside the signature")
    signed = f"{identity}.{sent}.".encode() + body
    good = [_signature(secret, signed) for secret in secrets]
    # Several signatures, parted by spaces: the sender, too, may be between two keys.
    given = [one.encode() for one in headers.get(f"{prefix}-signature", "").split(" ")]
    if not any([hmac.compare_digest(one, expected) for one in given for expected in good]):  # noqa: C419 - all of them, always
        raise UnprovenError(f"{prefix}-signature is missing or wrong")
    if abs(now - int(sent)) > TOLERANCE_S:
        raise UnprovenError(
            f"{prefix}-timestamp is more than {TOLERANCE_S // 60} minutes from now: replayed, or a clock is wrong"
        )
    return "hmac"


def _require(header: str, headers: Headers, good: Sequence[str]) -> None:
    given = headers.get(header, "").encode()
    if not given or not any([hmac.compare_digest(given, one.encode()) for one in good]):  # noqa: C419 - all of them, always
        raise UnprovenError(f"{header} is missing or wrong")


def _hex_signature(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()


def _signature(secret: str, signed: bytes) -> bytes:
    return b"v1," + base64.b64encode(hmac.digest(_signing_key(secret), signed, "sha256"))


def _signing_key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SIGNING_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SIGNING_PREFIX) or len(key) not in _SIGNING_BYTES:
        raise ValueError(f"is no signing key of Standard Webhooks: {SIGNING_PREFIX} and 24 to 64 bytes in base64")
    return key


SCHEMES: Mapping[str, Callable[[Headers, bytes, Secrets, float], str]] = {
    "github": _github,
    "gitlab": _gitlab,
    "bitbucket": _bitbucket,
    "standard-webhooks": _standard_webhooks,
    "bearer": _bearer,
}
