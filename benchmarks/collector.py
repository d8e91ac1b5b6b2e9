"""How long a webhook's sender waits for the collector's answer, beside the same server answering without doing anything.

`pipetrail collect` as it runs: signatures checked, secrets looked for, every delivery synced to disk before its answer, and the
delivering process translating and sending to a real Kafka beside it. The floor is the same uvicorn with an application that
reads the body and answers. Both get GitHub's `workflow_job` deliveries of about 8 kB at a fixed rate from a generator of our
own: an open loop, in which a request is due at its time whether or not earlier ones were answered, and its wait counts from
then. Starts a Kafka of its own and leaves nothing behind.
"""

import argparse
import asyncio
import hmac
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httptools
import uvloop
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pipetrail_deploy.places import Home, remove_data
from pipetrail_deploy.stack import running
from pipetrail_schemas.topics import DEAD_LETTERS, EVENTS

SECRET = "the secret of a benchmark"  # noqa: S105 - of nothing but this
SOURCES = "sources:\n  - {name: forge, system: github, secrets: [{env: BENCHMARK_SECRET}]}\n"
REPOSITORY = "https://forge.example/pay/shop"
STARTED_WITHIN_S = 30.0
FLOOR = """
import sys
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

async def hook(request):
    await request.body()
    return Response(b'{"status":"stored"}', 202, media_type="application/json")

app = Starlette(routes=[Route("/hooks/{path:path}", hook, methods=["POST"])])

class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        open(sys.argv[1], "w").write(str(self.servers[0].sockets[0].getsockname()[1]))

options = {"loop": "uvloop", "http": "httptools", "access_log": False, "log_config": None}
Server(uvicorn.Config(app, host="127.0.0.1", port=0, **options)).run()
"""


def payload(number: int) -> bytes:
    """A delivery as GitHub sends it when a job ends: many addresses, and what happened among them."""
    urls = {f"{name}_url": f"https://api.forge.example/repos/pay/shop/{name}{{/sha}}" for name in NAMES}
    user = {"login": "ann", "id": 5, "type": "User", **{f"{name}_url": f"{REPOSITORY}/{name}" for name in NAMES[:15]}}
    job = {
        "id": number,
        "run_id": number // 4,
        "run_attempt": 1,
        "run_url": f"{REPOSITORY}/actions/runs/{number // 4}",
        "html_url": f"{REPOSITORY}/actions/runs/{number // 4}/job/{number}",
        "head_sha": f"{number:040x}",
        "head_branch": "main",
        "status": "completed",
        "conclusion": "success",
        "created_at": "2026-11-23T09:00:00Z",
        "started_at": "2026-11-23T09:00:10Z",
        "completed_at": "2026-11-23T09:06:40Z",
        "name": "unit tests",
        "workflow_name": "ci",
        "steps": [
            {"name": f"step {step}", "status": "completed", "conclusion": "success", "number": step} for step in range(12)
        ],
        "labels": ["ubuntu-latest"],
        "runner_id": 7,
        "runner_name": "runner-7",
    }
    repository = {"id": 74, "name": "shop", "full_name": "pay/shop", "html_url": REPOSITORY, "owner": user, **urls}
    return json.dumps({"action": "completed", "workflow_job": job, "repository": repository, "sender": user}).encode()


NAMES = tuple(
    f"{noun}{kind}" for noun in ("commit", "branch", "issue", "tag", "tree") for kind in ("s", "_events", "_refs", "_keys")
)


