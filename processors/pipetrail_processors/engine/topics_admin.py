"""The topics on a real Kafka: brought to what `pipetrail_schemas.topics` says, or compared with it.

Missing ones are created, settings that differ are altered. The number of partitions is never changed: it decides where a key
goes, so that a repository would be in two partitions, and the state of one of them would lack half of it.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from time import monotonic, sleep
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # it re-exports without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.topics import DAY_MS, DEFAULT_PARTITIONS, Topic

from pipetrail_processors.errors import BrokerError, TopicsError

# Seconds for one request; a broker that is up answers in milliseconds.
_REQUEST_S = 30.0
# Seconds until new topics have leaders everywhere, and how often that is looked at.
_VISIBLE_S = 30.0
_LOOK_S = 0.1
_USUAL_REPLICATION = 3
# How much more than the state a worker has to read when its disk is lost. Kafka compacts no segment that it still writes to,
# and by default writes to one for a gigabyte or a week.
_SEGMENT_BYTES = 32 * 1024 * 1024
_DIRTY_RATIO = "0.3"
_COMPACTED_WITHIN_MS = 6 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Found:
    """How a topic stands: `state` is missing, created, altered, differs or current; `detail` says what."""

    name: str
    state: str
    partitions: int
    replication: int
    detail: str = ""


class TopicsAdmin:
    """Looks at and alters the topics of one cluster."""

    def __init__(self, kafka: KafkaConnection) -> None:
        """Connect in the background.

        Raises:
            SettingError: a property of the connection is none that librdkafka knows.
        """
        try:
            self._admin = AdminClient({**kafka.client_config(), "log_level": 2})
        except KafkaException as exc:
            raise SettingError("PIPETRAIL_KAFKA_CONFIG", exc.args[0].str()) from exc
        self._servers = kafka.bootstrap_servers

    def show(self, topics: Sequence[Topic]) -> list[Found]:
        """How the topics stand, in their order.

        Raises:
            BrokerError: Kafka cannot be reached or refuses.
        """
        metadata = self._metadata()
        present = [topic for topic in topics if topic.name in metadata.topics]
        configs = self._configs(present)
        return [self._compare(topic, metadata.topics.get(topic.name), configs.get(topic.name, {})) for topic in topics]

    def apply(self, topics: Sequence[Topic], *, replication: int | None = None) -> list[Found]:
        """Create and alter until the topics are as they should be, and visible; says what was done.

        Args:
            topics: what there should be, with the partitions that new ones get.
            replication: copies of each partition of new topics; three, or one a broker when there are fewer, by default.

        Raises:
            BrokerError: Kafka cannot be reached, or refuses.
            TopicsError: new topics do not become visible.
        """
        copies = replication or min(_USUAL_REPLICATION, len(self._metadata().brokers))
        before = {found.name: found for found in self.show(topics)}
        missing = [topic for topic in topics if before[topic.name].state == "missing"]
        differing = [topic for topic in topics if before[topic.name].state == "differs"]
        self._create(missing, copies)
        self._alter(differing)
        self._wait_until_visible(missing)
        after = {found.name: found for found in self.show(topics)}
        return [
            replace(after[topic.name], state=_done(before[topic.name], after[topic.name]), detail=_detail(before, after, topic))
            for topic in topics
        ]

    def common_partitions(self, topics: Sequence[Topic]) -> int:
        """The number of partitions that all of the topics have.

        Raises:
            TopicsError: one is missing, or they do not have the same number: keys would not meet.
            BrokerError: Kafka cannot be reached.
        """
        metadata = self._metadata()
        counts = {topic.name: len(metadata.topics[topic.name].partitions) for topic in topics if topic.name in metadata.topics}
        missing = [topic.name for topic in topics if topic.name not in counts]
        if missing:
            raise TopicsError(f"topic {missing[0]} does not exist at {self._servers}: run `pipetrail topics apply` first")
        if len(set(counts.values())) != 1:
            told = ", ".join(f"{name} has {count}" for name, count in counts.items())
            raise TopicsError(f"the same key must be in the same partition of each topic, but {told} partitions")
        return next(iter(counts.values()))

    def replication_of(self, topic: Topic) -> int:
        """The copies of each partition that the topic has; it must exist."""
        return _replication(self._metadata().topics[topic.name])

    def _compare(self, topic: Topic, found: Any, config: Mapping[str, str]) -> Found:
        if found is None:
            return Found(topic.name, "missing", topic.partitions, 0)
        differences = [
            f"{key}: {config.get(key)} → {value}" for key, value in topic.config().items() if config.get(key) != value
        ]
        state = "differs" if differences else "current"
        return Found(topic.name, state, len(found.partitions), _replication(found), ", ".join(differences))

    def _metadata(self) -> Any:
        try:
            return self._admin.list_topics(timeout=_REQUEST_S)
        except KafkaException as exc:
            raise BrokerError(f"Kafka at {self._servers} cannot be reached: {exc.args[0].str()}") from exc

    def _configs(self, topics: Sequence[Topic]) -> dict[str, dict[str, str]]:
        if not topics:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in topics]
        futures = self._admin.describe_configs(resources, request_timeout=_REQUEST_S)
        return {
            resource.name: {name: entry.value for name, entry in self._result(future, resource.name).items()}
            for resource, future in futures.items()
        }

    def _create(self, topics: Sequence[Topic], replication: int) -> None:
        if not topics:
            return
        wanted = [NewTopic(topic.name, topic.partitions, replication, config=topic.config()) for topic in topics]
        for name, future in self._admin.create_topics(wanted, request_timeout=_REQUEST_S).items():
            self._result(future, name, unless=KafkaError.TOPIC_ALREADY_EXISTS)  # somebody else was faster

    def _alter(self, topics: Sequence[Topic]) -> None:
        if not topics:
            return
        resources = [
            ConfigResource(
                ResourceType.TOPIC,
                topic.name,
                incremental_configs=[
                    ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                    for name, value in topic.config().items()
                ],
            )
            for topic in topics
        ]
        for resource, future in self._admin.incremental_alter_configs(resources, request_timeout=_REQUEST_S).items():
            self._result(future, resource.name)

    def _wait_until_visible(self, topics: Sequence[Topic]) -> None:
        deadline = monotonic() + _VISIBLE_S
        while waiting := [topic.name for topic in topics if not self._has_leaders(topic.name)]:
            if monotonic() > deadline:
                raise TopicsError(f"topic {waiting[0]} was created, but has no leaders after {_VISIBLE_S:.0f} s")
            sleep(_LOOK_S)

    def _has_leaders(self, name: str) -> bool:
        found = self._metadata().topics.get(name)
        return found is not None and bool(found.partitions) and all(one.leader >= 0 for one in found.partitions.values())

    def _result(self, future: Future[Any], name: str, *, unless: int | None = None) -> Any:
        try:
            return future.result(_REQUEST_S)
        except KafkaException as exc:
            if exc.args[0].code() == unless:
                return None
            raise BrokerError(f"topic {name}: {exc.args[0].str()}") from exc


def changelog_topic(group: str, table: str, partitions: int) -> Topic:
    """The topic that the state of a consumer group is kept in, named as Faust looks for it."""
    return _Changelog(f"{group}-{table}-changelog", "key of the state", "the processor's state", "processors", None, partitions)


class _Changelog(Topic):
    """Compacted; removals are kept for long enough that a worker which was away for a week still hears of them."""

    def config(self) -> dict[str, str]:
        """Kafka's topic-level configuration."""
        return {
            **super().config(),
            "delete.retention.ms": str(7 * DAY_MS),
            "segment.bytes": str(_SEGMENT_BYTES),
            "min.cleanable.dirty.ratio": _DIRTY_RATIO,
            "max.compaction.lag.ms": str(_COMPACTED_WITHIN_MS),
        }


def with_partitions(topic: Topic, partitions: int | None) -> Topic:
    """The topic with that many partitions; topics that have their own number (not the usual one) keep it."""
    return replace(topic, partitions=partitions) if partitions and topic.partitions == DEFAULT_PARTITIONS else topic


def _replication(found: Any) -> int:
    return min((len(one.replicas) for one in found.partitions.values()), default=0)


def _done(before: Found, after: Found) -> str:
    if after.state != "current":
        return after.state
    return {"missing": "created", "differs": "altered"}.get(before.state, "current")


def _detail(before: Mapping[str, Found], after: Mapping[str, Found], topic: Topic) -> str:
    found = after[topic.name]
    if found.partitions != topic.partitions:
        return f"has {found.partitions} partitions, not {topic.partitions}: the number is never changed, keys would move"
    return before[topic.name].detail
