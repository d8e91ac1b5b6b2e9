"""The processor as people run it: processes beside a real Kafka, each test with a group and repositories of its own."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # it re-exports without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from pipetrail_schemas.topics import DEAD_LETTERS, EVENTS, FINDINGS, LINKS, PARTITIONER, RECORDS, RESOLVED, TRAILS, Topic
from support.index_bench import PATIENCE_S, Process
from support.kafka import Message
from support.stream import CONTENT_TYPE, key_of
from support.tail import Tail
from support.wait import wait_for

if TYPE_CHECKING:
    from pipetrail_deploy.stack import Stack

SOURCES = (EVENTS, RESOLVED, LINKS)
OUTPUTS = (RECORDS, TRAILS, FINDINGS, DEAD_LETTERS)
READY_S = 240.0
# Seconds of silence after which a worker is taken for dead. On a busy machine one that lives may be silent for a while; where
# a test kills workers, somebody waits until they are missed: it sets the bench's `session_s` to the least that there is.
PATIENT_S, MISSED_SOON_S = 20, 6


@dataclass
class Worker(Process):
    """A running `pipetrail process`."""

    ready_file: Path = Path()

    @property
    def is_ready(self) -> bool:
        """Whether it has said that it is ready."""
        return self.ready_file.exists()


class ProcessorBench:
    """A test's own corner of a Kafka."""

    def __init__(self, stack: "Stack", folder: Path) -> None:
        self.session_s = PATIENT_S
        self.stack = stack
        self.folder = folder
        self.run = uuid4().hex
        self.kafka = stack.connection.require_kafka()
        # A group that starts at the present end, so that no other test's messages are read.
        self.group = f"test-{self.run}"
        self.commit(wait_for(self._ends, timeout_s=120, what="topics that were just made to have leaders"))
        self._tails = {topic: Tail(self.kafka, topic) for topic in OUTPUTS}
        self._starts = 0
        self._processes: list[Process] = []
        self._recorded: dict[str, set[bytes]] = {}
        self._read_records = 0

    def produce(self, values: Iterable[bytes]) -> None:
        """Write events to the events topic and wait until Kafka has them."""
        self.produce_raw((key_of(value), value) for value in values)

    def produce_raw(self, messages: Iterable[tuple[bytes | None, bytes | None]], headers: Any = CONTENT_TYPE) -> None:
        """Write anything to the events topic and wait until Kafka has it."""
        failures: list[Any] = []
        producer = Producer(
            {
                **self.kafka.client_config(),
                "partitioner": PARTITIONER,
                "linger.ms": 5,
                "enable.idempotence": True,
                "on_delivery": lambda error, _message: failures.append(error) if error else None,
            }
        )
        for key, value in messages:
            producer.produce(EVENTS.name, key=key, value=value, headers=list(headers))
            producer.poll(0)
        assert producer.flush(240) == 0
        assert failures == []

    def delete_all_events(self) -> None:
        """What retention does: all that stands on the events topic is gone."""
        admin = AdminClient(self.kafka.client_config())
        ends = [place for place in self._ends() if place.topic == EVENTS.name and place.offset > 0]
        for future in admin.delete_records(ends).values():
            future.result(120)

    def empty_changelog(self) -> set[int]:
        """Delete all that stands in the group's changelog. Returns the partitions that were not empty."""
        with closing(Consumer({**self.kafka.client_config(), "group.id": "ends"})) as consumer:
            found = consumer.list_topics(self.changelog, timeout=60).topics[self.changelog].partitions
            ends = [
                TopicPartition(self.changelog, number, _end(consumer, TopicPartition(self.changelog, number)))
                for number in found
            ]
        cut = [place for place in ends if place.offset > 0]
        admin = AdminClient(self.kafka.client_config())
        # Kafka deletes nothing from a topic that is compacted alone.
        policy = ConfigEntry("cleanup.policy", "compact,delete", incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, self.changelog, incremental_configs=[policy])
        for done in admin.incremental_alter_configs([resource]).values():
            done.result(120)
        for future in admin.delete_records(cut).values():
            future.result(120)
        return {place.partition for place in cut}

    def delete_changelog(self) -> None:
        """Delete the topic of the group's changelog."""
        admin = AdminClient(self.kafka.client_config())
        for future in admin.delete_topics([self.changelog]).values():
            future.result(120)
        wait_for(lambda: self.changelog not in admin.list_topics(timeout=60).topics, timeout_s=120, what="the topic to be gone")

    @property
    def changelog(self) -> str:
        """The name of the group's changelog topic."""
        return f"{self.group}-state-changelog"

    @contextmanager
    def process(self, worker: int = 0, **settings: str) -> Iterator[Process]:
        """Run `pipetrail process`; at the end it is stopped if it still runs, and must have stopped well."""
        process = self.launch(worker, **settings)
        popen = process.popen
        try:
            wait_for(lambda: process.is_ready or popen.poll() is not None, timeout_s=READY_S, what="the processor to be ready")
            assert popen.poll() is None, process.log_file.read_text()
            self._processes.append(process)
            yield process
            if popen.poll() is None:
                assert process.stop(PATIENCE_S) == 0, process.log_file.read_text()
        finally:
            popen.kill()
            popen.wait()

    def launch(self, worker: int = 0, **settings: str) -> "Worker":
        """Start `pipetrail process` and do not wait. Who launches it ends it."""
        self._starts += 1
        ready_file, log_file = self.folder / f"ready-{self._starts}", self.folder / f"log-{self._starts}"
        env = os.environ | {
            "PIPETRAIL_HOME": str(self.stack.home),
            "PIPETRAIL_PROCESS_GROUP": self.group,
            "PIPETRAIL_PROCESS_DATADIR": str(self.datadir(worker)),
            "PIPETRAIL_PROCESS_SESSION_TIMEOUT_S": str(self.session_s),
            **{f"PIPETRAIL_PROCESS_{name.upper()}": value for name, value in settings.items()},
        }
        command = [sys.executable, "-m", "pipetrail", "process", "--ready-file", str(ready_file)]
        with log_file.open("wb") as log:
            popen = subprocess.Popen(command, env=env, stderr=log, cwd=self.folder)
        return Worker(popen, log_file, ready_file=ready_file)

    def datadir(self, worker: int) -> Path:
        """Where a worker keeps its state."""
        return self.folder / f"worker-{worker}"

    def messages(self, topic: Topic) -> Sequence[Message]:
        """What was written to an output topic since this test began."""
        return self._tails[topic].read()

    def close(self) -> None:
        """Let go of Kafka."""
        for tail in self._tails.values():
            tail.close()

    def recorded(self) -> dict[str, set[bytes]]:
        """The records by event id; every one of them once when nothing was altered."""
        messages = self.messages(RECORDS)
        # Waiting asks twenty times a second: only what is new is decoded.
        for message in messages[self._read_records :]:
            assert message.value is not None
            self._recorded.setdefault(orjson.loads(message.value)["event"]["id"], set()).add(message.value)
        self._read_records = len(messages)
        return self._recorded

    def trails(self) -> dict[bytes, bytes]:
        """The trails as the index would have them: of each, the highest revision, and of these the last."""
        found: dict[bytes, tuple[int, bytes]] = {}
        for message in self.messages(TRAILS):
            assert message.value is not None
            assert message.key is not None
            revision = orjson.loads(message.value)["pipetrail"]["trail"]["revision"]
            if message.key not in found or revision >= found[message.key][0]:
                found[message.key] = (revision, message.value)
        return {key: value for key, (_, value) in found.items()}

    def wait_for_records(self, ids: Iterable[str], *, timeout_s: float) -> None:
        """Until each of the events has a record; a processor that ends by itself meanwhile is a failure."""
        wanted = set(ids)
        try:
            wait_for(lambda: wanted <= self._seen(), timeout_s=timeout_s, what=f"records of {len(wanted)} events")
        except AssertionError as exc:
            missing = wanted - self._seen()
            logs = "\n".join(f"{one.log_file}:\n{one.log_file.read_text(errors='replace')[-3000:]}" for one in self._processes)
            raise AssertionError(f"{exc}; {len(missing)} are missing; lag {self.lag()}\n{logs}") from exc

    def wait_for_count(self, records: int) -> None:
        """Until so many events have a record: the work is under way."""
        wait_for(lambda: len(self._seen()) >= records, timeout_s=120, what=f"{records} records")

    def _seen(self) -> set[str]:
        for process in self._processes:
            process.require_running()
        return set(self.recorded())

    def lag(self) -> int:
        """How many messages the group has not yet committed."""
        with closing(Consumer({**self.kafka.client_config(), "group.id": self.group})) as consumer:
            committed = consumer.committed(self._places(consumer), timeout=60)
            return sum(_end(consumer, place) - max(0, place.offset) for place in committed)

    def committed(self) -> list[TopicPartition]:
        """The offsets that the group has committed."""
        with closing(Consumer({**self.kafka.client_config(), "group.id": self.group})) as consumer:
            found = consumer.committed(self._places(consumer), timeout=60)
            return [TopicPartition(place.topic, place.partition, place.offset) for place in found]

    def commit(self, places: list[TopicPartition]) -> None:
        """Set the offsets of the group, which nobody runs in, as people's tools do."""
        admin = AdminClient(self.kafka.client_config())  # it must live until it has the answer

        def accepted() -> bool:
            request = ConsumerGroupTopicPartitions(self.group, places)
            (future,) = admin.alter_consumer_group_offsets([request]).values()
            try:
                answer = future.result(120)
            except KafkaException:
                return False
            # While the group still counts a worker that was killed, each partition is refused.
            return all(place.error is None for place in answer.topic_partitions)

        wait_for(accepted, timeout_s=120, what="the offsets to be set")

    def _ends(self) -> list[TopicPartition]:
        with closing(Consumer({**self.kafka.client_config(), "group.id": "ends"})) as consumer:
            places = self._places(consumer)
            try:
                return [TopicPartition(place.topic, place.partition, _end(consumer, place)) for place in places]
            except KafkaException:
                return []

    def _places(self, consumer: Consumer) -> list[TopicPartition]:
        found = consumer.list_topics(timeout=60).topics
        return [TopicPartition(topic.name, number) for topic in SOURCES for number in found[topic.name].partitions]


def _end(consumer: Consumer, place: TopicPartition) -> int:
    found = consumer.get_watermark_offsets(place, timeout=60)
    assert found is not None
    return int(found[1])
