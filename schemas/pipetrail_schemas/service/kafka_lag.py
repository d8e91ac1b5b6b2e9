"""Asks Kafka how far a consumer group is behind, beside the consumer: so it is known, too, when the consumer stands still."""

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec  # where its types say that it is

from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.service.lag import Lag, LagHistory, Partition, total

if TYPE_CHECKING:
    from concurrent.futures import Future

_LATEST: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call] # the client has no types for these two
_EARLIEST: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
# Seconds that one question to Kafka may take.
_TIMEOUT_S = 5.0
# Seconds for finding out how old a backlog is; without an answer its age counts from now.
_SEED_S = 3.0
# The codes of librdkafka for "no offset": nothing is committed yet.
_NOTHING = 0


class UnansweredError(Exception):
    """Raised when Kafka does not answer; says what the client says. It never leaves the thread that asks."""


class KafkaLag:
    """How far the group is behind in the partitions that this program has. `look` in one thread, the rest in any."""

    def __init__(self, kafka: KafkaConnection, group: str, assigned: Callable[[], Collection[Partition]]) -> None:
        """Connect in the background.

        Args:
            kafka: where to ask.
            group: whose commits count.
            assigned: gives the partitions that the program has now.

        Raises:
            SettingError: a property of the connection is none that librdkafka knows.
        """
        # What the client has to say comes as an answer that is missing.
        self._config: dict[str, Any] = {**kafka.client_config(), "log_level": 2, "error_cb": lambda _error: None}
        self._group = group
        self._assigned = assigned
        self._history = LagHistory()
        self._lock = threading.Lock()
        try:
            self._admin: AdminClient | None = AdminClient(self._config)
        except KafkaException as exc:
            raise SettingError("PIPETRAIL_KAFKA_CONFIG", exc.args[0].str()) from exc

    def look(self) -> None:
        """Ask.

        Raises:
            UnansweredError: Kafka does not answer.
        """
        partitions = list(self._assigned())
        # librdkafka's admin client keeps the leaders' epochs for ever: one from before an election is refused from then on.
        admin = self._admin = self._admin or AdminClient(self._config)
        try:
            if not partitions:
                admin.list_topics(timeout=_TIMEOUT_S)
            ends = _offsets(admin, partitions, _LATEST)
            committed = self._committed(admin, partitions)
        except KafkaException as exc:
            self._admin = None
            raise UnansweredError(exc.args[0].str()) from exc
        if new := self._history.unknown(ends, committed):
            self._seed(new, committed)
        with self._lock:
            self._history.look(time(), ends, committed)

    def by_topic(self) -> Mapping[str, Lag]:
        """The lag of each topic, as of the last look."""
        with self._lock:
            return self._history.by_topic()

    def messages(self) -> dict[str, float]:
        """Of each topic how many messages are not committed."""
        return {topic: lag.messages for topic, lag in self.by_topic().items()}

    def seconds(self) -> float:
        """The age of the oldest message that is not committed."""
        return total(self.by_topic().values()).seconds

    def _committed(self, admin: AdminClient, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The committed offsets; where nothing is committed, the beginning, which is where reading starts."""
        if not partitions:
            return {}
        wanted = ConsumerGroupTopicPartitions(self._group, [TopicPartition(*one) for one in partitions])
        (future,) = admin.list_consumer_group_offsets([wanted], request_timeout=_TIMEOUT_S).values()
        told = {(place.topic, place.partition): place.offset for place in future.result().topic_partitions}
        found = {one: told.get(one, -1) for one in partitions}
        new = [one for one, offset in found.items() if offset < _NOTHING]
        return found | _offsets(admin, new, _EARLIEST)

    def _seed(self, partitions: Collection[Partition], committed: Mapping[Partition, int]) -> None:
        """Read the oldest message of each backlog for its time. The group does not notice: nothing is subscribed to."""
        config = {**self._config, "group.id": self._group, "enable.auto.commit": False, "enable.auto.offset.store": False}
        missing = set(partitions)
        until = monotonic() + _SEED_S
        with closing(Consumer(config)) as consumer:
            consumer.assign([TopicPartition(*one, committed[one]) for one in partitions])
            while missing and (left := until - monotonic()) > 0:
                message = consumer.poll(left)
                if message is None or message.error() or message.topic() is None:
                    continue
                place = str(message.topic()), int(message.partition() or 0)
                if place in missing:
                    missing.discard(place)
                    consumer.pause([TopicPartition(*place)])
                    kind, milliseconds = message.timestamp()
                    self._history.seed(place, milliseconds / 1000 if kind else time(), committed[place])


def _offsets(admin: AdminClient, partitions: Collection[Partition], which: OffsetSpec) -> dict[Partition, int]:
    if not partitions:
        return {}
    wanted = {TopicPartition(topic, number): which for topic, number in partitions}
    asked: Mapping[TopicPartition, Future[Any]] = admin.list_offsets(wanted, request_timeout=_TIMEOUT_S)
    return {(place.topic, place.partition): future.result().offset for place, future in asked.items()}
