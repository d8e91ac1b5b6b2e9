"""Who keeps a state sees that it is whole: in which order disk, changelog and marks are mended. Kafka is in memory."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, cast

import pytest
from pipetrail_processors.engine.custody import Custody
from pipetrail_processors.engine.lineage import Log, Mark, NotOursError
from pipetrail_processors.errors import LostStateError

if TYPE_CHECKING:
    from pipetrail_processors.engine.store import StateStore
    from pipetrail_processors.transport.outbox import Outbox

PARTITION = 5


class Memory:
    """Stands for one partition's changelog, disk and committed offsets, and writes down what is done, in order."""

    topic = "group-state-changelog"

    def __init__(self, log: Log, mark: Mark | None = None, made_of: bytes | None = None, offset: int | None = None) -> None:
        self.log = log
        self.committed = mark
        self.made_of = made_of
        self.offset = offset
        self.values = {b"a": b"1", b"b": b"2"}
        self.done: list[str] = []
        self.custody = Custody(
            self,
            lambda: cast("StateStore", self),
            cast("Outbox", self),
            lambda: self,
            give_up=lambda: False,
        )

    def look(self, partitions: Collection[int], _within_s: float) -> Mapping[int, Log]:
        """As Changelog."""
        return dict.fromkeys(partitions, self.log)

    async def committed_marks(self, partitions: Collection[int]) -> Mapping[int, Mark | None]:
        """As BatchConsumer."""
        return dict.fromkeys(partitions, self.committed)

    async def commit_marks(self, partitions: Collection[int]) -> None:
        """As BatchConsumer."""
        (partition,) = partitions
        self.committed = Mark.parse(self.custody.mark(partition))
        self.done.append("commit")

    def put_into(self, _topic: str, _partition: int, key: bytes, _value: bytes, delivered: Callable[[int], None]) -> None:
        """As Outbox."""
        delivered(self.log.end)
        self.log = self.log._replace(end=self.log.end + 1)
        self.done.append(key.decode())

    def flush(self, _give_up: Callable[[], bool]) -> None:
        """As Outbox."""
        self.done.append("flush")

    def reached(self, _partition: int) -> int | None:
        """As StateStore."""
        return self.offset

    def noted(self, _partition: int, _name: bytes) -> bytes | None:
        """As StateStore."""
        return self.made_of

    def note(self, _partition: int, _name: bytes, value: bytes) -> None:
        """As StateStore."""
        self.made_of = value
        self.done.append("note")

    def write(self, _partition: int, _changes: Mapping[bytes, bytes | None], offset: int) -> None:
        """As StateStore."""
        self.offset = offset
        self.done.append("disk")

    def kept(self, _partition: int) -> Iterator[tuple[bytes, bytes]]:
        """As StateStore."""
        yield from self.values.items()

    def empty(self, _partition: int) -> None:
        """As StateStore."""
        self.made_of = self.offset = None
        self.values.clear()
        self.done.append("empty")

    async def take(self, is_ours: Callable[[], bool] = lambda: True) -> None:
        """What a worker does before it works on the partition; the changelog has nothing to fill the disk with."""
        due = await self.custody.take([PARTITION])
        if PARTITION not in due.not_to_fill:
            self.custody.filled([PARTITION])
        await self.custody.write_anew(due.to_write_anew, is_ours)


def test_a_state_that_is_whole_is_left_alone() -> None:
    """Nothing is written, and the mark to be committed is the one that was."""
    memory = Memory(Log("t", 0, 10), Mark("t", 0, 9), b"t 0", 9)
    asyncio.run(memory.take())
    assert memory.done == []
    assert memory.custody.mark(PARTITION) == Mark("t", 0, 9).text()


def test_a_disk_of_another_changelog_is_emptied() -> None:
    """It is filled anew from where the changelog holds all of the state."""
    memory = Memory(Log("t", 0, 10), Mark("t", 4, 9), b"u 0", 99)
    asyncio.run(memory.take())
    assert (memory.done, memory.made_of, memory.offset) == (["empty", "note", "disk"], b"t 4", 3)


def test_the_disk_says_last_that_the_changelog_was_written_anew() -> None:
    """Records, their acknowledgement, the mark, the disk: whoever dies in between leaves a disk that is known to be whole."""
    memory = Memory(Log("u", 0, 0), Mark("t", 0, 9), b"t 0", 9)
    asyncio.run(memory.take())
    assert memory.done == ["commit", "a", "b", "flush", "commit", "disk", "note"]
    assert (memory.committed, memory.made_of, memory.offset) == (Mark("u", 0, 1), b"u 0", 1)


def test_a_partition_that_was_taken_away_is_not_written_anew_to_the_end() -> None:
    """The mark says that the changelog is torn; the disk stays what it was."""
    memory = Memory(Log("u", 0, 0), Mark("t", 0, 9), b"t 0", 9)
    with pytest.raises(NotOursError):
        asyncio.run(memory.take(is_ours=lambda: False))
    assert (memory.committed, memory.made_of, memory.offset) == (Mark("t", 0, 9, is_whole=False), b"t 0", 9)


def test_a_lost_state_is_told_with_what_can_be_done() -> None:
    """The error names partition and topic, and both ways out."""
    with pytest.raises(LostStateError, match=r"partition 5 is lost: group-state-changelog .* folder that has it.*_GROUP"):
        asyncio.run(Memory(Log("u", 0, 0), Mark("t", 0, 9)).take())


@pytest.mark.parametrize("log", [Log("u", 0, 10), Log("t", 10, 10), Log("t", 0, 11), Log("t", 0, 8)])
def test_a_changelog_that_others_touched_is_noticed_while_it_is_worked_with(log: Log) -> None:
    """Made anew, emptied, written into or cut off at its end, it is to be written anew; otherwise not."""

    async def watch() -> tuple[set[int], set[int]]:
        await memory.take()
        before = await memory.custody.watch()
        memory.log = log
        return before, await memory.custody.watch()

    memory = Memory(Log("t", 0, 10), Mark("t", 0, 9), b"t 0", 9)
    assert asyncio.run(watch()) == (set(), {PARTITION})


@pytest.mark.parametrize(("offsets", "is_alone"), [([10, 11], True), ([11, 12], False), ([10, 12], False)])
def test_who_writes_alone_gets_one_offset_after_the_other(offsets: list[int], is_alone: bool) -> None:  # noqa: FBT001 - a parameter
    """A hole before or between them is somebody else's record."""
    memory = Memory(Log("t", 0, 10), Mark("t", 0, 9), b"t 0", 9)
    asyncio.run(memory.take())
    assert memory.custody.written(PARTITION, offsets) is is_alone
    assert memory.custody.reached(PARTITION) == (offsets[-1] if is_alone else 9)
