"""The store: what was appended is there after whatever happens, in order; what is damaged is found and set aside."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_producers.collector import frame
from pipetrail_producers.collector.backlog import DAMAGED, Backlog, next_segment, read_place, waiting_bytes
from pipetrail_producers.collector.errors import DamagedFrameError, StoreError, StoreFullError
from pipetrail_producers.collector.store import Store, owned, segments
from support.wait import wait_for

SEED = 20261123
ROOM = 1 << 24
SALT = b"saltsalt"


def write(folder: Path, contents: list[bytes], *, segment_bytes: int = ROOM) -> None:
    """Append contents, all at once, as requests do."""

    async def work() -> None:
        store = Store(folder, max_bytes=ROOM, first=next_segment(folder), segment_bytes=segment_bytes)
        await asyncio.gather(*(store.append(content) for content in contents))
        await store.close()

    folder.mkdir(exist_ok=True)
    asyncio.run(work())


def read(folder: Path, *, piece_bytes: int = 1 << 16) -> list[bytes]:
    """All that waits."""
    return [item.content for item in Backlog(folder, piece_bytes=piece_bytes).read(100_000, ROOM)]


@pytest.mark.parametrize("piece_bytes", [16, 100, 1 << 20])
@pytest.mark.parametrize("segment_bytes", [1, 300, ROOM])
def test_what_was_appended_is_read_in_order(tmp_path: Path, piece_bytes: int, segment_bytes: int) -> None:
    """Whatever the sizes of segments and of what is read at once, everything comes, once, in order."""
    contents = [os.urandom(size) for size in (0, 1, 50, 200, 5000, 3)] * 3
    for content in contents:
        write(tmp_path, [content], segment_bytes=segment_bytes)
    assert read(tmp_path, piece_bytes=piece_bytes) == contents


def test_what_was_delivered_is_forgotten(tmp_path: Path) -> None:
    """After `done`, a new reader goes on where the last one stopped, and whole segments are gone."""
    contents = [bytes([number]) * 100 for number in range(20)]
    write(tmp_path, contents[:10], segment_bytes=300)
    write(tmp_path, contents[10:], segment_bytes=300)
    backlog = Backlog(tmp_path)
    assert [item.content for item in backlog.read(15, ROOM)] == contents[:15]
    assert read(tmp_path) == contents  # nothing is forgotten before it is done
    backlog.done()
    assert read(tmp_path) == contents[15:]
    assert waiting_bytes(tmp_path, read_place(tmp_path)) == 5 * (100 + frame.HEADER_BYTES)
    assert len(segments(tmp_path)) == 1
    assert next_segment(tmp_path) > segments(tmp_path)[-1].number


def test_a_reader_follows_the_writer(tmp_path: Path) -> None:
    """What is appended while a reader is there comes to it, in the same segment and in the next."""

    async def work() -> None:
        store = Store(tmp_path, max_bytes=ROOM, first=1, segment_bytes=250)
        backlog = Backlog(tmp_path)
        for number in range(20):
            assert backlog.read(10, ROOM) == []
            await store.append(b"%d" % number * 50)
            assert [item.content for item in backlog.read(10, ROOM)] == [b"%d" % number * 50]
            backlog.done()
        await store.close()

    asyncio.run(work())


def test_a_read_is_bounded_in_bytes(tmp_path: Path) -> None:
    """However many there are, a reader takes only so much into memory, and always at least one."""
    write(tmp_path, [b"x" * 1000] * 10)
    backlog = Backlog(tmp_path)
    assert [len(backlog.read(100, size)) for size in (1, 2500, 1)] == [1, 3, 1]


def test_requests_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred appends at once cost a few syncs, and none returns before the sync that holds it."""
    synced: list[int] = []
    real = os.fdatasync

    def counted(file: int) -> None:
        real(file)
        synced.append(os.fstat(file).st_size)

    monkeypatch.setattr(os, "fdatasync", counted)
    write(tmp_path, [b"x" * 100] * 100)
    assert len(synced) <= 5
    assert synced[-1] == 100 * (100 + frame.HEADER_BYTES)


def test_full_is_an_error_and_nothing_is_thrown_out(tmp_path: Path) -> None:
    """What does not fit is refused, what is there stays, and what was delivered makes room."""

    async def work() -> None:
        store = Store(tmp_path, max_bytes=900, first=1, segment_bytes=1)
        for _ in range(6):
            await store.append(b"x" * 90)
        with pytest.raises(StoreFullError, match="PIPETRAIL_COLLECT_STORE_BYTES"):
            await store.append(b"x" * 90)
        assert len(read(tmp_path)) == 6
        backlog = Backlog(tmp_path)
        backlog.read(6, ROOM)
        backlog.done()
        store.measure()
        await store.append(b"x" * 90)
        await store.close()

    asyncio.run(work())


