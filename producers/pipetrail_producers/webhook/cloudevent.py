"""The CloudEvent of a delivery, in either mode of the HTTP binding (CloudEvents 1.0, HTTP protocol binding, section 3). Pure.

The `content-type` decides which mode it is: `application/cloudevents+json` is structured, anything else is binary and has its
attributes in `ce-` headers. A delivery without these headers whose body looks like a CloudEvent is taken for one, too: relays
lose content types.
"""

from datetime import datetime
from typing import Any, NamedTuple

from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.payload import at, moment
from pipetrail_producers.webhook.translation import UntranslatableError
from pipetrail_producers.webhook.values import cut, name

_STRUCTURED = "application/cloudevents+json"


class CloudEvent(NamedTuple):
    """What translators need of a CloudEvent; `time` is the one of the envelope, else that of receipt."""

    type: str
    id: str
    source: str
    time: datetime
    data: Any


def read(delivery: Delivery) -> CloudEvent | None:
    """The CloudEvent; None where the delivery is none, or names no type."""
    payload, headers = delivery.payload, delivery.headers
    structured = headers.get("content-type", "").partition(";")[0].strip().lower() == _STRUCTURED
    if structured or ("ce-type" not in headers and at(payload, "specversion") and at(payload, "type")):
        found, data, prefix = payload, at(payload, "data"), ""
    else:
        found, data, prefix = headers, payload, "ce-"
    kind = name(found, f"{prefix}type")
    if kind is None:
        return None
    time = moment(found, f"{prefix}time") or delivery.received
    return CloudEvent(kind, name(found, f"{prefix}id") or "", name(found, f"{prefix}source") or "", time, data)


def required(found: str | None, system: str, kind: str, field: str) -> str:
    """The value of a field that this kind of delivery always has.

    Raises:
        UntranslatableError: it is None.
    """
    if found is None:
        # The kind is the sender's own text: it must not fill a log.
        raise UntranslatableError(f"{system} {cut(kind, 100)}: {field} is missing, or not what it always is")
    return found
