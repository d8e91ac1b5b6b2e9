"""History from Kafka: a topic as it stands, from its beginning to the end that it had when the reading began.

Nothing is committed and no group is joined: the live application does not notice.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import EVENTS, Topic

from pipetrail_processors.errors import BrokerError
from pipetrail_processors.replay.message import Message

_ANSWER_S = 30.0
# librdkafka waits so long for a batch to become full.
_LOOK_S = 0.1
_MESSAGES = 1000
# How far the clocks of those who record events and of those who send them may be apart.
_CLOCKS = timedelta(hours=1)
# What librdkafka reads ahead: its default of 64 MB for each partition would make memory grow with their number.
_AHEAD_KBYTES = 32 * 1024
# Silence, in looks, after which Kafka counts as gone: a minute.
_SILENT_LOOKS = 600


class KafkaHistory:
    """The messages of a topic. `done` of `total` are read."""

    def __init__(
        self,
        kafka: KafkaConnection,
        topic: Topic = EVENTS,
        starts: dict[int, int] | None = None,
        since: datetime | None = None,
    ) -> None:
        """Look up where it begins and ends.

        Args:
            kafka: where it is.
            topic: which.
            starts: offsets to begin at, by partition; the beginning where not said.
            since: begin with what was written about then; some of it may be older, nothing newer is left out.

        Raises:
            BrokerError: Kafka cannot be reached, or has no such topic.
        """
        self._config = _config(kafka)
        self._topic = topic.name
        self.done = 0
        try:
            with closing(Consumer(self._config)) as consumer:
                found = consumer.list_topics(self._topic, _ANSWER_S).topics[self._topic]
                if found.error is not None:
                    raise BrokerError(f"topic {self._topic}: {found.error.str()}")
                self._starts, self.ends = _bounds(consumer, self._topic, found.partitions)
                if since is not None:
                    self._starts = _written_since(consumer, self._topic, self.ends, since - _CLOCKS)
        except KafkaException as exc:
            raise BrokerError(f"Kafka at {kafka.bootstrap_servers} cannot be reached: {exc.args[0].str()}") from exc
        for partition, start in (starts or {}).items():
            self._starts[partition] = max(start, self._starts.get(partition, 0))
        self.total = sum(max(0, end - self._starts[partition]) for partition, end in self.ends.items())

    def __iter__(self) -> Iterator[Message]:
        """The messages, in order within each partition.

        Raises:
            BrokerError: Kafka fails, or has fallen silent.
        """
        left = {partition for partition, end in self.ends.items() if self._starts[partition] < end}
        with closing(Consumer(self._config)) as consumer:
            consumer.assign([TopicPartition(self._topic, partition, self._starts[partition]) for partition in left])
            silent = 0
            while left:
                found = consumer.consume(_MESSAGES, _LOOK_S)
                silent = 0 if found else silent + 1
                if silent > _SILENT_LOOKS:
                    raise BrokerError(f"topic {self._topic}: Kafka sends nothing any more")
                for message in found:
                    yield from self._taken(message, left)

    def _taken(self, message: Any, left: set[int]) -> Iterator[Message]:
        partition, offset, error = message.partition(), message.offset(), message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name for it
            raise BrokerError(f"topic {self._topic}: {error.str()}")
        # The last offsets may hold nothing, where the topic is compacted: then only the end of the partition tells.
        if error is not None or offset >= self.ends[partition] - 1:
            left.discard(partition)
        if error is None and offset < self.ends[partition]:
            self.done += 1
            yield Message(message.key(), message.value(), tuple(message.headers() or ()))


def _bounds(consumer: Consumer, topic: str, partitions: Any) -> tuple[dict[int, int], dict[int, int]]:
    starts, ends = {}, {}
    for number in partitions:
        bounds = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_ANSWER_S)
        if bounds is None:
            raise BrokerError(f"topic {topic}: Kafka does not say where partition {number} ends")
        starts[number], ends[number] = bounds
    return starts, ends


def _written_since(consumer: Consumer, topic: str, ends: dict[int, int], since: datetime) -> dict[int, int]:
    wanted = [TopicPartition(topic, number, int(since.timestamp() * 1000)) for number in ends]
    # Where nothing was written since, the offset that is told is no place.
    return {
        one.partition: one.offset if one.offset >= 0 else ends[one.partition]
        for one in consumer.offsets_for_times(wanted, timeout=_ANSWER_S)
    }


def _config(kafka: KafkaConnection) -> dict[str, Any]:
    return {
        **kafka.client_config(),
        "group.id": "pipetrail-replay",  # librdkafka wants one; nothing is committed to it
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
        "queued.max.messages.kbytes": _AHEAD_KBYTES,
        "log_level": 2,  # critical; what matters comes as an error
    }