def test_a_failed_write_is_told_to_all_who_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a sync fails nobody is told that his delivery is safe; the next one goes to a new segment and is."""

    def broken(_file: int) -> None:
        raise OSError(28, "No space left on device")

    async def work() -> None:
        store = Store(tmp_path, max_bytes=ROOM, first=1)
        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", broken)
            told = await asyncio.gather(*(store.append(b"lost") for _ in range(3)), return_exceptions=True)
            assert [type(one) for one in told] == [StoreError] * 3
            assert "No space left" in store.problem
        await store.append(b"safe")
        assert store.problem == ""
        await store.close()

    asyncio.run(work())
    assert read(tmp_path)[-1] == b"safe"
    assert len(segments(tmp_path)) == 2


def test_two_collectors_do_not_share_a_store(tmp_path: Path) -> None:
    """The second one is told at its start."""
    with owned(tmp_path), pytest.raises(StoreError, match="another collector"), owned(tmp_path):
        pass


def test_a_torn_end_is_passed_over(tmp_path: Path) -> None:
    """A segment that was cut at any byte gives all whole entries before the cut, and what comes after it."""
    whole = [b"first entry", b"second entry"]
    for cut in range(1, frame.HEADER_BYTES + len(whole[1]), 3):
        folder = tmp_path / str(cut)
        write(folder, whole)
        path = segments(folder)[0].path
        os.truncate(path, path.stat().st_size - cut)
        write(folder, [b"later"])
        assert read(folder) == [whole[0], b"later"]


def test_altered_bits_are_found(tmp_path: Path) -> None:
    """One bit altered anywhere: every other entry comes as it was, the altered one does not, and its bytes are set aside."""
    chance = random.Random(SEED)  # noqa: S311 - seeded, so that it can be repeated
    contents = [chance.randbytes(60) for _ in range(5)]
    write(tmp_path, contents)
    write(tmp_path, [b"later"])
    path = segments(tmp_path)[0].path
    good = path.read_bytes()
    length = len(good) // len(contents)
    for _ in range(200):
        at = chance.randrange(len(good))
        path.write_bytes(good[:at] + bytes([good[at] ^ 1 << chance.randrange(8)]) + good[at + 1 :])
        backlog = Backlog(tmp_path)
        found = [item.content for item in backlog.read(100, ROOM)]
        assert found == [one for number, one in enumerate(contents) if number != at // length] + [b"later"], f"seed {SEED}"
        assert backlog.damaged
        assert {one.parent.name for one in backlog.damaged} == {DAMAGED}


def test_nobody_can_send_a_frame(tmp_path: Path) -> None:
    """A body that holds the bytes of a frame is never read as one, not even from a damaged segment: frames are salted."""
    forged = frame.encode(b"forged", SALT)
    write(tmp_path, [b"x" + forged + b"y", b"good"])
    path = segments(tmp_path)[0].path
    data = bytearray(path.read_bytes())
    data[12] ^= 1  # the length of the first frame
    path.write_bytes(bytes(data))
    write(tmp_path, [b"later"])
    assert read(tmp_path) == [b"good", b"later"]


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=300), at=st.integers(0, 400), extra=st.binary(max_size=20))
def test_a_frame_gives_back_its_body_or_nothing(body: bytes, at: int, extra: bytes) -> None:
    """A frame followed by anything decodes to its body; a part of it to nothing; with another salt it is damaged."""
    data = frame.encode(body, SALT)
    assert frame.decode(data + extra, 0, SALT) == (body, len(data))
    if at < len(data):
        assert frame.decode(data[:at], 0, SALT) is None
    with pytest.raises(DamagedFrameError):
        frame.decode(data, 0, b"othersalt")


WRITER = """
import asyncio, sys
from pathlib import Path
from pipetrail_producers.collector.store import Store
from pipetrail_producers.collector.backlog import next_segment

async def one(store, number):
    await store.append(b"%d" % number)
    print(number, flush=True)

async def main():
    folder = Path(sys.argv[1])
    store = Store(folder, max_bytes=1 << 24, first=next_segment(folder), segment_bytes=2000)
    number = int(sys.argv[2])
    while True:
        await asyncio.gather(*(one(store, number + more) for more in range(7)))
        number += 7

asyncio.run(main())
"""


def _is_longer(path: Path, size: int) -> bool:
    return path.stat().st_size > size


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """A writer that is killed at ten random points: every number that it was told is safe is there afterwards."""
    chance = random.Random(SEED)  # noqa: S311 - seeded, so that it can be repeated
    acknowledged: set[bytes] = set()
    for attempt in range(10):
        output = tmp_path / f"output-{attempt}"
        with output.open("wb") as file:
            arguments = [sys.executable, "-c", WRITER, str(tmp_path), str(attempt * 1_000_000)]
            with subprocess.Popen(arguments, stdout=file) as process:
                wanted = chance.randrange(1, 2000)
                wait_for(partial(_is_longer, output, wanted), timeout_s=120, what="numbers")
                process.send_signal(signal.SIGKILL)
        lines = output.read_bytes().split(b"\n")
        acknowledged |= set(lines[:-1])
    assert acknowledged <= set(read(tmp_path)), f"seed {SEED}"
    assert len(acknowledged) > 100
