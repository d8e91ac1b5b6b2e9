"""The way out of here: to the collector where one is configured, else to Kafka, else none. Standard library only.

What is not gone is not imported: neither an HTTP client by who sends to Kafka, nor librdkafka by who sends to a collector.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Protocol

from pipetrail_schemas import connection

from pipetrail_producers.delivery import Delivery, Undelivered
from pipetrail_producers.message import Message

COLLECTOR_VARIABLE = "PIPETRAIL_COLLECTOR_URL"
NOWHERE = "neither broker nor collector is configured (PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS, PIPETRAIL_COLLECTOR_URL)"


class Channel(Protocol):
    """A way out of here: `delivery.Delivery` to Kafka, `http_delivery.HttpDelivery` to the collector."""

    def send(self, message: Message) -> None:
        """Queue a message."""

    def settle(self, timeout_s: float, *, cancelled: Callable[[], bool] = ...) -> list[Undelivered]:
        """Wait for what was sent; what was not taken, in the order of sending."""


def channel_of(env: Mapping[str, str], collector: str | None) -> tuple[str, Channel | None]:
    """The way to the collector where one is configured, else to Kafka, else none; and a word for it, as a file's name.

    Args:
        env: the environment.
        collector: a collector's URL that was said on the command line; beats the environment.

    Raises:
        SettingError: a setting is malformed.
    """
    if collector or env.get(COLLECTOR_VARIABLE):
        # Who sends to Kafka pays for no HTTP client.
        from pipetrail_producers.collector_access import access_of  # noqa: PLC0415
        from pipetrail_producers.http_delivery import HttpDelivery  # noqa: PLC0415

        access = access_of(collector or env[COLLECTOR_VARIABLE], env)
        return f"collector-{hashlib.sha256(access.url.encode()).hexdigest()[:8]}", HttpDelivery(access)
    kafka = connection.load(env).kafka
    return ("nowhere", None) if kafka is None else ("kafka", Delivery(kafka))
