"""What systems tell, in rules' histories, as messages: each delivery through the system's own translator."""

import json
from collections.abc import Iterator

from pipetrail_processors.detect.rule import Told
from pipetrail_producers.message import message_of
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.fact import event
from pipetrail_producers.webhook.systems import system


def translate(told: Told) -> Iterator[bytes]:
    """The messages of the deliveries, in their order.

    Raises:
        KeyError: there is no such system.
        UntranslatableError: the system's translator cannot make sense of one.
    """
    for one in told.deliveries:
        # As the collector gets them: what YAML reads as a time or a number with a point is told as JSON.
        payload = json.loads(json.dumps(one.payload, default=str))
        headers = {name.lower(): value for name, value in one.headers.items()}
        for fact in system(told.by).translate(Delivery(headers, payload, one.received, one.instance)).facts:
            yield message_of(event(fact, recorded=one.received)).value
