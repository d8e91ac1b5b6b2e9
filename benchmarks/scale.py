"""Whether a worker stays fast and small when a million trails are open, and how soon a lost state of them is back.

For a few and for many open trails alike: their state is put into the changelog (`open_trails`); a worker without
a folder starts, and has to bring it back; then events come, each of a trail drawn from all that are open (one that is through
is followed by a new one), so that nearly each event of the many needs a trail that was not touched for long. The rate is
counted from the records that the worker writes. Both have the same mix of events, all rules, RocksDB, at least once.

Each size has a Kafka of its own; nothing is left behind.
"""

import argparse
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from statistics import median
from time import monotonic, sleep

import orjson
from _own_stack import own_stack
from aiokafka.partitioner import murmur2  # type: ignore[import-untyped] # it ships no types
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from open_trails import APART_S, queue, stage_of, states, verify
from pipetrail_processors.engine.packing import pack
from pipetrail_processors.engine.topics_admin import TopicsAdmin, changelog_topic
from pipetrail_processors.state.state import MemoryState
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import ALL, EVENTS, LINKS, RECORDS, RESOLVED
from pure_function import REPOSITORIES, delivery, repository_of
from worker import cpu_s, fill, output_consumer, started, worker_process

_GROUP = "pipetrail-processor-v1"
_PROCESSES = 2
_READY_S = 600.0
_DRAINED_S = 300.0
_LIMIT_S = 300.0
_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured with so many open trails."""

    trails: int
    rates: list[float]
    cpu_us: float
    peak_mb: float
    back_s: float
    changelog_mb: float
    disk_mb: float

    def __str__(self) -> str:
        rounds = ", ".join(f"{rate:,.0f}" for rate in self.rates)
        return (
            f"{self.trails:>10,} trails {median(self.rates):7,.0f} events/s (rounds: {rounds}), {self.cpu_us:.0f} µs of"
            f" processor time an event; worker at most {self.peak_mb:,.0f} MiB; state back {self.back_s:.1f} s after the start,"
            f" {self.changelog_mb:,.0f} MiB of changelog, {self.disk_mb:,.0f} MiB of disk"
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trails", type=int, default=1_000_000, help="how many are many open trails (default 1000000)")
    parser.add_argument("--few", type=int, default=1_000, help="how many are few (default 1000)")
    parser.add_argument("--events", type=int, default=20_000, help="events a round (default 20000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of events for each (default 3)")
    options = parser.parse_args()
    few, many = (measured(size, options.events, options.rounds) for size in (options.few, options.trails))
    print(f"ratio of the rates {median(many.rates) / median(few.rates):.2f}, by processor time {few.cpu_us / many.cpu_us:.2f}")


def measured(trails: int, events: int, rounds: int) -> Measured:
    """Everything, with so many open trails."""
    with own_stack(opensearch=False) as (folder, stack):
        kafka = stack.connection.require_kafka()
        found = measure(folder, kafka, trails, (events, rounds))
    print(found, flush=True)
    return found


def measure(folder: Path, kafka: KafkaConnection, trails: int, load: tuple[int, int]) -> Measured:
    """Fill, start a worker, and let events come."""
    admin = TopicsAdmin(kafka)
    changelog = changelog_topic(_GROUP, "state", EVENTS.partitions)
    admin.apply([*ALL, changelog])
    verify(trails - 1)
    fill_changelog(kafka, changelog.name, trails)
    deliveries = Open(trails)
    command, env = worker_process(folder)
    ready, data = folder / "ready", folder / "worker"
    began = monotonic()
    with started([*command, "--ready-file", str(ready)], env | {"PIPETRAIL_PROCESS_DATADIR": str(data)}) as process:
        _wait(ready.exists, process, _READY_S)
        back_s = monotonic() - began
        _wait(lambda: _lag(kafka) == 0, process, _DRAINED_S)  # links that the filled trails gave
        cpu_before = cpu_s(process.pid)
        rates = [_round(kafka, [deliveries.next() for _ in range(load[0])], process) for _ in range(load[1])]
        used_s = cpu_s(process.pid) - cpu_before
        peak = next(line for line in Path(f"/proc/{process.pid}/status").read_text("ascii").splitlines() if "VmHWM" in line)
    logs = (path for path in folder.rglob(f"{changelog.name}-*/*.log"))
    return Measured(
        trails,
        rates,
        used_s / (load[0] * load[1]) * 1e6,
        int(peak.split()[1]) / 1024,
        back_s,
        sum(path.stat().st_size for path in logs) / _MB,
        sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) / _MB,
    )


class Open:
    """The deliveries that are under way."""

    def __init__(self, trails: int) -> None:
        self._numbers = list(range(trails))
        self._done: dict[int, int] = {}
        self._new = trails
        self._random = random.Random(1)  # noqa: S311 - the same draws each time are what is wanted

    def next(self) -> bytes:
        """The next event of any of them."""
        place = self._random.randrange(len(self._numbers))
        number = self._numbers[place]
        events = list(delivery(number, APART_S))
        step = self._done.get(number, stage_of(number))
        if step + 1 < len(events):
            self._done[number] = step + 1
        else:
            self._numbers[place] = self._new
            self._done[self._new] = 0
            self._new += 1
        return events[step]


def fill_changelog(kafka: KafkaConnection, changelog: str, trails: int) -> None:
    """Put the state of so many open trails into the changelog."""
    partitions = Counter(partition_of(repository_of(number)) for number in range(REPOSITORIES))
    shares: list[list[int]] = [[] for _ in range(_PROCESSES)]
    for partition, _ in partitions.most_common():
        min(shares, key=lambda share: sum(partitions[one] for one in share)).append(partition)
    context = get_context("spawn")
    processes = [context.Process(target=fill_share, args=(kafka, changelog, trails, share)) for share in shares]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise SystemExit("the state could not be filled")


def partition_of(key: str) -> int:
    """Where Kafka puts the key (`murmur2_random`)."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % EVENTS.partitions)


