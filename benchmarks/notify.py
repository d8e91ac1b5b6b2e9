"""How long it takes from an event to the alert about it, at a steady rate of events.

A real Kafka, `pipetrail process` with all rules and `pipetrail notify` with a webhook channel as they run, and a receiver of
HTTP beside them. Events of ordinary deliveries come at a fixed rate; one in so many is an override, which makes a finding and
an alert. The wait counts from when the event was handed to Kafka's client to when the receiver has the whole request. The floor
is a bare consumer that reads the findings topic: no notifier can know of a finding earlier.
Starts a Kafka of its own and leaves nothing behind.
"""

import argparse
import asyncio
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson
from _own_stack import own_stack
from confluent_kafka import Consumer, Producer
from pipetrail_processors.engine.topics_admin import TopicsAdmin
from pipetrail_schemas import ids, times
from pipetrail_schemas.check import event_type
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import ALL, EVENTS, FINDINGS, PARTITIONER
from pure_function import stream

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of nothing but this
# The ordinary deliveries' events are older than a notifier tells of by default.
ROUTES = """
max_age: 9999d
channels: {{hook: {{type: webhook, url: "{url}", secrets: [{{env: BENCHMARK_SECRET}}]}}}}
routes: [{{name: all, to: [hook], wait: 0s, group: finding}}]
"""
_HEADERS = [("content-type", b"application/cloudevents+json")]
_STARTED_WITHIN_S = 60.0
_ARRIVED_WITHIN_S = 60.0
_WARM_S = 5.0
_MARK = "benchmark "


def override(number: int, run: str) -> dict[str, Any]:
    """Somebody passes over a protection, now; the reason tells which event it is."""
    kind = event_type("policy.bypassed")
    repository = f"https://git.example/acme/service-{number % 50}"
    moment = times.format_time(times.now())
    return {
        "specversion": "1.0",
        "id": ids.event_id(provider="bench", instance=repository, kind="override", native_id=f"{run} {number}"),
        "source": repository,
        "type": kind.full_name,
        "time": moment,
        "recordedtime": moment,
        "partitionkey": repository,
        "data": {
            "event": {"reason": f"{_MARK}{run} {number}"},
            "user": {"id": f"user-{number}", "name": f"User {number}"},
            "vcs": {"repository": {"url": {"full": repository}}, "ref": {"head": {"name": "main", "type": "branch"}}},
            "pipetrail": {"control": "branch protection"},
        },
    }


def receive(ports: Any, results: Any) -> None:
    """Runs in a process of its own: answers webhooks, and puts (which override, when) of each."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            body = await reader.readexactly(length)
            now = time.time()
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            for item in orjson.loads(body)["data"]["items"]:
                results.put((item["reason"], now))

    async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(quiet, "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


class Floor(threading.Thread):
    """Reads the findings topic and notes when each came; `seen` maps the override's reason to seconds since 1970."""

    def __init__(self, kafka: KafkaConnection) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, float] = {}
        self.stopping = threading.Event()
        config = {**kafka.client_config(), "group.id": "floor", "auto.offset.reset": "earliest", "fetch.wait.max.ms": 50}
        self._consumer = Consumer(config)
        self._consumer.subscribe([FINDINGS.name])

    def run(self) -> None:
        """Until `stopping`."""
        with closing(self._consumer) as consumer:
            while not self.stopping.is_set():
                message = consumer.poll(0.1)
                if message is None or message.error() is not None or not message.value():
                    continue
                now = time.time()
                reason = orjson.loads(message.value() or b"{}")["event"].get("reason")
                self.seen.setdefault(str(reason), now)


