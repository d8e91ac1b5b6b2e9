"""What can go wrong on importing. Standard library only.

PipetrailError
└── ImportHistoryError       history could not be imported
    ├── NoRepositoryError    the folder is no git repository, or git is not installed
    ├── GitError             git failed half-way
    ├── UndeliveredError     not every event was acknowledged
    ├── RestError            a system's REST API gave no usable answer
    │   ├── NothingThereError  what was asked for does not exist, or may not be seen
    │   ├── AccessError        the token is not accepted, or does not suffice
    │   └── UnavailableError   no answer, or failures, for too long
    ├── SavedAnswerError     a saved answer cannot be read
    └── PositionError        the file that says how far an import came cannot be used
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


class RestError(ImportHistoryError):
    """Raised when an answer is a refusal, a redirect that must not be followed, or no JSON; the message names the address."""

    exit_code = 69  # EX_UNAVAILABLE of sysexits.h


class NothingThereError(RestError):
    """Raised on 404 and 410, and for an answer that was not saved."""

    exit_code = 66  # EX_NOINPUT of sysexits.h


class AccessError(RestError):
    """Raised on 401, and on 403 that is no rate limit."""

    exit_code = 77  # EX_NOPERM of sysexits.h


class UnavailableError(RestError):
    """Raised when every attempt failed with something that may pass; the same command goes on where it stopped."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h


class SavedAnswerError(ImportHistoryError):
    """Raised when a file of saved answers cannot be read, or is no JSON."""

    exit_code = 65  # EX_DATAERR of sysexits.h


class PositionError(ImportHistoryError):
    """Raised when the file that says how far an import came can be neither read nor written."""

    exit_code = 74  # EX_IOERR of sysexits.h
