"""The notifier as people run it: a process beside a real Kafka and a real receiver of webhooks."""

import os
import subprocess
import sys
import termios
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from pipetrail_schemas.topics import FINDINGS, PARTITIONER
from pipetrail_sinks.notify.commands import _console_group
from support.alerts import finding
from support.index_bench import PATIENCE_S, Process
from support.wait import wait_for

if TYPE_CHECKING:
    from pipetrail_deploy.stack import Stack

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Screen:
    """What a terminal shows, read as it comes."""

    def __init__(self, descriptor: int) -> None:
        self.text = ""
        self._descriptor = descriptor
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of the terminal; what ran on it has ended."""
        self._thread.join()
        os.close(self._descriptor)

    def _read(self) -> None:
        try:
            while data := os.read(self._descriptor, 65_536):
                self.text += data.decode("utf-8", "replace")
        except OSError:  # Linux says so when nobody has the other end any more
            return


class NotifyBench:
    """A test's own corner of a Kafka: it reads what was written since the test began."""

    def __init__(self, stack: "Stack", folder: Path, routes: str) -> None:
        self.stack = stack
        self.folder = folder
        self.run = uuid4().hex
        self._kafka = stack.connection.require_kafka().client_config()
        self._starts = 0
        self._from = wait_for(self._ends, timeout_s=120, what="topics that were just made to have leaders")
        self.group = self.new_group()
        self.shown = folder / "shown.txt"
        (folder / "routes.yaml").write_text(routes, encoding="utf-8")

    def new_group(self) -> str:
        """A group that reads everything of this test, from its beginning."""
        return self._from_the_beginning(f"test-{uuid4().hex}")

    def _from_the_beginning(self, group: str) -> str:
        admin = AdminClient(self._kafka)  # a name of its own: its futures end when it is collected
        (future,) = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, self._from)]).values()
        future.result(120)
        return group

    @contextmanager
    def notify(self, *, ready: bool = True, group: str | None = None, state: str = "notify.sqlite") -> Iterator[Process]:
        """Run `pipetrail notify`; at the end it is stopped if it still runs, and must have stopped well."""
        self._starts += 1
        ready_file, log_file = self.folder / f"ready-{self._starts}", self.folder / f"log-{self._starts}"
        env = os.environ | {
            "PIPETRAIL_HOME": str(self.stack.home),
            "PIPETRAIL_NOTIFY_ROUTES": str(self.folder / "routes.yaml"),
            "PIPETRAIL_NOTIFY_STATE": str(self.folder / state),
            "PIPETRAIL_NOTIFY_GROUP": group or self.group,
            "PIPETRAIL_NOTIFY_ALLOW_LOOPBACK": "true",
            "TEST_SECRET": SECRET,
        }
        command = [sys.executable, "-m", "pipetrail", "notify", "--ready-file", str(ready_file)]
        with (
            log_file.open("wb") as log,
            self.shown.open("ab") as shown,
            subprocess.Popen(command, env=env, stdout=shown, stderr=log, cwd=self.folder) as popen,
        ):
            process = Process(popen, log_file)
            try:
                if ready:
                    wait_for(
                        lambda: ready_file.exists() or popen.poll() is not None, timeout_s=120, what="the notifier to be ready"
                    )
                    assert popen.poll() is None, log_file.read_text()
                yield process
                if popen.poll() is None:
                    assert process.stop(PATIENCE_S) == 0, log_file.read_text()
            finally:
                popen.kill()

    @contextmanager
    def console(self) -> Iterator["Screen"]:
        """Run `pipetrail notify --console` on a terminal of its own."""
        inner, outer = os.openpty()
        termios.tcsetwinsize(outer, (50, 100))
        state = self.folder / "view.sqlite"
        if not self._starts:
            self._from_the_beginning(_console_group(self.group, state.with_name("view-console.sqlite")))
        self._starts += 1
        env = os.environ | {
            "PIPETRAIL_HOME": str(self.stack.home),
            "PIPETRAIL_NOTIFY_STATE": str(state),
            "PIPETRAIL_NOTIFY_GROUP": self.group,
            "TERM": "xterm",
        }
        env.pop("NO_COLOR", None)
        command = [sys.executable, "-m", "pipetrail", "notify", "--console"]
        with subprocess.Popen(command, env=env, stdout=outer, cwd=self.folder) as popen:
            os.close(outer)
            screen = Screen(inner)
            try:
                yield screen
                popen.terminate()
                assert popen.wait(PATIENCE_S) == 0
            finally:
                popen.kill()
                screen.close()

    def finding(self, number: int, **more: Any) -> dict[str, Any]:
        """A finding of this test, of now."""
        from pipetrail_schemas.times import now  # noqa: PLC0415 - a test's own clock is fixed everywhere else

        document = finding(number, time=now(), trail=f"{self.run}-{number}", **more)
        identity = f"{number:08x}-{self.run[:4]}-5000-8000-{self.run[4:16]}"
        document["event"]["id"] = document["pipetrail"]["finding"]["id"] = identity
        return document

    def produce(self, documents: Iterable[dict[str, Any]]) -> None:
        """Write findings to their topic and wait until Kafka has them."""
        producer = Producer({**self._kafka, "partitioner": PARTITIONER})
        for document in documents:
            producer.produce(FINDINGS.name, orjson.dumps(document), document["event"]["id"].encode())
            producer.poll(0)
        assert producer.flush(240) == 0

    def _ends(self) -> list[TopicPartition]:
        with closing(Consumer({**self._kafka, "group.id": "ends"})) as consumer:
            try:
                places = [TopicPartition(FINDINGS.name, number) for number in range(FINDINGS.partitions)]
                ends = [consumer.get_watermark_offsets(place, timeout=60) for place in places]
            except KafkaException:
                return []
        assert all(ends)
        return [TopicPartition(one.topic, one.partition, end[1]) for one, end in zip(places, ends, strict=True)]
