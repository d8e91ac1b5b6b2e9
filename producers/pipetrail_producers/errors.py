"""What can go wrong in a producer. Standard library only.

PipetrailError
├── SpoolError              the spool cannot be read or written
│   └── SpoolFullError      it would grow beyond its bound
├── DamagedRecordError      bytes in the spool are not what was written
└── UnreadableInputError    a file that was named (artifact, report, --data @file) cannot be used
"""

from pipetrail_schemas.errors import PipetrailError


class SpoolError(PipetrailError):
    """Raised when an event could not be written to the spool, or the spool cannot be read: the event is not recorded."""

    exit_code = 74  # EX_IOERR of sysexits.h


class SpoolFullError(SpoolError):
    """Raised when a record would take the spool over its bound. Nothing is thrown out to make room: the caller is told."""


class DamagedRecordError(PipetrailError):
    """Raised on decoding bytes that are no whole, unaltered spool record; the message says which check failed."""

    exit_code = 65  # EX_DATAERR of sysexits.h


class UnreadableInputError(PipetrailError):
    """Raised when a file that the command line names is absent, unreadable, or not in the format it should have."""

    exit_code = 66  # EX_NOINPUT of sysexits.h
