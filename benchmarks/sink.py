"""How fast the sink writes, beside opensearch-py's `parallel_bulk` doing the same job; and how soon an event is found.

Both get the same messages as bytes, make documents of them (parse, set `event.ingested`, choose index and id) and create them
in indices of the same template, with two requests at once. Rounds alternate, each into an index of its own, so that neither
profits from a warm one. `parallel_bulk` neither retries nor tells a duplicate from another fact under the same id.

Starts a Kafka and an OpenSearch of its own, with users and TLS, and leaves nothing behind.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import orjson
from _own_stack import own_stack
from confluent_kafka import Producer
from opensearchpy import OpenSearch
from opensearchpy.helpers import parallel_bulk
from pipetrail_schemas import times
from pipetrail_schemas.connection import Connection
from pipetrail_schemas.ids import content_hash, event_id
from pipetrail_schemas.topics import PARTITIONER, RECORDS
from pipetrail_sinks.message import Message
from pipetrail_sinks.opensearch.client import Client
from pipetrail_sinks.opensearch.sink import OpenSearchSink

# Years that no real event has, so that the rounds' indices can be removed.
FIRST_YEAR = 2900
# What `pipetrail index` gives the sink at once.
BATCH = 4000
POLL_S = 0.02


def messages(count: int, year: int, run: str) -> list[Message]:
    """Records of about 1 kB, as a build's end makes them."""
    return [_message(number, f"{year}-06-15T12:00:00.000Z", run) for number in range(count)]


def sink_round(services: Connection, batch: Sequence[Message]) -> float:
    """Seconds that the sink takes for all messages."""
    sink = OpenSearchSink(Client(services.require_opensearch().as_user("indexer")))
    started = monotonic()
    for place in range(0, len(batch), BATCH):
        for message in batch[place : place + BATCH]:
            sink.add(message)
        if refused := sink.flush():
            raise SystemExit(f"refused: {refused[0].error}")
    taken = monotonic() - started
    sink.close()
    return taken


def parallel_bulk_round(services: Connection, batch: Sequence[Message]) -> float:
    """Seconds that opensearch-py's parallel_bulk takes for the same, with as many threads and as large chunks."""
    place = services.require_opensearch().as_user("indexer")
    auth = (place.user, place.password) if place.user else None
    tls: dict[str, Any] = {"ca_certs": str(place.ca_file)} if place.ca_file else {}
    client = OpenSearch([place.url], http_auth=auth, timeout=60, pool_maxsize=2, **tls)

    def actions() -> Iterator[dict[str, Any]]:
        for message in batch:
            source = orjson.loads(message.value or b"")
            source["event"]["ingested"] = times.format_time(times.now())
            index = f"pipetrail-events-v1-{source['@timestamp'][:4]}.{source['@timestamp'][5:7]}"
            yield {"_op_type": "create", "_index": index, "_id": source["event"]["id"], "_source": source}

    started = monotonic()
    for ok, result in parallel_bulk(client, actions(), thread_count=2, chunk_size=1000):
        if not ok:
            raise SystemExit(f"refused: {result}")
    taken = monotonic() - started
    client.close()
    return taken


def compare(services: Connection, count: int, rounds: int) -> None:
    """Print documents a second of both, and their ratio."""
    admin = Client(services.require_opensearch().as_user("admin"))
    jobs: list[tuple[str, Callable[[Connection, Sequence[Message]], float]]] = [
        ("pipetrail sink", sink_round),
        ("parallel_bulk", parallel_bulk_round),
    ]
    rates: dict[str, list[float]] = {name: [] for name, _ in jobs}
    for number in range(rounds + 1):
        # Who begins changes with every round; the first round warms up and does not count.
        for name, job in jobs if number % 2 else reversed(jobs):
            rate = count / job(services, messages(count, FIRST_YEAR, uuid4().hex))
            if not admin.request("DELETE", f"/pipetrail-events-v1-{FIRST_YEAR}.06").ok:
                raise SystemExit("the round's index is not there: was anything written?")
            if number:
                rates[name].append(rate)
    for name, measured in rates.items():
        spread = f"best {max(measured):,.0f}, worst {min(measured):,.0f}"
        print(f"{name:16}{statistics.median(measured):10,.0f} documents/s  ({spread})")
    ours, theirs = (statistics.median(rates[name]) for name, _ in jobs)
    print(f"{'ratio':16}{ours / theirs:10.2f}")
    admin.close()


