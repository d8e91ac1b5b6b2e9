"""Topics on the stack's real broker: made when absent, read from beginning to end."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from time import monotonic
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pipetrail_schemas import topics
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import Topic
from support.wait import wait_for

TIMEOUT_S = 120.0  # a topic of a test is read in far less; a broker that does not answer must not hang the run


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands on a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def ensure_topics(kafka: KafkaConnection) -> None:
    """Make every topic of the project that is not there yet, as `pipetrail topics apply` would on one node.

    They can be written and read when this returns: a broker learns a moment later than the controller that a topic was made.
    """
    admin = AdminClient(kafka.client_config())
    wanted = [NewTopic(topic.name, topic.partitions, 1, config=topic.config()) for topic in topics.ALL]
    for future in admin.create_topics(wanted).values():
        try:
            future.result(TIMEOUT_S)
        except KafkaException as exc:
            if exc.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    wait_for(lambda: _are_led(admin), timeout_s=TIMEOUT_S, what="every partition of every topic to have a leader")


def _are_led(admin: AdminClient) -> bool:
    found = admin.list_topics(timeout=TIMEOUT_S).topics
    return all(
        topic.name in found
        and len(found[topic.name].partitions) >= topic.partitions
        and all(one.leader >= 0 for one in found[topic.name].partitions.values())
        for topic in topics.ALL
    )


def read_all(kafka: KafkaConnection, topic: Topic) -> list[Message]:
    """All messages that stand on a topic now, partition by partition, committed to no group."""
    config = {
        **kafka.client_config(),
        "group.id": "read-all",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
    }
    with closing(Consumer(config)) as consumer:
        partitions = consumer.list_topics(topic.name, TIMEOUT_S).topics[topic.name].partitions
        consumer.assign([TopicPartition(topic.name, partition, 0) for partition in partitions])
        return list(_until_the_end(consumer, len(partitions)))


def _until_the_end(consumer: Consumer, partitions: int) -> Iterator[Message]:
    deadline = monotonic() + TIMEOUT_S
    ended: set[int | None] = set()  # an end is told again when a message came after it
    while len(ended) < partitions:
        if monotonic() > deadline:
            raise TimeoutError(f"{partitions - len(ended)} partitions were not read to their end within {TIMEOUT_S:.0f} s")
        for message in consumer.consume(1000, 1.0):
            error = message.error()
            if error is None:
                yield _plain(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            else:
                raise KafkaException(error)


def _plain(message: Any) -> Message:
    headers = tuple(message.headers() or ())
    return Message(message.partition(), message.offset(), message.key(), message.value(), headers)
