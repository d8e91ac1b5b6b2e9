"""Numbers the events of one agent, so that whoever reads them can see that one is missing. Standard library only.

A stream is what one spool folder on one machine sends one way (to Kafka, to a collector) between two starts of that machine;
its id is random, its numbers count from 0. Whoever watches one way sees no gap in what goes the other. The last number stands
in a file beside the spooled events and is taken under a lock, so that commands at the same time neither share a number nor
leave one out. It is not synced to the disk: a process that dies loses nothing of it, a machine that dies begins a new stream.
So does a build machine whose disk is thrown away after each job: no numbers are expected of it, and no gap is seen where there
is none. A number is taken when an event is ready to be sent; one whose process is killed right then, or which neither Kafka nor
the spool takes, leaves a gap, and that is what the gap says.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_FILE = ".stream-"
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
# Taking a number is a matter of microseconds. Who waits longer goes without rather than hold up a build.
LOCK_WAIT_S = 0.5
_LOCK_POLL_S = 0.001
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# The file's one line: stream, machine, next number. A longer file is not ours.
_MAX_BYTES = 400


class Place(NamedTuple):
    """An event's place in a stream: `pipetrail.delivery` of it."""

    stream: str
    sequence: int


def take(folder: Path, way: str, count: int) -> list[Place]:
    """The next places of the stream of a spool folder and a way, a word for a file's name; the folder is created where absent.

    Empty where the folder cannot be written or its lock is not given within LOCK_WAIT_S: an event without a number is better
    than none.
    """
    try:
        with _opened(folder, way) as file:
            stream, first = _read(file)
            _write(file, f"{stream} {_machine()} {first + count}\n")
    except OSError:
        return []
    return [Place(stream, first + number) for number in range(count)]


@contextmanager
def _opened(folder: Path, way: str) -> Iterator[int]:
    path = folder / f"{_FILE}{way}"
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, _FILE_MODE)
    except FileNotFoundError:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, _FILE_MODE)
    try:
        _lock(file)
        yield file
    finally:
        os.close(file)  # which gives up the lock


def _lock(file: int) -> None:
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_LOCK_POLL_S)


def _read(file: int) -> tuple[str, int]:
    """The stream and its next number; a new one where there is none, or it is of another machine or another start of this."""
    words = os.pread(file, _MAX_BYTES, 0).decode("ascii", "replace").split()
    if len(words) == 3 and words[1] == _machine() and words[2].isdigit():  # noqa: PLR2004  # stream, machine, next number
        return words[0], int(words[2])
    return uuid.uuid4().hex, 0


def _write(file: int, line: str) -> None:
    # One write over the old line, which is never longer: a stream's numbers only grow, and a new stream cuts the file first.
    content = line.encode()
    if os.fstat(file).st_size > len(content):
        os.ftruncate(file, 0)
    os.pwrite(file, content, 0)


def _machine() -> str:
    """This start of this machine; containers on one host are told apart by their names."""
    try:
        boot = _BOOT_ID.read_text().strip()
    except OSError:
        boot = "-"
    return "/".join((boot, *os.uname().nodename.split()))
