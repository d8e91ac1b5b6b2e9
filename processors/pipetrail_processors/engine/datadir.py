"""The folder that one worker keeps its state in. Two workers in one folder would destroy it, so it is locked."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipetrail_schemas.errors import SettingError

_SETTING = "PIPETRAIL_PROCESS_DATADIR"
_LOCK_FILE = "lock"
# Workers of one machine: as many as a topic has partitions are of use.
_MAX_WORKERS = 1000


@contextmanager
def datadir(home: Path, explicit: Path | None) -> Iterator[Path]:
    """The folder for a worker, made when missing and locked until the end of the block or of the process.

    Raises:
        SettingError: the folder cannot be written, or another worker has it.
    """
    candidates = [explicit] if explicit else [home / "state" / f"processor-{number}" for number in range(_MAX_WORKERS)]
    for folder in candidates:
        descriptor = _lock(folder)
        if descriptor is not None:
            try:
                yield folder
            finally:
                os.close(descriptor)
            return
    raise SettingError(_SETTING, f"{candidates[0]} is in use by another worker; each needs a folder of its own")


def _lock(folder: Path) -> int | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise SettingError(_SETTING, f"{folder} cannot be written: {exc.strerror}") from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
