"""`pipetrail collect` as a process of its own, for tests with a real Kafka."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from pipetrail_producers.collector.backlog import read_place, waiting_bytes
from pipetrail_schemas.connection import KafkaConnection
from support.collector import ENV, SOURCES
from support.wait import wait_for


@dataclass(slots=True)
class Running:
    """A collector that runs as a process of its own."""

    process: subprocess.Popen[bytes]
    client: httpx.Client
    store: Path

    def incident(self, run: str, number: int) -> httpx.Response:
        """Send a delivery that becomes an event."""
        body = json.dumps({"event": "incident", "id": f"{run}-{number}", "reason": f"{run} {number}"})
        return self.client.post("/hooks/generic", content=body.encode())

    def delivered(self) -> bool:
        """Whether Kafka has all that is stored."""
        return waiting_bytes(self.store, read_place(self.store)) == 0


@contextmanager
def running(home: Path, kafka: KafkaConnection, *, sources: str = SOURCES, **settings: str) -> Iterator[Running]:
    """`pipetrail collect` while the context lasts; ended by SIGTERM unless it is dead already. `sources` is its file."""
    home.mkdir(exist_ok=True)
    (home / "sources.yaml").write_text(sources, encoding="utf-8")
    ready = home / "ready"
    ready.unlink(missing_ok=True)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PIPETRAIL_HOME": str(home),
        "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "PIPETRAIL_COLLECT_SOURCES": str(home / "sources.yaml"),
        "PIPETRAIL_COLLECT_PORT": "0",
        **ENV,
        **settings,
    }
    command = (sys.executable, "-m", "pipetrail", "collect", "--ready-file", str(ready))
    with (home / "log").open("ab") as log, subprocess.Popen(command, env=env, stderr=log) as process:
        try:
            wait_for(lambda: ready.exists() and ready.read_text(), timeout_s=120, what="the collector to be ready")
            url = f"http://127.0.0.1:{int(ready.read_text())}"
            with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
                yield Running(process, client, home / "collector")
        finally:
            process.terminate()
            process.wait(120)
