"""Whatever happens to the spool's files, damage is found and reported, and what is whole is given back byte for byte."""

import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pipetrail_producers import spool_record
from pipetrail_producers.message import Message
from pipetrail_producers.spool import DAMAGED, Damaged, Entry, Spool

SEED = 20261123
CASES = 1000
ROOM = 1 << 26


def message(number: int) -> Message:
    """A message that differs from all others by its number."""
    return Message("pipetrail.events.v1", b"https://git.acme.example/shop", f'{{"n":{number}}}'.encode())


def damages(record: bytes, other: bytes, chance: random.Random) -> Iterator[bytes]:
    """Every byte flipped in one bit, the record cut before every byte, and random harm for the rest of the cases."""
    for position in range(len(record)):
        yield record[:position] + bytes([record[position] ^ 1 << chance.randrange(8)]) + record[position + 1 :]
    for position in range(len(record)):
        yield record[:position]
    while True:
        start = chance.randrange(len(record))
        end = chance.randrange(start, len(record)) + 1
        yield record[:start] + bytes(end - start) + record[end:]  # a block that the disk never got
        yield record[:start] + chance.randbytes(end - start) + record[end:]
        yield record + chance.randbytes(1 + chance.randrange(64))
        yield record[:start] + other[start:]  # two writers in one file
        yield record[start:] + record[:start]


def test_every_damage_is_found_and_the_rest_is_whole(tmp_path: Path) -> None:
    """1,000 cases: the damaged record is set aside, reported and unaltered; its neighbours come back as they were."""
    chance = random.Random(SEED)  # noqa: S311  # places, no secrets
    spool = Spool(tmp_path / "spool", max_bytes=ROOM)
    spool.add(message(1), message(2), message(3))
    before, path, after = spool.paths()
    record, other = path.read_bytes(), after.read_bytes()
    tried = 0
    for damaged in damages(record, other, chance):
        if damaged in {record, other}:  # no damage: the same bytes, or another whole record
            continue
        path.write_bytes(damaged)
        found = spool.read(path)
        assert isinstance(found, Damaged), damaged
        assert (found.path.parent.name, found.path.read_bytes(), found.reason != "") == (DAMAGED, damaged, True)
        assert spool.paths() == [before, after]
        found.path.unlink()
        tried += 1
        if tried == CASES:
            break
    whole = [spool.read(one) for one in (before, after)]
    assert [one.message for one in whole if isinstance(one, Entry)] == [message(1), message(3)]


_WRITER = """
import resource, sys
from pathlib import Path
from pipetrail_producers.errors import SpoolError
from pipetrail_producers.message import Message
from pipetrail_producers.spool import Spool
folder, longest = Path(sys.argv[1]), int(sys.argv[2])
spool = Spool(folder, max_bytes=1 << 26)
for limit in range(longest):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        spool.add(Message("t", b"k", b"v"))
    except SpoolError:
        continue
    sys.exit(f"told that it is safe with room for {limit} bytes")
"""


def test_where_no_space_is_left_nothing_is_promised(tmp_path: Path) -> None:
    """The disk takes 0, 1, 2 … bytes of a record and then no more: each time an error, and no half of a record is left."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    spool = Spool(tmp_path / "spool", max_bytes=ROOM)
    spool.add(message(1))
    longest = len(spool_record.encode(Message("t", b"k", b"v")))
    run = subprocess.run(
        [sys.executable, "-c", _WRITER, str(spool.folder), str(longest)], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert spool.recover() == []
    (path,) = spool.paths()
    entry = spool.read(path)
    assert isinstance(entry, Entry)
    assert entry.message == message(1)
