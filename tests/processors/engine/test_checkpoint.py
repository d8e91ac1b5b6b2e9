"""The checkpoint: the disk gets nothing that Kafka did not take."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
from pipetrail_processors.engine.checkpoint import Checkpoint
from pipetrail_processors.errors import BrokerError

if TYPE_CHECKING:
    from pipetrail_processors.engine.custody import Custody
    from pipetrail_processors.engine.tables import StateTable
    from pipetrail_processors.transport.outbox import Outbox


class Books:
    """Stands for table, outputs and changelog, and writes down who was asked for what, in order."""

    changelog_topic_name = "changelog"

    def __init__(self, *, fails: bool = False, others_write: bool = False) -> None:
        self.fails = fails
        self.others_write = others_write
        self.lock = asyncio.Lock()
        self.at = 99
        self.done: list[Any] = []
        self._waiting: list[Callable[[], None]] = []

    def pending(self) -> dict[int, dict[bytes, bytes | None]]:
        """As StateTable."""
        return {5: {b"a": b"1", b"b": None}}

    def put_into(self, topic: str, partition: int, key: bytes, value: bytes | None, delivered: Callable[[int], None]) -> None:
        """As Outbox."""
        offset = 100 + len(self._waiting)
        self.done.append((topic, partition, key, value))
        self._waiting.append(lambda: delivered(offset))

    def flush(self, _give_up: Callable[[], bool]) -> None:
        """As Outbox."""
        if self.fails:
            raise BrokerError("Kafka is away")
        for tell in self._waiting:
            tell()
        self._waiting.clear()
        self.done.append("flush")

    def written(self, partition: int, offsets: list[int]) -> bool:
        """As Custody."""
        self.done.append(("alone", partition, offsets))
        if not self.others_write:
            self.at = offsets[-1]
        return not self.others_write

    def reached(self, _partition: int) -> int:
        """As Custody."""
        return self.at

    async def watch(self) -> set[int]:
        """As Custody."""
        return {5}

    async def write_anew(self, partitions: list[int], _is_ours: Callable[[], bool] = lambda: True) -> None:
        """As Custody."""
        self.done += [("anew", partition) for partition in partitions]

    def store_durable(self, partition: int, offset: int) -> None:
        """As StateTable."""
        self.done.append(("disk", partition, offset))


def checkpoint_of(books: Books) -> Checkpoint:
    """A checkpoint that uses the books for everything."""
    outbox = cast("Outbox", books)
    custody = cast("Custody", books)
    return Checkpoint(cast("StateTable", books), outbox, outbox, custody, give_up=lambda: False, session_timeout_s=10)


def test_the_disk_comes_last() -> None:
    """Outputs, changelog, disk, each acknowledged before the next: an ended wait leaves the state only once it was told."""
    books = Books()
    asyncio.run(checkpoint_of(books).flush())
    changelog = [("changelog", 5, b"a", b"1"), ("changelog", 5, b"b", None)]
    assert books.done == ["flush", *changelog, "flush", ("alone", 5, [100, 101]), ("disk", 5, 101)]


def test_a_changelog_that_somebody_else_wrote_into_is_written_anew() -> None:
    """Offsets that are not one after the other give away a worker that did not know it has lost the partition."""
    books = Books(others_write=True)
    asyncio.run(checkpoint_of(books).flush())
    assert books.done[-2:] == [("disk", 5, 99), ("anew", 5)]  # the disk is no further than the changelog was its own


def test_what_kafka_does_not_take_does_not_reach_the_disk() -> None:
    """A flush that fails raises, and the disk stays behind the changelog."""
    books = Books(fails=True)
    with pytest.raises(BrokerError):
        asyncio.run(checkpoint_of(books).flush())
    assert ("disk", 5, 101) not in books.done


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_changelog_that_others_changed_is_written_anew_while_it_is_ours(*, is_ours: bool) -> None:
    """First all that is pending becomes durable; after a rebalance it is another worker's, and nothing is written."""
    books = Books()
    asyncio.run(checkpoint_of(books).look_after_the_changelog(lambda: is_ours))
    assert books.done[-2:] == ([("disk", 5, 101), ("anew", 5)] if is_ours else [])
