"""How fast the Faust worker is, beside Quix Streams doing the same job, and beside the pure function that both call.

The job: events in, the whole of enrich → correlate → detect with all rules, state in RocksDB with a changelog, records, trails,
findings and links out, links in again, at least once, a checkpoint every second. Both run as a process of their own, one after
the other, on the same broker and the same events. The rate is taken from the first of the records that they wrote to the last,
so that starting up does not count; on a busy machine the processor time for an event says more. Both write the same;
the number of trails is checked.

Starts a Kafka of its own, and leaves nothing behind.
"""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import orjson
from _own_stack import own_stack
from confluent_kafka import Consumer, Producer, TopicPartition
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.engine.topics_admin import TopicsAdmin
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.pipeline import Pipeline
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import ALL, EVENTS, FINDINGS, LINKS, PARTITIONER, RECORDS, TRAILS
from pure_function import ROUND, run, stream

_HEADERS = [("content-type", b"application/cloudevents+json")]
_LIMIT_S = 600.0
_STOP_S = 30.0
_COMMIT_S = 1.0
_LOOK_S = 0.1
_QUIET_LOOKS = 20
_WAIT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Measured:
    """Events a second, processor time in microseconds for each of them, and how many trails were written about."""

    rate: float
    cpu_us: float
    trails: int

    def __str__(self) -> str:
        return f"{self.rate:10,.0f} events/s {self.cpu_us:6.0f} µs of processor time an event"


