"""What the channels have in common that are one POST of JSON to one address: Slack, Teams, PagerDuty, webhooks.

A channel says what it is called, what the message looks like, and, where that is more than the type of the content, with which
headers it goes and what of the answer is wanted later.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

from pipetrail_sinks.notify.channels.channel import Delivery, check
from pipetrail_sinks.notify.client import Answer, Client


class PostingChannel:
    """See `Channel`. `service` is how errors call it."""

    service: ClassVar[str]
    content_type: ClassVar[str] = "application/json"
    wants_acknowledgements: ClassVar[bool] = False

    def __init__(self, client: Client) -> None:
        self._client = client

    def before(self) -> None:
        """What is sent can be told apart by its id, or not at all: there is nothing to note."""

    def send(self, delivery: Delivery) -> str | None:
        """See `Channel`."""
        body = orjson.dumps(self.message(delivery))
        answer = self._client.post(body, {"Content-Type": self.content_type, **self.headers(delivery, body)})
        check(answer, self.service)
        return self.receipt(answer)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def message(self, delivery: Delivery) -> Mapping[str, Any]:
        """What is sent."""
        raise NotImplementedError

    def headers(self, delivery: Delivery, body: bytes) -> Mapping[str, str]:
        """Headers beside the type of the content."""
        del delivery, body
        return {}

    def receipt(self, answer: Answer) -> str | None:
        """What the conversation's next messages are to be sent with.

        Raises:
            ChannelDownError: the answer says that it did not arrive after all.
            MessageRefusedError: the answer says that it never will.
        """
        del answer
        return None