def send(kafka: KafkaConnection, ordinary: Iterator[bytes], seconds: float, chosen: argparse.Namespace) -> dict[str, float]:
    """Hand events to Kafka, each at its time; when each override was handed over."""
    rate, run = chosen.rate, str(time.time())
    producer = Producer({**kafka.client_config(), "partitioner": PARTITIONER, "linger.ms": 0, "enable.idempotence": True})
    sent: dict[str, float] = {}
    began = time.perf_counter() + 0.1
    for number in range(int(rate * seconds)):
        left = began + number / rate - time.perf_counter()
        if left > 0:
            time.sleep(left)
        if number % chosen.every:
            value = next(ordinary)
            key = orjson.loads(value)["partitionkey"]
        else:
            event = override(number, run)
            value, key = orjson.dumps(event), event["partitionkey"]
            sent[f"{_MARK}{run} {number}"] = time.time()
        producer.produce(EVENTS.name, value, key.encode(), headers=list(_HEADERS))
        producer.poll(0)
    if producer.flush(60):
        raise SystemExit("the events could not be written")
    return sent


def collect(results: Any, wanted: int) -> dict[str, float]:
    """When each override's alert came, until all did."""
    came: dict[str, float] = {}
    deadline = time.monotonic() + _ARRIVED_WITHIN_S
    while len(came) < wanted and time.monotonic() < deadline:
        try:
            reason, moment = results.get(timeout=1.0)
        except queue.Empty:
            continue
        if str(reason).startswith(_MARK):
            came.setdefault(reason, moment)
    return came


def report(name: str, sent: Mapping[str, float], came: Mapping[str, float]) -> float:
    """Print one line; the 99th percentile in milliseconds."""
    waits = sorted((came[one] - moment) * 1000 for one, moment in sent.items() if one in came)
    p50, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    print(f"{name:22} p50 {p50:7.1f} ms   p99 {p99:7.1f} ms   longest {waits[-1]:7.1f} ms   {len(waits)} of {len(sent)}")
    return p99


@contextmanager
def started(verb: str, ready: Path, env: Mapping[str, str]) -> Iterator[None]:
    """A pipetrail process, from when it is ready."""
    command = [sys.executable, "-m", "pipetrail", verb, "--ready-file", str(ready)]
    with subprocess.Popen(command, env=os.environ | env, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + _STARTED_WITHIN_S
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"pipetrail {verb} did not start")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def measure(folder: Path, kafka: KafkaConnection, chosen: argparse.Namespace) -> None:
    """Run it all, and print."""
    context = get_context("spawn")
    ports, results = context.Queue(), context.Queue()
    receiver = context.Process(target=receive, args=(ports, results), daemon=True)
    receiver.start()
    routes = folder / "routes.yaml"
    routes.write_text(ROUTES.format(url=f"http://127.0.0.1:{ports.get(timeout=30)}/"), encoding="utf-8")
    env = {"PIPETRAIL_HOME": str(folder), "PIPETRAIL_PROCESS_DATADIR": str(folder / "worker"), "BENCHMARK_SECRET": SECRET}
    env |= {"PIPETRAIL_NOTIFY_ROUTES": str(routes), "PIPETRAIL_NOTIFY_ALLOW_LOOPBACK": "true"}
    floor = Floor(kafka)
    floor.start()
    try:
        with started("process", folder / "processing", env), started("notify", folder / "notifying", env):
            ordinary = stream(int(chosen.rate * (chosen.seconds + _WARM_S)) + 1)
            # The first alerts open connections and load code.
            collect(results, len(send(kafka, ordinary, _WARM_S, chosen)))
            sent = send(kafka, ordinary, chosen.seconds, chosen)
            came = collect(results, len(sent))
    finally:
        receiver.terminate()
        floor.stopping.set()
        floor.join()
    at_best = report("finding on its topic", sent, floor.seen)
    print(f"ratio of the p99s      {report('alert at the receiver', sent, came) / at_best:.2f}")
    if came.keys() != sent.keys():
        raise SystemExit(f"{len(sent.keys() - came.keys())} alerts did not come")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, default=500.0, help="events a second (default 500)")
    parser.add_argument("--seconds", type=float, default=30.0, help="for how long (default 30)")
    parser.add_argument("--every", type=int, default=20, help="one in so many events is an override (default 20)")
    chosen = parser.parse_args(arguments)
    with own_stack(opensearch=False) as (folder, stack):
        kafka = stack.connection.require_kafka()
        TopicsAdmin(kafka).apply(ALL)
        measure(folder, kafka, chosen)


if __name__ == "__main__":
    main()
