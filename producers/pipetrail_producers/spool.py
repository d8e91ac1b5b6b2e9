"""The spool: a folder in which events wait while Kafka is away. Standard library only.

What it promises: when `add` has returned, the event survives a crash of the process and of the machine, and it is removed by
nobody but `remove`, which is called after an error-free delivery report. Hence:

- A record is written to a temporary file, synced, renamed, and the folder is synced, before `add` returns.
- Writers and readers exclude each other by a lock on the folder, held for one operation. Two that deliver at once exclude
  each other by `delivering`, so that nothing is sent twice needlessly.
- It is bounded in bytes, damaged records included. Full is an error; nothing is thrown out to make room.
- A damaged record is moved to `damaged/` and reported, never removed and never sent.

Names of records start with the time at which they were written, so that their order is the order of writing.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from pipetrail_producers import spool_record
from pipetrail_producers.durable import sync
from pipetrail_producers.errors import DamagedRecordError, SpoolError, SpoolFullError
from pipetrail_producers.message import Message

SUFFIX = ".event"
_TEMPORARY = ".tmp"
DAMAGED = "damaged"
_LOCK = ".lock"
_DELIVERY_LOCK = ".delivering"
# Events may hold what is not meant for other users of a build machine.
_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
# Longer than operations under the lock take one after the other on a slow disk; beyond it something is wrong, and we say so.
LOCK_WAIT_S = 30.0
_LOCK_POLL_S = 0.01


class Damaged(NamedTuple):
    """A record that was set aside: where it is now, and what is wrong with it."""

    path: Path
    reason: str


class Entry(NamedTuple):
    """A record that waits: its file and its message."""

    path: Path
    message: Message


class Spool:
    """A spool in `folder`, which is created on the first write. `max_bytes` bounds all files in it together."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self.folder = folder
        self._max_bytes = max_bytes

    def add(self, *messages: Message) -> None:
        """Write messages; all of them are safe when this returns.

        Raises:
            SpoolFullError: they do not fit; none of them was written.
            SpoolError: the folder cannot be written, or stayed locked for LOCK_WAIT_S.
        """
        records = [spool_record.encode(message) for message in messages]
        with _as_spool_error(self.folder, "write"):
            self._create()
            with self._writing():
                self._require_room(sum(map(len, records)))
                for record in records:
                    self._write(record)
                sync(self.folder)

    def paths(self) -> list[Path]:
        """The files of the records that wait, oldest first, unread. A spool that was never written is empty.

        Raises:
            SpoolError: the folder cannot be read.
        """
        with _as_spool_error(self.folder, "read"):
            if not self.folder.is_dir():
                return []
            return sorted(Path(entry.path) for entry in os.scandir(self.folder) if entry.name.endswith(SUFFIX))

    def read(self, path: Path) -> Entry | Damaged | None:
        """The record in a file of `paths()`; a damaged one is set aside. None: another process has delivered it meanwhile.

        Raises:
            SpoolError: the file cannot be read.
        """
        with _as_spool_error(self.folder, "read"):
            try:
                return Entry(path, spool_record.decode(path.read_bytes()))
            except FileNotFoundError:
                return None
            except DamagedRecordError as exc:
                return self._set_aside(path, str(exc))

    def remove(self, entries: list[Entry]) -> None:
        """Forget records whose delivery was confirmed.

        Raises:
            SpoolError: a file could not be removed; it will be delivered again, which its id makes harmless.
        """
        with _as_spool_error(self.folder, "write"):
            for entry in entries:
                entry.path.unlink(missing_ok=True)
            if entries:
                sync(self.folder)

    def recover(self) -> list[Damaged]:
        """Take up what writers left that died before their rename: whole records wait again, torn ones are set aside.

        Nobody was told that these are recorded, but throwing them away would still lose what can be kept.

        Raises:
            SpoolError: the folder cannot be written, or stayed locked for LOCK_WAIT_S.
        """
        with _as_spool_error(self.folder, "write"):
            if not self.folder.is_dir():
                return []
            with self._writing():
                left = sorted(Path(entry.path) for entry in os.scandir(self.folder) if entry.name.endswith(_TEMPORARY))
                return [damaged for path in left if (damaged := self._recover_one(path)) is not None]

    @contextmanager
    def delivering(self, *, wait_s: float) -> Iterator[bool]:
        """Be the only one who delivers from this spool; yields False when another process still does after `wait_s` seconds.

        Raises:
            SpoolError: the lock cannot be created.
        """
        with ExitStack() as stack:
            with _as_spool_error(self.folder, "lock"):
                alone = stack.enter_context(self._lock(_DELIVERY_LOCK, wait_s))
            yield alone

    def _create(self) -> None:
        missing = [folder for folder in (self.folder, *self.folder.parents) if not folder.is_dir()]
        self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        for folder in missing:  # a new folder's name is as lasting as the folder that holds it
            sync(folder.parent)

    def _require_room(self, size: int) -> None:
        used = _size(self.folder) + _size(self.folder / DAMAGED)
        if used + size > self._max_bytes:
            raise SpoolFullError(
                f"the spool {self.folder} is full: {used} bytes of {self._max_bytes} (PIPETRAIL_SPOOL_MAX_BYTES) are used and "
                f"{size} more are needed; `pipetrail flush` empties it once Kafka can be reached"
            )

    def _write(self, record: bytes) -> None:
        # Nanoseconds sort, the UUID keeps two writers within one tick of the clock apart.
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}"
        temporary = self.folder / f"{name}{_TEMPORARY}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(record)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        temporary.rename(self.folder / f"{name}{SUFFIX}")

    def _recover_one(self, path: Path) -> Damaged | None:
        try:
            spool_record.decode(path.read_bytes())
        except DamagedRecordError as exc:
            return self._set_aside(path, f"its writer died before it was recorded: {exc}")
        path.rename(path.with_suffix(SUFFIX))
        sync(self.folder)
        return None

    def _set_aside(self, path: Path, reason: str) -> Damaged:
        target = self.folder / DAMAGED / path.name
        target.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        path.rename(target)
        sync(target.parent)
        sync(self.folder)
        return Damaged(target, reason)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock(_LOCK, LOCK_WAIT_S) as locked:
            if not locked:
                raise SpoolError(f"the spool {self.folder} is locked by another process for over {LOCK_WAIT_S:g} s")
            yield

    @contextmanager
    def _lock(self, name: str, wait_s: float) -> Iterator[bool]:
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, _FILE_MODE)
        try:
            deadline = time.monotonic() + wait_s
            while not (locked := _try_lock(descriptor)) and time.monotonic() < deadline:
                time.sleep(_LOCK_POLL_S)
            yield locked
        finally:
            os.close(descriptor)  # which gives up the lock


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size(folder: Path) -> int:
    """Bytes of the files in a folder; 0 where there is none. A file that is delivered and removed meanwhile does not count."""
    total = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                total += entry.stat().st_size if entry.is_file() else 0
    return total


@contextmanager
def _as_spool_error(folder: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise SpoolError(f"cannot {verb} the spool {folder}: {exc.strerror or exc}") from exc