def fill_share(kafka: KafkaConnection, changelog: str, trails: int, partitions: Iterable[int]) -> None:
    """Runs in a process of its own: the trails of some partitions."""
    config = {**kafka.client_config(), "linger.ms": 50, "compression.type": "lz4", "enable.idempotence": True}
    producer = Producer({**config, "queue.buffering.max.messages": 500_000})

    homes = [partition_of(repository_of(number)) for number in range(REPOSITORIES)]
    for partition in partitions:
        shared = MemoryState()
        mine = [number for number in range(trails) if homes[number % REPOSITORIES] == partition]
        for number, found, entries in states(mine):
            for key, value in found:
                _put(producer, changelog, partition, key, value)
            queue(shared, number, entries)
            producer.poll(0)
        for key, value in shared.values.items():
            _put(producer, changelog, partition, key, value)
    if producer.flush(60):
        raise SystemExit("Kafka did not take the state")


def _put(producer: Producer, changelog: str, partition: int, key: bytes, value: bytes) -> None:
    while True:
        try:
            producer.produce(changelog, pack(value), key, partition)
        except BufferError:
            producer.poll(0.1)
            if (parent := parent_process()) and not parent.is_alive():
                raise SystemExit("the benchmark was ended") from None
        else:
            return


def _round(kafka: KafkaConnection, values: list[bytes], process: subprocess.Popen[bytes]) -> float:
    """Events a second that the worker takes in when all of these come at once."""
    with closing(output_consumer(kafka)) as consumer:
        fill(kafka, values)
        times: list[float] = []
        wanted = {orjson.loads(value)["id"] for value in values}
        deadline = monotonic() + _LIMIT_S
        while wanted:
            if process.poll() is not None or monotonic() > deadline:
                raise SystemExit(f"the worker wrote {len(times)} of {len(values)} records")
            for message in consumer.consume(1000, 0.1):
                if message.topic() == RECORDS.name:
                    times.append(monotonic())
                    wanted.discard(orjson.loads(message.value() or b"")["event"]["id"])
    _wait(lambda: _lag(kafka) == 0, process, _DRAINED_S)
    return len(values) / (times[-1] - times[0])


def _lag(kafka: KafkaConnection) -> int:
    """How many messages the worker has not committed yet."""
    places = [TopicPartition(topic.name, number) for topic in (EVENTS, LINKS, RESOLVED) for number in range(topic.partitions)]
    with closing(Consumer({**kafka.client_config(), "group.id": _GROUP})) as consumer:
        ends = {(one.topic, one.partition): consumer.get_watermark_offsets(one, 30) for one in places}
    admin = AdminClient(kafka.client_config())
    (future,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(_GROUP, places)]).values()
    committed = future.result(30).topic_partitions
    return sum(ends[one.topic, one.partition][1] - max(0, one.offset) for one in committed)


def _wait(until: Callable[[], bool], process: subprocess.Popen[bytes], limit_s: float) -> None:
    deadline = monotonic() + limit_s
    while not until():
        if process.poll() is not None or monotonic() > deadline:
            raise SystemExit("the worker ended, or does not get there")
        sleep(0.2)


if __name__ == "__main__":
    main()
