"""What can go wrong in a commit check. Standard library only.

PipetrailError
└── CheckError    the commits to judge cannot be read
"""

from pipetrail_schemas.errors import PipetrailError


class CheckError(PipetrailError):
    """Raised when there is nothing to judge: no such range, no message file, no repository. Not for a refused commit."""

    exit_code = 66  # EX_NOINPUT of sysexits.h
