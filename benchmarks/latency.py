"""How long it takes from an event to the finding about it, through a real Kafka, at a steady rate of mixed events.

`pipetrail process` with all rules, RocksDB and its usual settings. One event in so many is an override, which makes a finding.
The wait counts from when the event was handed to Kafka's client to when a bare consumer has the finding. The floor, in the same
run: messages of the same size at the same rate that go through Kafka once, from producer to consumer, without a processor. An
event goes through twice. Starts a Kafka of its own and leaves nothing behind.
"""

import argparse
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from _own_stack import own_stack
from confluent_kafka import Consumer, Producer
from notify import Floor, report, send, started
from pipetrail_processors.engine.topics_admin import TopicsAdmin
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import ALL, DEAD_LETTERS
from pure_function import stream

_WARM_S = 5.0
_COME_S = 10.0


class Bounce(threading.Thread):
    """Reads a topic that nobody else uses here, and notes when each key came."""

    def __init__(self, kafka: KafkaConnection) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, float] = {}
        self.stopping = threading.Event()
        self._consumer = Consumer({**kafka.client_config(), "group.id": "bounce", "auto.offset.reset": "earliest"})
        self._consumer.subscribe([DEAD_LETTERS.name])

    def run(self) -> None:
        """Until `stopping`."""
        with closing(self._consumer) as consumer:
            while not self.stopping.is_set():
                message = consumer.poll(0.1)
                if message is not None and message.error() is None:
                    self.seen[(message.key() or b"").decode()] = time.time()


def bounce(kafka: KafkaConnection, values: Iterator[bytes], rate: float, seconds: float) -> None:
    """Print the floor: once through Kafka."""
    reader = Bounce(kafka)
    reader.start()
    producer = Producer({**kafka.client_config(), "linger.ms": 0, "enable.idempotence": True})
    sent: dict[str, float] = {}
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        left = began + number / rate - time.perf_counter()
        if left > 0:
            time.sleep(left)
        sent[str(number)] = time.time()
        producer.produce(DEAD_LETTERS.name, next(values), str(number))
        producer.poll(0)
    producer.flush(60)
    deadline = time.monotonic() + _COME_S
    while len(reader.seen) < len(sent) and time.monotonic() < deadline:
        time.sleep(0.1)
    reader.stopping.set()
    reader.join()
    # The first messages find a consumer that is still joining.
    late = {name: moment for name, moment in sent.items() if int(name) > rate * _WARM_S}
    report("once through Kafka", late, reader.seen)


def measure(folder: Path, kafka: KafkaConnection, chosen: argparse.Namespace) -> None:
    """Run it all, and print."""
    ordinary = stream(int(chosen.rate * (2 * chosen.seconds + 2 * _WARM_S)) + 2)
    bounce(kafka, ordinary, chosen.rate, _WARM_S + chosen.seconds / 3)
    env = {"PIPETRAIL_HOME": str(folder), "PIPETRAIL_PROCESS_DATADIR": str(folder / "worker")}
    reader = Floor(kafka)
    reader.start()
    with started("process", folder / "processing", env):
        send(kafka, ordinary, _WARM_S, chosen)
        sent = send(kafka, ordinary, chosen.seconds, chosen)
        deadline = time.monotonic() + _COME_S
        while not sent.keys() <= reader.seen.keys() and time.monotonic() < deadline:
            time.sleep(0.1)
    reader.stopping.set()
    reader.join()
    report("event to finding", sent, reader.seen)
    if missing := sent.keys() - reader.seen.keys():
        raise SystemExit(f"{len(missing)} findings did not come")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, default=500.0, help="events a second (default 500)")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long (default 60)")
    parser.add_argument("--every", type=int, default=10, help="one in so many events is an override (default 10)")
    chosen = parser.parse_args()
    with own_stack(opensearch=False) as (folder, stack):
        kafka = stack.connection.require_kafka()
        TopicsAdmin(kafka).apply(ALL)
        measure(folder, kafka, chosen)


if __name__ == "__main__":
    main()
