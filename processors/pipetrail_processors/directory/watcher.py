"""Keeps the reference data up to date without a restart. A folder that went bad keeps the last good data, and it is said so."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic

import structlog
from pipetrail_schemas.errors import SettingError

from pipetrail_processors.directory.reference import Reference, files_of, load_reference

# Seconds between looks at the folder: a correction is in force soon, and the looking costs nothing.
LOOK_EVERY_S = 5.0

Stamp = tuple[tuple[str, int, int], ...]

_log = structlog.get_logger("pipetrail.process")


def stamp_of(folder: Path) -> Stamp:
    """What tells one state of the folder from another: names, sizes and times of change of its files.

    Raises:
        SettingError: the folder or a file in it cannot be looked at.
    """
    stamp = []
    for path in files_of(folder):
        try:
            status = path.stat()
        except OSError as exc:
            raise SettingError("reference", f"{path} cannot be read: {exc}") from exc
        stamp.append((str(path), status.st_size, status.st_mtime_ns))
    return tuple(stamp)


class Watcher:
    """Gives the reference data as it is now."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = monotonic,
        stamp: Callable[[Path], Stamp] = stamp_of,
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        """Read the folder for the first time.

        Args:
            folder: the reference folder.
            clock: seconds that only grow.
            stamp: tells whether the folder has changed.
            every_s: how often to look.

        Raises:
            SettingError: the data is bad; there is no last good one yet.
        """
        self.problem = ""  # why the data in the folder is not in force; "": it is
        self._folder, self._clock, self._stamp, self._every_s = folder, clock, stamp, every_s
        self._looked = clock()
        self._seen = stamp(folder)
        self._reference = load_reference(folder)

    def current(self) -> Reference:
        """The reference data; looks at the folder when it is time."""
        now = self._clock()
        if now - self._looked >= self._every_s:
            self._looked = now
            self._look()
        return self._reference

    def _look(self) -> None:
        try:
            seen = self._stamp(self._folder)
            if seen == self._seen and not self.problem:
                return
            self._reference = load_reference(self._folder)
        except SettingError as exc:
            if str(exc) != self.problem:
                _log.error("reference data is bad; the last good one stays in force", reason=str(exc))
            self.problem = str(exc)
            return
        self._seen, self.problem = seen, ""
        _log.info("reference data read", files=len(seen))
