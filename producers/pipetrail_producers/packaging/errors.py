"""What can go wrong in `pipetrail init`. Standard library only.

PipetrailError
└── UnwrittenFileError    a file cannot be put where it belongs
"""

from pipetrail_schemas.errors import PipetrailError


class UnwrittenFileError(PipetrailError):
    """Raised before anything is written, naming every file that is in the way, and when a folder cannot be written."""

    exit_code = 73  # EX_CANTCREAT of sysexits.h
