"""Filling a state from its changelog: whole, in one go or in several, with holes and removals."""

import threading
from contextlib import closing
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from faust.types import TP
from pipetrail_processors.engine.refill import refill
from pipetrail_processors.engine.topics_admin import TopicsAdmin, changelog_topic
from support.wait import wait_for

if TYPE_CHECKING:
    from pipetrail_deploy.stack import Stack
    from pipetrail_processors.engine.store import StateStore

pytestmark = pytest.mark.stack

PARTITIONS = 2


class Disk:
    """Stands for the store of Faust's table, which needs an application around it."""

    def __init__(self) -> None:
        self.refilling = threading.Lock()
        self.values: dict[int, dict[bytes, bytes | None]] = {number: {} for number in range(PARTITIONS)}
        self.offsets: dict[int, int] = {}
        self.writes = 0
        self.stop: threading.Event | None = None

    def persisted_offset(self, tp: TP) -> int | None:
        """As StateStore."""
        return self.offsets.get(tp.partition)

    def write(self, partition: int, changes: dict[bytes, bytes | None], offset: int) -> None:
        """As StateStore."""
        assert offset >= self.offsets.get(partition, -1)
        self.values[partition].update(changes)
        self.offsets[partition] = offset
        self.writes += 1
        if self.stop:
            self.stop.set()


class Changelog:
    """A changelog topic of its own."""

    def __init__(self, stack: "Stack") -> None:
        self.kafka = stack.connection.require_kafka()
        topic = changelog_topic(f"test-{uuid4().hex}", "state", PARTITIONS)
        TopicsAdmin(self.kafka).apply([topic])
        self.tps = {TP(topic.name, number) for number in range(PARTITIONS)}
        self._topic = topic.name
        self._producer = Producer(self.kafka.client_config())

    def write(self, partition: int, key: bytes, value: bytes | None) -> None:
        """One record."""
        self._producer.produce(self._topic, value, key, partition)
        self._producer.poll(0)

    def write_in_transaction(self, partition: int, key: bytes, value: bytes) -> None:
        """One record, and after it an offset at which there is none."""
        producer = Producer({**self.kafka.client_config(), "transactional.id": self._topic})
        producer.init_transactions(30)
        producer.begin_transaction()
        producer.produce(self._topic, value, key, partition)
        producer.commit_transaction(30)
        with closing(Consumer({**self.kafka.client_config(), "group.id": "test"})) as consumer:  # the mark comes a moment later
            place = TopicPartition(self._topic, partition)
            wait_for(lambda: consumer.get_watermark_offsets(place, 10) == (0, 2), timeout_s=120, what="the transaction's mark")

    def fill(self, disk: Disk, stop: threading.Event | None = None) -> None:
        """Fill the disk from it."""
        assert self._producer.flush(30) == 0
        refill(self.kafka, cast("StateStore", disk), self.tps, stop or threading.Event())


@pytest.fixture
def changelog(broker: "Stack") -> Changelog:
    """A changelog on a real Kafka."""
    return Changelog(broker)


def test_a_state_is_filled_and_filled_on(changelog: Changelog) -> None:
    """The latest value of each key, removals too; a second time only what is new, and nothing where nothing is."""
    disk = Disk()
    for number in range(30_000):
        changelog.write(number % PARTITIONS, b"key-%d" % (number % 1_000), b"%d" % number)
    changelog.write(0, b"key-0", None)
    changelog.fill(disk)
    assert disk.offsets == {0: 15_000, 1: 14_999}
    latest = {b"key-%d" % (number % 1_000): b"%d" % number for number in range(29_000, 30_000)}
    assert {**disk.values[0], **disk.values[1]} == {**latest, b"key-0": None}
    changelog.write(1, b"key-1", b"newer")
    before = disk.writes
    changelog.fill(disk)
    changelog.fill(disk)
    assert disk.values[1][b"key-1"] == b"newer"
    assert disk.writes - before <= 2


def test_filling_that_is_interrupted_goes_on_where_it_was(changelog: Changelog) -> None:
    """A rebalance ends it in the middle: what is written stands up to its offset, and the rest comes the next time."""
    disk, stop = Disk(), threading.Event()
    for number in range(60_000):
        changelog.write(0, b"key-%d" % number, b"value")
    disk.stop = stop
    changelog.fill(disk, stop)
    written = len(disk.values[0])
    assert 0 < written < 60_000
    assert disk.offsets[0] == written - 1
    disk.stop = None
    changelog.fill(disk)
    assert len(disk.values[0]) == 60_000


def test_a_changelog_may_end_with_a_hole(changelog: Changelog) -> None:
    """Offsets without a record, as after compaction or, here, the mark that ends a transaction, are no end to wait for."""
    disk = Disk()
    changelog.write_in_transaction(0, b"key", b"value")
    changelog.fill(disk)
    assert disk.values[0] == {b"key": b"value"}
    assert disk.offsets == {0: 1}
