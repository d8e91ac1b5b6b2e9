"""The spool keeps its promise: what was added is there, whole, until it is removed; what is damaged is found and kept."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_producers import spool_record
from pipetrail_producers.errors import DamagedRecordError, SpoolError, SpoolFullError
from pipetrail_producers.message import Message
from pipetrail_producers.spool import DAMAGED, SUFFIX, Damaged, Entry, Spool
from support.wait import wait_for

ROOM = 64 * 1024 * 1024
WRITERS = 4
EACH = 25

messages = st.builds(
    Message,
    topic=st.text(min_size=1, max_size=20),
    key=st.binary(max_size=40),
    value=st.binary(max_size=200),
    headers=st.lists(st.tuples(st.text(max_size=10), st.binary(max_size=10)), max_size=3).map(tuple),
)


def message(number: int = 1) -> Message:
    """A message that differs from all others by its number."""
    return Message("pipetrail.events.v1", b"https://git.acme.example/shop", f'{{"n":{number}}}'.encode())


def waiting(spool: Spool) -> list[Message]:
    """The messages that wait, oldest first; fails on a damaged one."""
    entries = [spool.read(path) for path in spool.paths()]
    assert all(isinstance(entry, Entry) for entry in entries)
    return [entry.message for entry in entries if isinstance(entry, Entry)]


@given(messages)
def test_a_record_gives_back_the_message(written: Message) -> None:
    """Topic, key, value and headers come back as they were, byte for byte."""
    assert spool_record.decode(spool_record.encode(written)) == written


def test_every_torn_write_is_found() -> None:
    """A record cut after any of its bytes is refused, and so is one with bytes too many."""
    record = spool_record.encode(message())
    for torn in (*(record[:length] for length in range(len(record))), record + b"\0"):
        with pytest.raises(DamagedRecordError):
            spool_record.decode(torn)


def test_every_flipped_bit_is_found() -> None:
    """A record with any one bit flipped is refused."""
    record = spool_record.encode(message())
    for position in range(len(record) * 8):
        flipped = bytearray(record)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(DamagedRecordError):
            spool_record.decode(bytes(flipped))


def test_messages_wait_in_the_order_of_writing(tmp_path: Path) -> None:
    """What was added first comes first, over several calls and another object on the same folder."""
    Spool(tmp_path / "spool", max_bytes=ROOM).add(message(1), message(2))
    spool = Spool(tmp_path / "spool", max_bytes=ROOM)
    spool.add(message(3))
    assert waiting(spool) == [message(1), message(2), message(3)]


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    """Folder and files are closed to other users: events may hold what is not meant for them."""
    spool = Spool(tmp_path / "state" / "spool", max_bytes=ROOM)
    spool.add(message())
    modes = [path.stat().st_mode & 0o777 for path in (spool.folder, *spool.paths())]
    assert modes == [0o700, 0o600]


def test_a_spool_that_was_never_written_is_empty(tmp_path: Path) -> None:
    """Looking into a spool that does not exist finds nothing and creates nothing."""
    spool = Spool(tmp_path / "spool", max_bytes=ROOM)
    assert (spool.paths(), spool.recover(), spool.folder.exists()) == ([], [], False)


def test_what_is_removed_is_gone_and_the_rest_stays(tmp_path: Path) -> None:
    """Removing delivered entries leaves the others, and removing them twice is no error."""
    spool = Spool(tmp_path / "spool", max_bytes=ROOM)
    spool.add(message(1), message(2))
    first = spool.read(spool.paths()[0])
    assert isinstance(first, Entry)
    spool.remove([first])
    spool.remove([first])
    assert waiting(spool) == [message(2)]


def test_a_full_spool_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    """A message over the bound is refused, naming the setting; nothing is thrown out to make room."""
    size = len(spool_record.encode(message(1)))
    spool = Spool(tmp_path / "spool", max_bytes=2 * size)
    spool.add(message(1), message(2))
    with pytest.raises(SpoolFullError, match="PIPETRAIL_SPOOL_MAX_BYTES"):
        spool.add(message(3))
    assert waiting(spool) == [message(1), message(2)]


def test_several_messages_go_in_together_or_not_at_all_when_it_is_full(tmp_path: Path) -> None:
    """Where not all of them fit, none is written."""
    size = len(spool_record.encode(message(1)))
    spool = Spool(tmp_path / "spool", max_bytes=2 * size - 1)
    with pytest.raises(SpoolFullError):
        spool.add(message(1), message(2))
    assert waiting(spool) == []


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    """A file where the folder should be ends in a SpoolError that names the folder."""
    (tmp_path / "spool").write_text("in the way")
    with pytest.raises(SpoolError, match=str(tmp_path / "spool")):
        Spool(tmp_path / "spool", max_bytes=ROOM).add(message())


def test_a_damaged_record_is_set_aside_and_the_others_go_on(tmp_path: Path) -> None:
    """A record with a flipped bit is moved to its own folder, unaltered, and reported; it is not read again."""
    spool = Spool(tmp_path / "spool", max_bytes=ROOM)
    spool.add(message(1), message(2))
    path = spool.paths()[0]
    damaged_bytes = bytearray(path.read_bytes())
    damaged_bytes[-1] ^= 1
    path.write_bytes(damaged_bytes)
    found = spool.read(path)
    assert isinstance(found, Damaged)
    assert found.path.parent == spool.folder / DAMAGED
    assert found.path.read_bytes() == bytes(damaged_bytes)
    assert waiting(spool) == [message(2)]


def test_damaged_records_count_towards_the_bound(tmp_path: Path) -> None:
    """Damage does not let a spool grow without end."""
    size = len(spool_record.encode(message(1)))
    spool = Spool(tmp_path / "spool", max_bytes=size)
    spool.add(message(1))
    spool.paths()[0].write_bytes(b"x" * size)
    assert isinstance(spool.read(spool.paths()[0]), Damaged)
    with pytest.raises(SpoolFullError):
        spool.add(message(2))


def test_what_a_dead_writer_left_is_taken_up(tmp_path: Path) -> None:
    """A whole record whose writer died before the rename waits again; a torn one is set aside and reported."""
    spool = Spool(tmp_path / "spool", max_bytes=ROOM)
    spool.add(message(1))
    (spool.folder / "00000000000000000001-a.tmp").write_bytes(spool_record.encode(message(0)))
    (spool.folder / "00000000000000000002-b.tmp").write_bytes(spool_record.encode(message(0))[:-1])
    damaged = spool.recover()
    assert [one.path.name for one in damaged] == ["00000000000000000002-b.tmp"]
    assert waiting(spool) == [message(0), message(1)]


def test_two_do_not_deliver_at_once(tmp_path: Path) -> None:
    """While one delivers, another is told no; afterwards it is told yes."""
    spool = Spool(tmp_path / "spool", max_bytes=ROOM)
    spool.add(message())
    other = Spool(spool.folder, max_bytes=ROOM)
    with spool.delivering(wait_s=0) as first, other.delivering(wait_s=0) as second:
        assert (first, second) == (True, False)
    with other.delivering(wait_s=0) as later:
        assert later


def _write_many(folder: Path, writer: int) -> None:
    spool = Spool(folder, max_bytes=ROOM)
    for number in range(EACH):
        spool.add(message(writer * EACH + number))


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    """What several processes add at once is all there, each in its own order."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(tmp_path / "spool", writer)) for writer in range(WRITERS)]
    for process in writers:
        process.start()
    for process in writers:
        process.join()
    numbers = [int(one.value[5:-1]) for one in waiting(Spool(tmp_path / "spool", max_bytes=ROOM))]
    assert sorted(numbers) == list(range(WRITERS * EACH))
    for writer in range(WRITERS):
        own = [number for number in numbers if number // EACH == writer]
        assert own == sorted(own)


_ENDLESS_WRITER = """
import sys
from pathlib import Path
from pipetrail_producers.message import Message
from pipetrail_producers.spool import Spool
spool = Spool(Path(sys.argv[1]), max_bytes=1 << 30)
number = 0
while True:
    spool.add(Message("t", b"k", str(number).encode() + b" " * 4000))
    print(number, flush=True)
    number += 1
"""


@pytest.mark.parametrize("kill_after", [1, 5, 17])
def test_a_killed_writer_loses_nothing_that_it_was_told_is_safe(tmp_path: Path, kill_after: int) -> None:
    """Every message whose `add` had returned before a kill -9 is there and whole."""
    command = (sys.executable, "-c", _ENDLESS_WRITER, str(tmp_path / "spool"))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        promised = [int(process.stdout.readline()) for _ in range(kill_after)]
        os.kill(process.pid, signal.SIGKILL)
        promised += [int(line) for line in process.stdout if line.endswith(b"\n")]
    spool = Spool(tmp_path / "spool", max_bytes=1 << 30)
    spool.recover()
    found = {int(one.value) for one in waiting(spool)}
    assert found >= set(promised)


def test_a_writer_does_not_stumble_over_deliveries(tmp_path: Path) -> None:
    """Messages are added while another process removes what it has delivered, and none is lost or refused."""
    context = multiprocessing.get_context("spawn")
    writer = context.Process(target=_write_many, args=(tmp_path / "spool", 0))
    writer.start()
    spool = Spool(tmp_path / "spool", max_bytes=ROOM)
    delivered: list[Message] = []

    def deliver() -> bool:
        entries = [entry for path in spool.paths() if isinstance(entry := spool.read(path), Entry)]
        delivered.extend(entry.message for entry in entries)
        spool.remove(entries)
        return len(delivered) >= EACH

    wait_for(deliver, timeout_s=120, what="all messages to be delivered")
    writer.join()
    assert (writer.exitcode, delivered) == (0, [message(number) for number in range(EACH)])
    assert list(spool.folder.glob(f"*{SUFFIX}")) == []
