"""What can go wrong on importing. Standard library only.

PipetrailError
└── ImportHistoryError       history could not be imported
├── NoRepositoryError    the folder is no git repository, or git is not installed
├── GitError             git failed half-way
└── UndeliveredError     not every event was acknowledged
"""

from pipetrail_schemas.errors import PipetrailError


class ImportHistoryError(PipetrailError):
    """Base of all that an import raises; importing again is always safe, since the same fact has the same id."""


class NoRepositoryError(ImportHistoryError):
    """Raised before anything is sent: there is nothing to import from; the message says what git said."""

    exit_code = 66  # EX_NOINPUT of sysexits.h


class GitError(ImportHistoryError):
    """Raised when git ends with an error or sends what it should not; the message holds the end of what it said."""


class UndeliveredError(ImportHistoryError):
    """Raised when the broker refused events, or did not acknowledge them in time; the message counts them."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h
