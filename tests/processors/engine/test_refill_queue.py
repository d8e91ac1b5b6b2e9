"""How the changelog is read: a queue that is full must be looked at again soon, or filling a state waits most of the time."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest
from confluent_kafka import Consumer, Producer
from faust.types import TP
from pipetrail_processors.engine import refill
from pipetrail_schemas.connection import KafkaConnection

if TYPE_CHECKING:
    from pipetrail_processors.engine.store import StateStore

TOPIC = "changelog"
RECORDS, VALUE = 200, b"x" * 10_000
# A queue of a tenth of that, so that it is full again and again.
QUEUE_KBYTES = 200


class Disk:
    """Stands for the store of Faust's table, which needs an application around it."""

    def __init__(self) -> None:
        self.refilling = threading.Lock()
        self.values: dict[bytes, bytes | None] = {}
        self.offset: int | None = None

    def persisted_offset(self, _: TP) -> int | None:
        """As StateStore."""
        return self.offset

    def write(self, _: int, changes: dict[bytes, bytes | None], offset: int) -> None:
        """As StateStore."""
        self.values.update(changes)
        self.offset = offset


@pytest.fixture
def changelog() -> Iterator[KafkaConnection]:
    """The cluster that librdkafka has for tests, in this process, with a changelog in it."""
    producer = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1})
    brokers = producer.list_topics(TOPIC, timeout=60).brokers.values()
    for number in range(RECORDS):
        producer.produce(TOPIC, VALUE, b"key-%d" % number, 0)
        producer.poll(0)
    assert producer.flush(60) == 0
    yield KafkaConnection(",".join(f"{broker.host}:{broker.port}" for broker in brokers))
    del producer  # and the cluster with it


def test_a_queue_that_is_full_is_looked_at_again_soon(changelog: KafkaConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The consumer that fills a state is told so, and all comes through a queue that is too small for it."""
    made: list[dict[str, Any]] = []

    def consumer(config: dict[str, Any]) -> Consumer:
        made.append(config)
        return Consumer(config)

    monkeypatch.setattr(refill, "Consumer", consumer)
    monkeypatch.setattr(refill, "_QUEUE_KBYTES", QUEUE_KBYTES)
    disk = Disk()
    refill.refill(changelog, cast("StateStore", disk), [TP(TOPIC, 0)], threading.Event())
    assert (len(disk.values), disk.offset) == (RECORDS, RECORDS - 1)
    [config] = made
    assert config["queued.max.messages.kbytes"] == QUEUE_KBYTES
    assert config["fetch.queue.backoff.ms"] <= 50
