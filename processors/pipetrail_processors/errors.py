"""What goes wrong in the processors' engine. The pure core raises `InvalidEventError` and nothing of this.

PipetrailError
└── EngineError
    ├── BrokerError     Kafka cannot be reached, refuses, or did not take what was written
    ├── TopicsError     the topics are not as the processors need them; says which and what to do
    ├── StateError      the state on disk cannot be read or written
    ├── LostStateError  the state of a partition is whole neither on disk nor in its changelog
    ├── TooLargeError   an event's result does not fit into a message; the event becomes a dead letter
    └── ReplayError     a replay cannot go on: a process of it died, or its source cannot be read
"""

from pipetrail_schemas.errors import PipetrailError


class EngineError(PipetrailError):
    """Base of this room's errors."""


class BrokerError(EngineError):
    """Raised when Kafka is needed and does not do what it is asked for; nothing that depended on it is acknowledged."""

    exit_code = 69  # EX_UNAVAILABLE of sysexits.h


class TopicsError(EngineError):
    """Raised at start when a topic is missing, or has a number of partitions that does not go with the others."""

    exit_code = 78  # EX_CONFIG


class StateError(EngineError):
    """Raised when the key-value store fails. It is about the machine, not about an event: the process ends."""

    exit_code = 74  # EX_IOERR


class LostStateError(EngineError):
    """Raised when a partition's state cannot be had any more; says what can be done. Going on would be silently wrong."""

    exit_code = 65  # EX_DATAERR


class TooLargeError(EngineError):
    """Raised when a message or a value of the state is larger than Kafka takes."""

    exit_code = 65  # EX_DATAERR


class ReplayError(EngineError):
    """Raised when a replay cannot be brought to its end; it has published nothing."""
