"""What can go wrong in `pipetrail init`. Standard library only.

PipetrailError
└── ExistingFileError    a file that would be written is there already and differs
"""

from pipetrail_schemas.errors import PipetrailError


class ExistingFileError(PipetrailError):
    """Raised before anything is written; names every file that is in the way."""

    exit_code = 73  # EX_CANTCREAT of sysexits.h
