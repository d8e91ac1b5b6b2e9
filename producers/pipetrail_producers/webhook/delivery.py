"""One delivery of a webhook, as it came, and how its sender was proven. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Proof:
    """How a delivery's sender was established: `authtype` and `authid` of its events.

    `method` is "hmac", "token", "oidc", or "none" for a source that is configured as unsigned. What is proven is that the
    configured system sent it, not that the person it names did it.
    """

    method: str
    authid: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a translator may look at.

    Args:
        headers: names in lower case.
        payload: the body, decoded from JSON.
        received: when the collector took it; the time of an event whose payload names none.
        instance: base URL of the sending system where the settings name it; else translators take it from the payload's URLs.
        settings: the source's own settings (the mapping of a generic source, which branch is the trunk …).
    """

    headers: Mapping[str, str]
    payload: Any
    received: datetime
    instance: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