def main() -> None:
    """Run the benchmark, or its peer as a process."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=50_000, help="how many events (default 50000)")
    parser.add_argument("--quix", metavar="SERVERS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quix:
        run_quix(options.quix)
        return
    values = list(stream(options.events))
    seconds, _ = run(values, ROUND)
    print(f"pure function      {len(values) / seconds:10,.0f} events/s", flush=True)
    with own_stack(opensearch=False) as (folder, stack):
        kafka = stack.connection.require_kafka()
        TopicsAdmin(kafka).apply(ALL)
        fill(kafka, values)
        worker = measure(kafka, worker_process(folder), len(values))
        quix = measure(kafka, quix_process(folder, kafka), len(values))
    print(f"Faust worker       {worker}")
    print(f"Quix Streams       {quix}")
    print(f"ratio to Quix      {worker.rate / quix.rate:10.2f}          {quix.cpu_us / worker.cpu_us:6.2f} by processor time")
    print(f"ratio to the pure  {worker.rate * seconds / len(values):10.2f}")
    if worker.trails != quix.trails:
        raise SystemExit(f"not the same job: {worker.trails} trails and {quix.trails}")


def fill(kafka: KafkaConnection, values: list[bytes]) -> None:
    """Write the events."""
    producer = Producer({**kafka.client_config(), "partitioner": PARTITIONER, "linger.ms": 20, "enable.idempotence": True})
    for value in values:
        producer.produce(EVENTS.name, key=orjson.loads(value)["partitionkey"].encode(), value=value, headers=list(_HEADERS))
        producer.poll(0)
    if producer.flush(60):
        raise SystemExit("the events could not be written")


def measure(kafka: KafkaConnection, command: tuple[list[str], dict[str, str]], events: int) -> Measured:
    """How the command does the job, seen from the records and trails that it writes."""
    with closing(output_consumer(kafka)) as consumer, started(*command) as process:
        times: list[float] = []
        trails: set[bytes] = set()
        deadline, quiet, used_s = monotonic() + _LIMIT_S, 0, 0.0
        while len(times) < events or quiet < _QUIET_LOOKS:  # the trails of the last records come with or after them
            if process.poll() is not None or monotonic() > deadline:
                raise SystemExit(f"{command[0]} wrote {len(times)} of {events} records")
            messages = consumer.consume(1000, _LOOK_S)
            quiet = quiet + 1 if not messages else 0
            if messages and not times:
                used_s = cpu_s(process.pid)
            # Not the messages' own times: the peer's bear those of the events.
            times += [monotonic()] * sum(message.topic() == RECORDS.name for message in messages)
            trails |= {message.key() or b"" for message in messages if message.topic() == TRAILS.name}
        used_s = cpu_s(process.pid) - used_s
    return Measured(events / (times[-1] - times[0]), used_s / events * 1e6, len(trails))


def worker_process(home: Path) -> tuple[list[str], dict[str, str]]:
    """The command and environment of the Faust worker."""
    env = {"PIPETRAIL_HOME": str(home), "PIPETRAIL_PROCESS_COMMIT_INTERVAL_S": str(_COMMIT_S)}
    return [sys.executable, "-m", "pipetrail", "process"], env | {"PIPETRAIL_PROCESS_ALIAS_WAIT_S": str(7 * 86_400)}


def quix_process(home: Path, kafka: KafkaConnection) -> tuple[list[str], dict[str, str]]:
    """The command and environment of the peer."""
    return [sys.executable, __file__, "--quix", kafka.bootstrap_servers], {"QUIX_STATE": str(home / "quix")}


def run_quix(servers: str) -> None:
    """The same job on Quix Streams, until SIGTERM."""
    # Only the environment of the benchmarks has it.
    from quixstreams import Application  # type: ignore[import-not-found]  # noqa: PLC0415
    from quixstreams.models import Serializer, Topic  # type: ignore[import-not-found]  # noqa: PLC0415

    class ValueOfOutput(Serializer):  # type: ignore[misc]
        """An output is (topic, key, value)."""

        def __call__(self, value: Any, ctx: Any) -> Any:  # noqa: ARG002 - Quix's signature
            return value[2]

    app = Application(
        servers,
        consumer_group="quix",
        auto_offset_reset="earliest",
        commit_interval=_COMMIT_S,
        state_dir=os.environ["QUIX_STATE"],
        producer_extra_config={"linger.ms": 5, "compression.type": "lz4", "enable.idempotence": True},
        auto_create_topics=True,  # its changelog topics
        loglevel="WARNING",
    )
    pipeline = Pipeline(policy=Policy(), rules=RuleSet.load(), alias_wait=_WAIT)
    outputs: dict[str, Topic] = {
        topic.name: app.topic(topic.name, key_serializer="bytes", value_serializer=ValueOfOutput())
        for topic in (RECORDS, TRAILS, FINDINGS, LINKS)
    }
    events = app.topic(EVENTS.name, key_deserializer="bytes", value_deserializer="bytes")
    links = app.topic(LINKS.name, key_deserializer="bytes", value_deserializer="bytes")

    def on_event(value: bytes, key: bytes, _time: int, headers: Any, state: Any) -> list[tuple[str, bytes, bytes | None]]:
        found = pipeline.on_event(value, headers or (), QuixState(state), key)
        return [(one.topic.name, one.key, one.value) for one in found]

    def on_link(value: bytes, key: bytes, _time: int, _headers: Any, state: Any) -> list[tuple[str, bytes, bytes | None]]:
        return [(one.topic.name, one.key, one.value) for one in pipeline.on_link(key, value, QuixState(state))]

    for source, function in ((events, on_event), (links, on_link)):
        frame = app.dataframe(source).apply(function, stateful=True, expand=True, metadata=True)
        frame.to_topic(lambda value, *_: outputs[value[0]], key=lambda value: value[1])
    app.run()


class QuixState:
    """The pure core's view of a Quix state, which belongs to one message key, as the core's keys do."""

    def __init__(self, state: Any) -> None:
        self._state = state

    def get(self, key: bytes) -> bytes | None:
        """The value of the key, None where there is none."""
        found: bytes | None = self._state.get_bytes(key.decode("latin-1"))
        return found

    def set(self, key: bytes, value: bytes) -> None:
        """Write the value of the key."""
        self._state.set_bytes(key.decode("latin-1"), value)

    def delete(self, key: bytes) -> None:
        """Remove the key."""
        self._state.delete(key.decode("latin-1"))


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, by proc_pid_stat(5), fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def output_consumer(kafka: KafkaConnection) -> Consumer:
    """Reads the records and trails that are written from now on."""
    consumer = Consumer({**kafka.client_config(), "group.id": "bench", "enable.auto.commit": False})
    places = [TopicPartition(topic.name, number) for topic in (RECORDS, TRAILS) for number in range(topic.partitions)]
    for place in places:
        ends = consumer.get_watermark_offsets(place, timeout=30)
        if ends is None:
            raise SystemExit("Kafka does not answer")
        place.offset = ends[1]
    consumer.assign(places)
    return consumer


@contextmanager
def started(command: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is told to stop at the end."""
    with subprocess.Popen(command, env=os.environ | env) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            deadline = monotonic() + _STOP_S
            while process.poll() is None and monotonic() < deadline:
                sleep(0.1)
            process.kill()


if __name__ == "__main__":
    main()
