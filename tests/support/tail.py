"""A topic followed from a place on, for tests that look at it again and again: each message is read once."""

from collections.abc import Sequence
from typing import cast

from confluent_kafka import Consumer, KafkaException, TopicPartition
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import Topic
from support.kafka import Message

_ANSWER_S = 10.0
_LOOK_S = 0.1


class Tail:
    """Follows one topic from its present end."""

    def __init__(self, kafka: KafkaConnection, topic: Topic) -> None:
        self._consumer = Consumer(
            {
                **kafka.client_config(),
                "group.id": "tail",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,  # a question for a partition's end waits behind a fetch: 0.5 s each otherwise
                "log_level": 2,
            }
        )
        partitions = self._consumer.list_topics(topic.name, _ANSWER_S).topics[topic.name].partitions
        self._places = [TopicPartition(topic.name, number) for number in partitions]
        self._next = {place.partition: self._end(place) for place in self._places}
        self._consumer.assign([TopicPartition(topic.name, number, offset) for number, offset in self._next.items()])
        self._found: list[Message] = []

    def read(self) -> Sequence[Message]:
        """All that was written since the beginning, up to now; in order within a partition."""
        try:
            ends = {place.partition: self._end(place) for place in self._places}
        except KafkaException:  # Kafka is being restarted
            return self._found
        while any(self._next[number] < end for number, end in ends.items()):
            for one in self._consumer.consume(1000, _LOOK_S):
                if one.error() is not None:  # of a broker that was started again: the client gets over it by itself
                    continue
                partition, offset = one.partition(), one.offset()
                assert partition is not None
                assert offset is not None
                self._next[partition] = offset + 1
                self._found.append(
                    Message(
                        partition,
                        offset,
                        one.key(),
                        one.value(),
                        tuple(cast("list[tuple[str, bytes | None]]", one.headers() or [])),
                    )
                )
        return self._found

    def close(self) -> None:
        """Let go of Kafka."""
        self._consumer.close()

    def _end(self, place: TopicPartition) -> int:
        found = self._consumer.get_watermark_offsets(place, timeout=_ANSWER_S)
        assert found is not None
        return int(found[1])
