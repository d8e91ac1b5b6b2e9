"""Whatever else apprise knows: a text by its library, which is an extra (`pipetrail-sinks[apprise]`).

Apprise calls its services by itself: the check of targets does not apply, which the routes file must say it knows.
"""

import importlib
from typing import Any

from pipetrail_sinks.notify.channels.channel import Delivery
from pipetrail_sinks.notify.channels.mail import text_of
from pipetrail_sinks.notify.errors import ChannelDownError
from pipetrail_sinks.notify.lines import headline, mark

_TITLE = 150


class AppriseChannel:
    """Sends to one of apprise's addresses."""

    wants_acknowledgements = False

    def __init__(self, url: str) -> None:
        """Load the library.

        Raises:
            ValueError: it is not installed, or does not know such an address; the message does not hold the address.
        """
        try:
            library: Any = importlib.import_module("apprise")
        except ModuleNotFoundError as exc:
            raise ValueError("needs apprise, which is not installed: pip install pipetrail-sinks[apprise]") from exc
        self._apprise = library.Apprise()
        if not self._apprise.add(url):
            raise ValueError("is no address that apprise knows")

    def before(self) -> None:
        """Apprise cannot say what has arrived."""

    def send(self, delivery: Delivery) -> None:
        """See `Channel`."""
        alert = delivery.alert
        # It logs what went wrong by itself, and tells no more than that it did.
        if not self._apprise.notify(title=f"{mark(alert)} {headline(alert, _TITLE)}", body=text_of(alert)):
            raise ChannelDownError("apprise could not send it", uncertain=True)

    def close(self) -> None:
        """Nothing is held."""
