"""What may go wrong between the notifier and its channels.

The tree that this module defines:

PipetrailError
└── SinkError
    ├── ChannelDownError    the channel takes nothing now; the same message is sent again later
    ├── MessageRefusedError the channel will never take this message as it is; others go on
    ├── TargetForbiddenError  the address of a channel may not be called (SSRF); raised before anything is sent
    └── StateError          the notifier's own state cannot be used: damaged, or in use by another notifier; the program stops
"""

from pipetrail_sinks.errors import SinkError


class ChannelDownError(SinkError):
    """Raised by `Channel.send`: no connection, no answer, too many requests, or the channel refuses us rather than the message.

    `retry_after`: seconds that the channel asked for, 0 if it did not. `uncertain`: the message may have arrived all the same.
    """

    def __init__(self, reason: str, *, retry_after: float = 0.0, uncertain: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.uncertain = uncertain


class MessageRefusedError(SinkError):
    """Raised by `Channel.send` when the channel says that the message itself is wrong."""


class TargetForbiddenError(SinkError):
    """Raised when an address is not https, not allowed, or leads to a private, local or otherwise special network."""


class StateError(SinkError):
    """Raised when the state file is damaged, of a later version, or held by another notifier."""
