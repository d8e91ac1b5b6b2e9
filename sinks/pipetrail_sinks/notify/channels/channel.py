"""What every channel is: it takes one message at a time, and says whether it arrived."""

from dataclasses import dataclass
from typing import Protocol

from pipetrail_sinks.notify.alert import Alert
from pipetrail_sinks.notify.client import Answer
from pipetrail_sinks.notify.errors import ChannelDownError, MessageRefusedError

_OK = range(200, 300)
_TOO_MANY, _SERVER_ERROR = 429, 500
# What says that the message is wrong. Everything else between 300 and 500 says that the address, the key or the right is: that
# is put right by people, and the message then goes.
_ABOUT_THE_MESSAGE = frozenset({400, 406, 409, 411, 413, 415, 422})
# Of what a receiver says, characters that are kept for the log.
_REASON = 200


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way.

    `again`: an earlier attempt may have arrived, and `mark` is what `before` gave then. `thread` is what the conversation's
    first message gave back. `plain`: the receiver refused the message's layout; send the text alone.
    """

    alert: Alert
    again: bool = False
    mark: str | None = None
    thread: str | None = None
    plain: bool = False


class Channel(Protocol):
    """A way to people. Used by one thread."""

    @property
    def wants_acknowledgements(self) -> bool:
        """Whether it is told when a finding is acknowledged; people in a chat would only be disturbed."""

    def before(self) -> str | None:
        """Something to note before a message is sent, by which `send` can tell later whether it arrived."""

    def send(self, delivery: Delivery) -> str | None:
        """Send a message; it has arrived when this returns. What it returns is given with the conversation's next messages.

        Raises:
            ChannelDownError: it did not arrive, or may not have; send it again later.
            MessageRefusedError: it will never be taken like this.
        """

    def close(self) -> None:
        """Release what it holds."""


def check(answer: Answer, who: str) -> None:
    """Whether an HTTP answer says that the message has arrived.

    Raises:
        ChannelDownError: later, perhaps.
        MessageRefusedError: never, like this.
    """
    if answer.status in _OK:
        return
    said = " ".join(answer.body[: 4 * _REASON].decode("utf-8", "replace").split())[:_REASON]
    reason = f"{who} answers {answer.status}{f': {said}' if said else ''}"
    if answer.status in _ABOUT_THE_MESSAGE:
        raise MessageRefusedError(reason)
    # A gateway's error may follow a request that went through.
    uncertain = answer.status >= _SERVER_ERROR
    raise ChannelDownError(reason, retry_after=answer.retry_after, uncertain=uncertain)
