"""The OpenSearch sink as people run it: a process beside a real Kafka and a real OpenSearch."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from pipetrail_schemas import topics
from pipetrail_schemas.topics import DEFAULT_PARTITIONS
from pipetrail_sinks.message import Message
from pipetrail_sinks.opensearch.client import Client
from pipetrail_sinks.opensearch.documents import TOPICS
from support import samples
from support.wait import wait_for

if TYPE_CHECKING:
    from pipetrail_deploy.stack import Stack

# What a stop may take where that is the claim, seconds. Five are promised on a machine that is free; this is what an
# orchestrator gives a program before it kills it (Kubernetes, terminationGracePeriodSeconds), and a busy machine may need it.
STOP_S = 30.0
PATIENCE_S = 240.0  # for a stop that is not the point of a test, on a machine with other things to do
EVENTS = "pipetrail-events-v1-*"


@dataclass
class Process:
    """A running `pipetrail index`."""

    popen: subprocess.Popen[bytes]
    log_file: Path
    ended: bool = False  # by the test, or as the test expects

    def require_running(self) -> None:
        """Fail, with the end of its log, when it has ended and the test knows nothing of it."""
        if not self.ended and self.popen.poll() is not None:
            log = self.log_file.read_text(errors="replace")[-3000:]
            raise AssertionError(f"the process ended by itself with {self.popen.returncode}:\n{log}")

    def log(self) -> list[dict[str, Any]]:
        """What it logged so far, line by line."""
        return [orjson.loads(line) for line in self.log_file.read_bytes().splitlines() if line.endswith(b"}")]

    def said(self, event: str) -> bool:
        """Whether it logged such a line."""
        return any(line["event"] == event for line in self.log())

    def kill(self) -> None:
        """Kill -9."""
        self.ended = True
        self.popen.kill()
        self.popen.wait()

    def stop(self, within_s: float = STOP_S) -> int:
        """SIGTERM; its exit code, which must come in time."""
        self.ended = True
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(within_s)


class Bench:
    """A test's own corner of the stack: ids, repository and consumer groups that no other test uses."""

    def __init__(self, stack: "Stack", folder: Path) -> None:
        self.stack = stack
        self.run = uuid4().hex
        self.folder = folder
        self.admin = Client(stack.connection.require_opensearch().as_user("admin"))
        self._kafka = stack.connection.require_kafka().client_config()
        self._start = wait_for(self._ends, timeout_s=120, what="topics that were just made to have leaders")
        self._starts = 0

    def group(self) -> str:
        """A new consumer group, which reads what was written since this test began, and no other test's messages."""
        group = f"test-{uuid4().hex}"
        wanted = ConsumerGroupTopicPartitions(group, self._start)
        admin = AdminClient(self._kafka)  # a name of its own: its futures end when it is collected
        (future,) = admin.alter_consumer_group_offsets([wanted]).values()
        future.result(120)
        return group

    def _ends(self) -> list[TopicPartition]:
        """The end of every partition that the sink reads; empty while one has no leader yet."""
        places = [TopicPartition(topic, number) for topic in TOPICS for number in range(DEFAULT_PARTITIONS)]
        with closing(Consumer({**self._kafka, "group.id": "ends"})) as consumer:
            try:
                ends = [consumer.get_watermark_offsets(place, timeout=60) for place in places]
            except KafkaException:
                return []
        assert all(ends)
        return [TopicPartition(one.topic, one.partition, end[1]) for one, end in zip(places, ends, strict=True)]

    @contextmanager
    def index(self, group: str, settings: Mapping[str, str] | None = None, *, ready: bool = True) -> Iterator[Process]:
        """Run `pipetrail index`; at the end it is stopped if it still runs, and must have stopped well."""
        self._starts += 1
        ready_file, log_file = self.folder / f"ready-{self._starts}", self.folder / f"log-{self._starts}"
        env = os.environ | {"PIPETRAIL_HOME": str(self.stack.home), "PIPETRAIL_INDEX_GROUP": group, **(settings or {})}
        command = [sys.executable, "-m", "pipetrail", "index", "--ready-file", str(ready_file)]
        with log_file.open("wb") as log, subprocess.Popen(command, env=env, stderr=log, cwd=self.folder) as popen:
            process = Process(popen, log_file)
            try:
                if ready:
                    wait_for(
                        lambda: ready_file.exists() or popen.poll() is not None,
                        timeout_s=120,
                        what=f"the sink to be ready: {log_file.read_text()}",
                    )
                    assert popen.poll() is None, log_file.read_text()
                yield process
                if popen.poll() is None:
                    assert process.stop(PATIENCE_S) == 0, log_file.read_text()
            finally:
                popen.kill()

    def produce(self, messages: Iterable[Message]) -> None:
        """Write messages to their topics and wait until Kafka has them."""
        failures: list[KafkaError] = []

        def confirmed(error: KafkaError | None, _message: object) -> None:
            if error:
                failures.append(error)

        producer = Producer(
            {**self._kafka, "acks": "all", "partitioner": topics.PARTITIONER, "queue.buffering.max.messages": 200_000}
        )
        for one in messages:
            producer.produce(one.topic, one.value, one.key, headers=list(one.headers), on_delivery=confirmed)
            producer.poll(0)
        assert producer.flush(240) == 0
        assert failures == []

    def record(self, number: int, **more: Any) -> Message:
        """A record of this test, spread over the partitions."""
        content = samples.record(number, run=self.run, **more)
        return samples.message(topics.RECORDS.name, content, key=f"{self.run}-{number % 50}".encode())

    def count(self, index: str = EVENTS) -> int:
        """How many records of this test are indexed."""
        self.admin.request("POST", f"/{index}/_refresh")
        answer = self.admin.request("GET", f"/{index}/_count", self.of_this_test())
        return int(answer.body["count"]) if answer.ok else -1

    def search(self, index: str, query: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The hits of a query, of this test's records by default."""
        self.admin.request("POST", f"/{index}/_refresh")
        answer = self.admin.request("POST", f"/{index}/_search", {"size": 10_000, **(query or self.of_this_test())})
        return list(answer.body["hits"]["hits"]) if answer.ok else []

    def of_this_test(self) -> dict[str, Any]:
        """A query for this test's records and trails."""
        return {"query": {"term": {"vcs.repository.url.full": f"https://git.example/{self.run}"}}}

    def await_count(self, expected: int, *, timeout_s: float = 240) -> None:
        """Wait until so many records are indexed."""
        wait_for(lambda: self.count() == expected, timeout_s=timeout_s, what=f"{expected} records to be indexed")