class Connection(asyncio.Protocol):
    """One kept-alive connection of the generator."""

    def __init__(self, generator: "Generator") -> None:
        self.generator = generator
        self.due = 0.0
        self.request = b""
        self.transport: Any = None
        self.parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """The server closes idle connections; a request that crosses this is sent again, as any client does."""
        del exc
        if self in self.generator.free:
            self.generator.free.remove(self)
        elif self.request and not self.generator.done.is_set():
            self.generator.again(self.request, self.due)

    def data_received(self, data: bytes) -> None:
        """A part of an answer is there."""
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        """An answer is there."""
        self.generator.answered(self, self.parser.get_status_code())
        self.parser = httptools.HttpResponseParser(self)

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due at that time."""
        self.due, self.request = due, request
        if self.transport.is_closing():
            self.generator.again(request, due)
        else:
            self.transport.write(request)


class Generator:
    """Sends requests when they are due. `waits` are seconds from due to answered."""

    def __init__(self, port: int, requests: Sequence[bytes], rate: float) -> None:
        self.port, self.requests, self.rate = port, requests, rate
        self.free: list[Connection] = []
        self.waits: list[float] = []
        self.refused = self.repeated = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.done = asyncio.Event()

    def answered(self, connection: Connection, status: int) -> None:
        """Note an answer."""
        self.waits.append(time.perf_counter() - connection.due)
        connection.request = b""
        self.refused += status != 202
        self.free.append(connection)
        if len(self.waits) == len(self.requests):
            self.done.set()

    async def run(self) -> None:
        """Send all."""
        loop = asyncio.get_running_loop()
        for _ in range(20):
            await self._connect(loop)
        began = time.perf_counter() + 0.1
        for number, request in enumerate(self.requests):
            due = began + number / self.rate
            if (left := due - time.perf_counter()) > 0:
                await asyncio.sleep(left)
            if not self.free:
                await self._connect(loop)
            self.free.pop().send(request, due)
        try:
            await asyncio.wait_for(self.done.wait(), 60)
        except TimeoutError:
            self.refused += len(self.requests) - len(self.waits)

    def again(self, request: bytes, due: float) -> None:
        """Send a request anew, on a new connection."""
        self.repeated += 1
        self.tasks.add(asyncio.create_task(self._again(request, due)))

    async def _again(self, request: bytes, due: float) -> None:
        _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(self), "127.0.0.1", self.port)
        connection.send(request, due)

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> None:
        _, connection = await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.port)
        self.free.append(connection)


def generate(port: int, count: int, rate: float, results: Any) -> None:
    """Runs in a process of its own: put the waits of all requests."""
    requests = [_request(payload(number)) for number in range(count)]
    generator: Generator | None = None

    async def work() -> None:
        nonlocal generator
        generator = Generator(port, requests, rate)
        await generator.run()

    uvloop.run(work())
    assert generator is not None
    results.put((generator.waits, generator.refused, resource.getrusage(resource.RUSAGE_SELF).ru_utime))


def _request(body: bytes) -> bytes:
    signature = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    head = (
        "POST /hooks/github HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nX-GitHub-Event: workflow_job\r\n"
        f"X-GitHub-Delivery: {signature[:32]}\r\nX-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def measure(port: int, seconds: float, rate: float) -> list[float]:
    """Milliseconds that each sender waited, sorted."""
    context = get_context("spawn")
    results = context.Queue()
    process = context.Process(target=generate, args=(port, int(seconds * rate), rate, results))
    process.start()
    waits, refused, _ = results.get(timeout=seconds + 60)
    process.join()
    if refused:
        raise SystemExit(f"{refused} requests were refused")
    return sorted(wait * 1000 for wait in waits)


@contextmanager
def listening(command: Sequence[str], ready: Path, env: dict[str, str]) -> Iterator[int]:
    """A server process while the context lasts; the port that it wrote."""
    with subprocess.Popen([sys.executable, *command], env=env, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + STARTED_WITHIN_S
            while not (ready.exists() and ready.read_text().strip()):
                if time.monotonic() > deadline or process.poll() is not None:
                    raise SystemExit("the server did not start")
                time.sleep(0.05)
            yield int(ready.read_text())
        finally:
            process.terminate()


def lag(folder: Path) -> int:
    """Bytes that Kafka does not have."""
    from pipetrail_producers.collector.backlog import read_place, waiting_bytes  # noqa: PLC0415 - not needed by the generator

    return waiting_bytes(folder, read_place(folder))


def report(name: str, waits: Sequence[float]) -> tuple[float, float]:
    """Print one line; the median and the 99th percentile."""
    p50, p99 = statistics.median(waits), waits[int(len(waits) * 0.99)]
    print(f"{name:10} p50 {p50:7.2f} ms   p99 {p99:7.2f} ms   longest {waits[-1]:7.2f} ms   {len(waits)} requests")
    return p50, p99


def main() -> None:
    """Print both servers' waits, their ratio, and how far Kafka was behind at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=1000.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, home = Path(name), Path(name) / "stack"
        env = {"PATH": os.environ["PATH"], "HOME": name, "BENCHMARK_SECRET": SECRET, "PIPETRAIL_HOME": name}
        with listening(["-c", FLOOR, str(folder / "floor")], folder / "floor", env) as port:
            floor = report("floor", measure(port, min(chosen.seconds, 20), chosen.rate))
        try:
            with running(home, opensearch=False) as stack:
                kafka = stack.connection.require_kafka()
                admin = AdminClient({**kafka.client_config(), "log_level": 0})
                for topic in (EVENTS, DEAD_LETTERS):
                    admin.create_topics([NewTopic(topic.name, topic.partitions, 1, config=topic.config())])[topic.name].result(
                        30
                    )
                _collector(folder, env, kafka.bootstrap_servers, chosen, floor)
        finally:
            remove_data(Home(home))


def _collector(folder: Path, env: dict[str, str], servers: str, chosen: argparse.Namespace, floor: tuple[float, float]) -> None:
    (folder / "sources.yaml").write_text(SOURCES, encoding="utf-8")
    env |= {
        "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": servers,
        "PIPETRAIL_COLLECT_SOURCES": str(folder / "sources.yaml"),
        "PIPETRAIL_COLLECT_PORT": "0",
    }
    ready = folder / "ready"
    with listening(["-m", "pipetrail", "collect", "--ready-file", str(ready)], ready, env) as port:
        p50, p99 = report("collector", measure(port, chosen.seconds, chosen.rate))
        behind, ended = lag(folder / "collector"), time.monotonic()
        while lag(folder / "collector"):
            time.sleep(0.1)
        caught_up = time.monotonic() - ended
    print(f"collector / floor   p50 {p50 / floor[0]:.2f}   p99 {p99 / floor[1]:.2f}")
    print(f"Kafka was {behind / 1e6:.1f} MB behind at the end, and had all {caught_up:.1f} s later")


if __name__ == "__main__":
    main()
