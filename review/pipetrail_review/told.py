"""What systems tell, in rules' histories, as messages: each delivery through the system's own translator."""

from collections.abc import Iterator

from pipetrail_processors.detect.told import Told
from pipetrail_producers.message import message_of
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.fact import event
from pipetrail_producers.webhook.systems import PLACES, system
from pipetrail_producers.webhook.translation import UntranslatableError
from pipetrail_schemas.errors import SettingError


def translate(told: Told) -> Iterator[bytes]:
    """The messages of the deliveries, in their order.

    Raises:
        SettingError: there is no such system, or its translator cannot make sense of a delivery.
    """
    if told.by not in PLACES:
        raise SettingError("rules", f"told/{told.by}: there is no such system; allowed: {', '.join(PLACES)}")
    for number, one in enumerate(told.deliveries):
        headers = {name.lower(): text for name, text in one.headers.items()}
        try:
            facts = system(told.by).translate(Delivery(headers, one.payload, one.received, one.instance)).facts
        except UntranslatableError as exc:
            raise SettingError("rules", f"told/{told.by}: {told.says}: delivery {number}: {exc}") from exc
        for fact in facts:
            yield message_of(event(fact, recorded=one.received)).value
