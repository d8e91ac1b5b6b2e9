"""What a sink may raise. No exception of Kafka's or OpenSearch's client leaves this room.

The tree that this module defines:

PipetrailError
└── SinkError
    ├── BackPressureError     the target takes no more now; the same flush is to be called again later
    ├── UnindexableError      one message cannot become a document: it is refused, the others go on
    ├── TargetRefusedError    the target will not have us (credentials, rights, not an OpenSearch): the program stops
    ├── BrokerError           Kafka will not have us (rights, missing topic, fatal client error): the program stops
    └── MappingConflictError  an index exists whose mapping contradicts ours: nothing was changed
"""

from pipetrail_schemas.errors import PipetrailError


class SinkError(PipetrailError):
    """Base of this room's errors."""


class BackPressureError(SinkError):
    """Raised by `Sink.flush` when some items could be neither written nor refused; nothing of them is lost.

    `retry_after` is in seconds; `reason` is what the target said.
    """

    def __init__(self, reason: str, *, retry_after: float) -> None:
        super().__init__(f"{reason}; next try in {retry_after:.1f} s")
        self.reason = reason
        self.retry_after = retry_after


class UnindexableError(SinkError):
    """Raised when a message has no id, no time or no JSON, so that no document can be made of it."""


class TargetRefusedError(SinkError):
    """Raised when the target refuses this program rather than an item: wrong password, missing right, wrong address."""


class BrokerError(SinkError):
    """Raised when Kafka refuses this program: no right to read or write, a topic that is missing, a client beyond repair."""


class MappingConflictError(SinkError):
    """Raised by `indices apply` before it changes anything: an existing index maps a field in another, incompatible way."""
