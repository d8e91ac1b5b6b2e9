"""What can go wrong in the collector.

PipetrailError
└── CollectorError
    ├── StoreError              the store cannot be read or written
    │   └── StoreFullError      it would grow beyond its bound
    ├── DamagedFrameError       bytes in the store are not what was written
    ├── RefusedTokenError       a token proves nobody: the sender is told which check failed
    └── KeysUnavailableError    an issuer's keys cannot be had now: the sender is told to come again
"""

from pipetrail_schemas.errors import PipetrailError


class CollectorError(PipetrailError):
    """Base of the collector's errors."""


class StoreError(CollectorError):
    """Raised when a delivery could not be made safe, or the store cannot be read; whoever sent it is told to come again."""

    exit_code = 74  # EX_IOERR of sysexits.h


class StoreFullError(StoreError):
    """Raised when a delivery would take the store over its bound. Nothing is thrown out to make room."""


class DamagedFrameError(CollectorError):
    """Raised on reading bytes that are no whole, unaltered frame. `resume` is where the next one may start."""

    exit_code = 65  # EX_DATAERR of sysexits.h

    def __init__(self, problem: str, resume: int) -> None:
        super().__init__(problem)
        self.resume = resume


class RefusedTokenError(CollectorError):
    """Raised when a bearer token is missing, wrong, expired, of another issuer or audience, or used before."""

    exit_code = 77  # EX_NOPERM of sysexits.h


class KeysUnavailableError(CollectorError):
    """Raised when the keys of an issuer cannot be fetched and none are held: the token may be good."""

    exit_code = 69  # EX_UNAVAILABLE of sysexits.h
