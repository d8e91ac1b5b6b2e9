"""Whether a worker stays fast and small when a million trails are open, and how soon a lost state of them is back.

For a few and for many open trails alike: their state is put into the changelog (`_open_trails`); a worker without
a folder starts, and has to bring it back; then events come, one for each open trail in turn, in an order drawn anew each
time (one that is through is followed by a new one), so that each event of the many needs a trail that was not touched for long.
The rate is counted from the records that the worker writes. Both have the same mix of events, all rules, RocksDB.

A trail is published once a round, however many events of the round are its own. A thousand trails are some 83 a partition,
so that in the worker's usual rounds of 500 events each has several: fewer trails are published, which has nothing to do with
how many are open. So the same is measured in rounds so small that their events are of different trails for few and for many
alike: that ratio tells what open trails cost. How many trails are published for an event is printed beside each.

Each size has a Kafka of its own; nothing is left behind.
"""

import argparse
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from statistics import median
from time import monotonic, sleep

import orjson
from _open_trails import APART_S, queue, stage_of, states, verify
from _own_stack import own_stack
from aiokafka.partitioner import murmur2  # type: ignore[import-untyped] # it ships no types
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from pipetrail_processors.engine.packing import pack
from pipetrail_processors.engine.topics_admin import TopicsAdmin, changelog_topic
from pipetrail_processors.state.state import MemoryState
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import ALL, EVENTS, LINKS, RECORDS, RESOLVED, TRAILS, Topic
from pure_function import REPOSITORIES, delivery, repository_of
from worker import cpu_s, fill, output_consumer, started, worker_process

_GROUP = "pipetrail-processor-v1"
_PROCESSES = 2
# At most so many events are taken in at once: as the setting's default, and fewer than a partition has of a thousand trails.
_SIZES = (500, 50)
_READY_S = 600.0
_DRAINED_S = 300.0
_LIMIT_S = 300.0
_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast it was in rounds of at most so many events, and how many trails were published for an event."""

    size: int
    rates: list[float]
    cpu_us: float
    published: float

    def __str__(self) -> str:
        rounds = ", ".join(f"{rate:,.0f}" for rate in self.rates)
        return (
            f"{'':10} in rounds of {self.size:3} {median(self.rates):7,.0f} events/s ({rounds}), {self.cpu_us:.0f} µs of"
            f" processor time and {self.published:.2f} trails published an event"
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured with so many open trails."""

    trails: int
    paces: list[Pace]
    peak_mb: float
    back_s: float
    changelog_mb: float
    disk_mb: float

    def __str__(self) -> str:
        size = (
            f"{self.trails:>10,} trails; worker at most {self.peak_mb:,.0f} MiB; state back {self.back_s:.1f} s after the"
            f" start, {self.changelog_mb:,.0f} MiB of changelog, {self.disk_mb:,.0f} MiB of disk"
        )
        return "\n".join([size, *map(str, self.paces)])


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trails", type=int, default=1_000_000, help="how many are many open trails (default 1000000)")
    parser.add_argument("--few", type=int, default=1_000, help="how many are few (default 1000)")
    parser.add_argument("--events", type=int, default=20_000, help="events a round (default 20000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of events for each (default 3)")
    options = parser.parse_args()
    few, many = (measured(size, options.events, options.rounds) for size in (options.few, options.trails))
    for one, other in zip(few.paces, many.paces, strict=True):
        rates, cpu = median(other.rates) / median(one.rates), one.cpu_us / other.cpu_us
        print(f"ratio of the rates in rounds of {one.size:3}: {rates:.2f}, by processor time {cpu:.2f}")


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
    data = folder / "worker"
    paces, peaks, back_s = [], [], 0.0
    for size in _SIZES:
        with _worker(folder, data, size) as (process, seconds):
            back_s = back_s or seconds  # the first has to bring it back
            _wait(lambda: _lag(kafka) == 0, process, _DRAINED_S)  # links that the filled trails gave
            paces.append(_pace(kafka, process, [[deliveries.next() for _ in range(load[0])] for _ in range(load[1])], size))
            status = Path(f"/proc/{process.pid}/status").read_text("ascii").splitlines()
            peaks.append(next(int(line.split()[1]) for line in status if "VmHWM" in line) / 1024)
    logs = (path for path in folder.rglob(f"{changelog.name}-*/*.log"))
    return Measured(
        trails,
        paces,
        max(peaks),
        back_s,
        sum(path.stat().st_size for path in logs) / _MB,
        sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) / _MB,
    )


@contextmanager
def _worker(home: Path, data: Path, size: int) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """A worker that takes in at most so many events at once, and the seconds until it was ready."""
    command, env = worker_process(home)
    ready = home / f"ready-{size}"
    env |= {"PIPETRAIL_PROCESS_DATADIR": str(data), "PIPETRAIL_PROCESS_BATCH_MESSAGES": str(size)}
    began = monotonic()
    with started([*command, "--ready-file", str(ready)], env) as process:
        _wait(ready.exists, process, _READY_S)
        yield process, monotonic() - began


def _pace(kafka: KafkaConnection, process: subprocess.Popen[bytes], rounds: list[list[bytes]], size: int) -> Pace:
    cpu_before, published = cpu_s(process.pid), _length(kafka, TRAILS)
    rates = [_round(kafka, values, process) for values in rounds]
    events = sum(map(len, rounds))
    used_s = cpu_s(process.pid) - cpu_before
    return Pace(size, rates, used_s / events * 1e6, (_length(kafka, TRAILS) - published) / events)


def _length(kafka: KafkaConnection, topic: Topic) -> int:
    """How many messages were ever written to a topic."""
    with closing(Consumer({**kafka.client_config(), "group.id": "bench"})) as consumer:
        places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        return sum(consumer.get_watermark_offsets(place, 30)[1] for place in places)


class Open:
    """The deliveries that are under way."""

    def __init__(self, trails: int) -> None:
        self._numbers = list(range(trails))
        self._done: dict[int, int] = {}
        self._new = trails
        self._turn: list[int] = []
        self._random = random.Random(1)  # noqa: S311 - the same draws each time are what is wanted

    def next(self) -> bytes:
        """The next event of the one whose turn it is."""
        if not self._turn:
            self._turn = self._random.sample(range(len(self._numbers)), len(self._numbers))
        place = self._turn.pop()
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
