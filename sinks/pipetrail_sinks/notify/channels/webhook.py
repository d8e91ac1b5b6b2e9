"""Any receiver of HTTP: JSON with a signature by Standard Webhooks 1.0.

`webhook-id` is the same however often a message is sent: a receiver that remembers ids acts once. The time is the attempt's, so
that a receiver can refuse what is old. Of several secrets each signs, so that they can be rotated.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pipetrail_sinks.notify.alert import Alert
from pipetrail_sinks.notify.channels.channel import Delivery
from pipetrail_sinks.notify.channels.posting import PostingChannel
from pipetrail_sinks.notify.client import Client

PREFIX = "whsec_"
# Standard Webhooks 1.0, "Signature scheme": between 24 and 64 bytes.
_KEY_BYTES = range(24, 65)


def signing_key(secret: str) -> bytes:
    """The key in a secret.

    Raises:
        ValueError: it is none; the message does not hold it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as exc:
        raise ValueError(f"is no signing secret: {PREFIX} and base64") from exc
    if not secret.startswith(PREFIX) or len(key) not in _KEY_BYTES:
        raise ValueError(f"is no signing secret: {PREFIX} and base64 of 24 to 64 bytes")
    return key


def signature(keys: Sequence[bytes], identity: str, timestamp: int, body: bytes) -> str:
    """`webhook-signature`: a signature by each key, parted by spaces."""
    signed = f"{identity}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)


def payload(alert: Alert) -> dict[str, Any]:
    """The body: what happened, when, and all that is known."""
    return {"type": f"alert.{alert.kind}", "timestamp": alert.time.isoformat(), "data": alert.model_dump(mode="json")}


class WebhookChannel(PostingChannel):
    """Sends to one address."""

    service = "the receiver"
    wants_acknowledgements = True

    def __init__(self, client: Client, keys: Sequence[bytes], now: Callable[[], datetime]) -> None:
        super().__init__(client)
        self._keys = keys
        self._now = now

    def message(self, delivery: Delivery) -> dict[str, Any]:
        """See `PostingChannel`."""
        return payload(delivery.alert)

    def headers(self, delivery: Delivery, body: bytes) -> dict[str, str]:
        """See `PostingChannel`."""
        seconds = int(self._now().timestamp())
        return {
            "User-Agent": "pipetrail",
            "webhook-id": delivery.alert.id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": signature(self._keys, delivery.alert.id, seconds, body),
        }