def latency(services: Connection, rate: int, seconds: int) -> None:
    """Print how long after it was sent a record is found by search, through Kafka and `pipetrail index`."""
    run, group = uuid4().hex, f"bench-{uuid4().hex}"
    admin = Client(services.require_opensearch().as_user("admin"))
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        env = os.environ | {"PIPETRAIL_INDEX_GROUP": group, "PIPETRAIL_INDEX_LOG_LEVEL": "error"}
        with subprocess.Popen([sys.executable, "-m", "pipetrail", "index", "--ready-file", str(ready)], env=env) as process:
            while not ready.exists():
                sleep(POLL_S)
            waits = sorted(_waits(services, admin, run, rate, rate * seconds))
            process.terminate()
    admin.request("DELETE", f"/pipetrail-events-v1-{FIRST_YEAR + 1}.06")
    admin.close()
    shown = ", ".join(f"p{part} {waits[len(waits) * part // 100]:.2f} s" for part in (50, 95, 99))
    print(f"searchable after, at {rate} events/s for {seconds} s: {shown}")


def _waits(services: Connection, admin: Client, run: str, rate: int, count: int) -> list[float]:
    """For each record the seconds from sending until so many are found; records come in order closely enough for that."""
    producer = Producer({**services.require_kafka().client_config(), "acks": "all", "partitioner": PARTITIONER, "linger.ms": 5})
    query = {"query": {"term": {"vcs.repository.url.full": f"https://git.example/{run}"}}}
    sent: list[float] = []
    waits: list[float] = []
    _warm_up(producer, admin)
    begin = monotonic()
    while len(waits) < count:
        due = min(count, int((monotonic() - begin) * rate))
        for number in range(len(sent), due):
            message = _message(number, f"{FIRST_YEAR + 1}-06-15T12:00:00.000Z", run)
            producer.produce(RECORDS.name, message.value, f"{run}-{number % 100}")
            sent.append(monotonic())
        producer.poll(0)
        answer = admin.request("GET", f"/pipetrail-events-v1-{FIRST_YEAR + 1}.06/_count", query)
        found = answer.body["count"] if answer.ok else 0
        now = monotonic()
        waits += [now - moment for moment in sent[len(waits) : found]]
        sleep(POLL_S)
    return waits


def _warm_up(producer: Producer, admin: Client) -> None:
    """Wait until a record at the end of each partition is found: what stood on the topic before is then read."""
    run = uuid4().hex
    for partition in range(RECORDS.partitions):
        message = _message(partition, f"{FIRST_YEAR + 1}-06-15T12:00:00.000Z", run)
        producer.produce(RECORDS.name, message.value, run, partition=partition)
    producer.flush()
    query = {"query": {"term": {"vcs.repository.url.full": f"https://git.example/{run}"}}}
    found = 0
    while found < RECORDS.partitions:
        sleep(POLL_S)
        answer = admin.request("GET", f"/pipetrail-events-v1-{FIRST_YEAR + 1}.06/_count", query)
        found = answer.body["count"] if answer.ok else 0


def _message(number: int, time: str, run: str) -> Message:
    repository = f"https://git.example/{run}"
    content = {
        "@timestamp": time,
        "event": {
            "id": event_id(provider="bench", instance=repository, kind="build", native_id=str(number)),
            "kind": "event",
            "category": ["process"],
            "type": ["end"],
            "action": "build.finished",
            "outcome": "success",
            "created": time,
            "duration": 61_000_000_000,
            "hash": content_hash(str(number).encode()),
        },
        "user": {"id": str(number % 500), "name": f"user-{number % 500}", "roles": ["developer"]},
        "vcs": {
            "repository": {"name": "shop", "url": {"full": repository}},
            "ref": {"head": {"name": "main", "type": "branch", "revision": f"{number:040x}"}},
        },
        "cicd": {"pipeline": {"name": "main", "result": "success", "run": {"id": str(number), "url": {"full": repository}}}},
        "pipetrail": {
            "type": "dev.pipetrail.build.finished.v1",
            "event_type": "build.finished",
            "result": "success",
            "stage": "build",
            "trail": {"id": event_id(provider="bench", instance=repository, kind="trail", native_id=str(number))},
        },
        "related": {"hash": [f"{number:040x}"], "user": [f"user-{number % 500}"]},
    }
    return Message(RECORDS.name, number % RECORDS.partitions, number, run.encode(), orjson.dumps(content))


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--documents", type=int, default=40_000, help="documents a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count; one more warms up")
    parser.add_argument("--rate", type=int, default=500, help="events a second for the latency")
    parser.add_argument("--seconds", type=int, default=20, help="how long they come")
    arguments = parser.parse_args()
    with own_stack(opensearch=True) as (_, stack):
        os.environ["PIPETRAIL_HOME"] = str(stack.home)
        for verb in ("topics", "indices"):
            subprocess.run([sys.executable, "-m", "pipetrail", verb, "apply"], check=True, stdout=subprocess.DEVNULL)
        compare(stack.connection, arguments.documents, arguments.rounds)
        latency(stack.connection, arguments.rate, arguments.seconds)


if __name__ == "__main__":
    main()
