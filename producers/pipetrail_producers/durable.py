"""What a crash of the machine must not take back. Standard library only."""

import os
from pathlib import Path


def sync(folder: Path) -> None:
    """Make a folder's names lasting: files that were made, renamed or removed in it.

    Raises:
        OSError: the folder cannot be opened or synced.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
