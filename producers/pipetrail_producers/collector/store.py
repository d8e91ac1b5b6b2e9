"""The store's writing end: what is appended is safe on disk before anybody is told so.

One thread writes. All requests that wait while it syncs are written together and share the next sync (group commit), so that a
thousand a second cost a few hundred syncs. Segments are files of frames, numbered; a new one is begun at each start, when one
is long enough, and after a failed write, since nothing is known of a file whose write or sync failed. The store is bounded in
bytes; full is an error. Removing what was delivered is the reading end's matter (`backlog`).
"""

import asyncio
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from pipetrail_producers.collector import frame
from pipetrail_producers.collector.errors import StoreError, StoreFullError
from pipetrail_producers.durable import sync

SUFFIX = ".segment"
# Deliveries may hold what is not meant for other users of the machine.
FOLDER_MODE = 0o700
FILE_MODE = 0o600
# Small enough that a bounded store is given back in steps, large enough that a new file is seldom needed (3,000 deliveries).
SEGMENT_BYTES = 32 * 1024 * 1024
SALT_BYTES = 8
# How long the first of a group waits for others, seconds: at a thousand a second three share a sync and two changes of thread,
# which cost more than all else that is done for a delivery; nobody notices the wait.
GATHER_S = 0.003
_LOCK = ".lock"


class _Waiting(NamedTuple):
    frame: bytes
    done: "asyncio.Future[None]"


class Segment(NamedTuple):
    """A file of frames: its number, and the salt of its frames."""

    number: int
    salt: bytes
    path: Path


class Store:
    """A store in `folder`, for one event loop. `max_bytes` bounds all segments together."""

    def __init__(self, folder: Path, *, max_bytes: int, first: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        """`first` is the number of the first segment that is written; it must be higher than any there is."""
        self.folder = folder
        self.max_bytes = max_bytes
        self.problem = ""
        self._segment_bytes = segment_bytes
        self._number = first - 1
        self._file: int | None = None
        self._salt = os.urandom(SALT_BYTES)
        self._length = 0
        self._used = size(folder)
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._wake = threading.Condition()
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    @property
    def used(self) -> int:
        """Bytes of all segments, as far as this end knows."""
        return self._used

    def measure(self) -> None:
        """Look at what is there: the reading end has removed segments."""
        self._used = size(self.folder)

    async def append(self, content: bytes) -> None:
        """Write an entry; it is safe when this returns.

        Raises:
            StoreFullError: it does not fit; it was not written.
            StoreError: it could not be written, or not be synced: it may be there, and whoever sent it must send it again.
        """
        # Here and not in the writing thread, which would have to wait for the interpreter's lock after each of them.
        framed = frame.encode(content, self._salt)
        if self._used + self._waiting_bytes + len(framed) > self.max_bytes:
            raise StoreFullError(
                f"the store {self.folder} is full: {self._used} of {self.max_bytes} bytes (PIPETRAIL_COLLECT_STORE_BYTES)"
            )
        done = self._loop.create_future()
        with self._wake:
            if self._closing:
                raise StoreError("the collector is stopping")
            self._waiting.append(_Waiting(framed, done))
            self._waiting_bytes += len(framed)
            if len(self._waiting) == 1:
                self._wake.notify()
        # A sender who hangs up must not take the future with him: the writing thread resolves it all the same.
        await asyncio.shield(done)

    async def close(self) -> None:
        """Write what waits, and end."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._closing:
                    self._wake.wait()
            if not self._closing:
                time.sleep(GATHER_S)
            with self._wake:
                batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
            if not batch:
                break
            problem = self._commit([one.frame for one in batch])
            self._loop.call_soon_threadsafe(self._tell, batch, problem)
        self._end_segment()

    def _commit(self, frames: list[bytes]) -> str:
        try:
            if self._file is None or self._length >= self._segment_bytes:
                self._begin_segment()
            self._write(b"".join(frames))
        except OSError as exc:
            self._end_segment()
            self.problem = f"cannot write the store {self.folder}: {exc.strerror or exc}"
        else:
            self.problem = ""
        return self.problem

    def _write(self, data: bytes) -> None:
        if self._file is None:
            raise OSError("no segment is open")
        view = memoryview(data)
        while view:
            written = os.write(self._file, view)
            self._length += written
            self._used += written
            view = view[written:]
        os.fdatasync(self._file)

    def _begin_segment(self) -> None:
        self._end_segment()
        self._number += 1
        path = self.folder / f"{self._number:012d}-{self._salt.hex()}{SUFFIX}"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, FILE_MODE)
        sync(self.folder)

    def _end_segment(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
        self._file, self._length = None, 0

    def _tell(self, batch: list[_Waiting], problem: str) -> None:
        for one in batch:
            if one.done.done():
                continue
            if problem:
                one.done.set_exception(StoreError(problem))
            else:
                one.done.set_result(None)


@contextmanager
def owned(folder: Path, *, name: str = _LOCK) -> Iterator[None]:
    """Make the folder if need be, and be the only one who uses this end of the store in it.

    Raises:
        StoreError: another process does, or the folder cannot be made.
    """
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT, FILE_MODE)
    except OSError as exc:
        raise StoreError(f"cannot use the store {folder}: {exc.strerror or exc}") from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as exc:
        raise StoreError(f"the store {folder} is used by another collector; give this one its own PIPETRAIL_HOME") from exc
    finally:
        os.close(descriptor)  # which gives up the lock


def segments(folder: Path) -> list[Segment]:
    """The segments, in order."""
    names = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(SUFFIX))
    parts = ((name, *name.removesuffix(SUFFIX).split("-")) for name in names)
    return [Segment(int(number), bytes.fromhex(salt), folder / name) for name, number, salt in parts]


def size(folder: Path) -> int:
    """Bytes of all segments."""
    total = 0
    for segment in segments(folder):
        with suppress(FileNotFoundError):  # delivered and removed meanwhile
            total += segment.path.stat().st_size
    return total
