"""The collector as it runs, and a real Kafka: what was answered with 2xx arrives, as an event, a dead letter, or a count."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pipetrail_producers.collector.backlog import read_place, waiting_bytes
from pipetrail_schemas import codec
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import DEAD_LETTERS, EVENTS, Topic
from support.collector import AGENT_TOKEN, ENV, SOURCES, signed
from support.kafka import Message, ensure_topics, read_all
from support.wait import wait_for

pytestmark = pytest.mark.stack


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


@pytest.fixture
def kafka(stack: Any) -> KafkaConnection:
    """The stack's broker, with its topics."""
    connection: KafkaConnection = stack.connection.require_kafka()
    ensure_topics(connection)
    return connection


@contextmanager
def running(home: Path, kafka: KafkaConnection, **settings: str) -> Iterator[Running]:
    """`pipetrail collect` while the context lasts; ended by SIGTERM unless it is dead already."""
    home.mkdir(exist_ok=True)
    (home / "sources.yaml").write_text(SOURCES, encoding="utf-8")
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
            wait_for(lambda: ready.exists() and ready.read_text(), timeout_s=30, what="the collector to be ready")
            url = f"http://127.0.0.1:{int(ready.read_text())}"
            with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
                yield Running(process, client, home / "collector")
        finally:
            process.terminate()
            process.wait(20)


def found(kafka: KafkaConnection, topic: Topic, run: str) -> list[Message]:
    """What stands on a topic of one test."""
    return [message for message in read_all(kafka, topic) if run.encode() in (message.value or b"")]


def test_a_delivery_becomes_an_event(tmp_path: Path, kafka: KafkaConnection) -> None:
    """A webhook and an agent's event come to the events topic, with how their senders were proven."""
    run = uuid.uuid4().hex
    sent = codec.decode((Path(__file__).parents[3] / "schemas/samples/v1/build.finished.json").read_bytes())
    event = {**sent.model_dump(mode="json", exclude_none=True), "subject": run, "authtype": "oidc", "authid": "somebody"}
    with running(tmp_path, kafka) as collector:
        assert collector.incident(run, 1).status_code == 202
        headers = {"content-type": "application/cloudevents+json", "authorization": f"Bearer {AGENT_TOKEN}"}
        assert collector.client.post("/v1/events", json=event, headers=headers).status_code == 202
        wait_for(lambda: len(found(kafka, EVENTS, run)) == 2, timeout_s=30, what="both events")
        wait_for(collector.delivered, timeout_s=10, what="the store to be empty")
        health = collector.client.get("/healthz").json()
        assert (health["ready"], health["delivery"]["waiting_bytes"]) == (True, 0)
    events = {codec.decode(message.value, message.headers).kind.name: message for message in found(kafka, EVENTS, run)}
    incident = codec.decode(events["incident.reported"].value)
    assert (incident.authtype, incident.authid) == ("unauthenticated", "in-house")
    build = codec.decode(events["build.finished"].value)
    assert (build.id, build.authtype, build.authid) == (sent.id, "token", "build-agents")
    assert events["build.finished"].key == build.partitionkey.encode()


def test_what_cannot_be_translated_is_a_dead_letter(tmp_path: Path, kafka: KafkaConnection) -> None:
    """A body that no translator knows is answered with 2xx, and is a dead letter, byte for byte, that says why."""
    run = uuid.uuid4().hex
    bodies = [b'{ "run": "%s" }' % run.encode(), b"\xff not JSON " + run.encode(), b'{"ref": 1, "x": "%s"}' % run.encode()]
    with running(tmp_path, kafka) as collector:
        assert collector.client.post("/hooks/generic", content=bodies[0]).status_code == 202
        assert collector.client.post("/hooks/generic", content=bodies[1]).status_code == 202
        headers = {"x-github-event": "nobody_knows", **signed(bodies[2])}
        assert collector.client.post("/hooks/github", content=bodies[2], headers=headers).status_code == 202
        wait_for(lambda: len(found(kafka, DEAD_LETTERS, run)) == len(bodies), timeout_s=30, what="the dead letters")
    letters = {message.value: dict(message.headers) for message in found(kafka, DEAD_LETTERS, run)}
    assert letters.keys() == set(bodies)
    assert b"no rule of the mapping" in (letters[bodies[0]]["error"] or b"")
    assert b"no JSON" in (letters[bodies[1]]["error"] or b"")
    assert letters[bodies[2]]["original-x-github-event"] == b"nobody_knows"
    assert {letter["stage"] for letter in letters.values()} == {b"collect"}


def test_an_outage_of_kafka_loses_nothing(tmp_path: Path, kafka: KafkaConnection, stack: Any) -> None:
    """While Kafka is away everything is accepted, /healthz stays ready and says what waits; all of it arrives afterwards."""
    run = uuid.uuid4().hex
    with running(tmp_path, kafka) as collector:
        stack.kafka.stop()
        try:
            assert [collector.incident(run, number).status_code for number in range(200)] == [202] * 200
            health = collector.client.get("/healthz").json()
            assert health["ready"]
            assert health["delivery"]["waiting_bytes"] > 0
        finally:
            stack.kafka.start()
        wait_for(lambda: len(found(kafka, EVENTS, run)) == 200, timeout_s=60, what="200 events")
        wait_for(collector.delivered, timeout_s=10, what="the store to be empty")


def test_a_killed_collector_loses_nothing_it_answered(tmp_path: Path, kafka: KafkaConnection) -> None:
    """Killed five times under load: every answered delivery arrives, the same byte for byte however often it came."""
    run = uuid.uuid4().hex
    answered: set[str] = set()
    for attempt in range(5):
        with running(tmp_path, kafka) as collector:
            for number in range(attempt * 40, attempt * 40 + 40):
                if collector.incident(run, number).status_code == 202:
                    answered.add(f"{run} {number}")
            collector.process.send_signal(signal.SIGKILL)
            collector.process.wait(10)
    with running(tmp_path, kafka) as collector:
        wait_for(collector.delivered, timeout_s=60, what="the store to be empty")
    events = [codec.decode(message.value) for message in found(kafka, EVENTS, run)]
    assert {event.data.event.reason for event in events if event.data.event} == answered
    assert len({event.id for event in events}) == len(answered)
    assert len({message.value for message in found(kafka, EVENTS, run)}) == len(answered)


def test_a_dead_delivering_process_is_started_again(tmp_path: Path, kafka: KafkaConnection) -> None:
    """When the process beside it is killed, the collector goes on answering, and starts another one."""
    run = uuid.uuid4().hex
    with running(tmp_path, kafka) as collector:
        wait_for(lambda: collector.client.get("/healthz").json()["delivery"]["running"], timeout_s=20, what="the process")
        children = Path(f"/proc/{collector.process.pid}/task/{collector.process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        assert collector.incident(run, 1).status_code == 202
        wait_for(lambda: len(found(kafka, EVENTS, run)) == 1, timeout_s=30, what="the event")


def test_a_stop_is_quick_and_clean(tmp_path: Path, kafka: KafkaConnection) -> None:
    """SIGTERM: what was answered is safe, both processes end within 5 s, with code 0."""
    run = uuid.uuid4().hex
    with running(tmp_path, kafka) as collector:
        for number in range(100):
            collector.incident(run, number)
        began = time.monotonic()
        collector.process.terminate()
        assert collector.process.wait(10) == 0
        assert time.monotonic() - began < 5
    with running(tmp_path, kafka) as collector:
        wait_for(collector.delivered, timeout_s=30, what="the store to be empty")
    assert len({message.value for message in found(kafka, EVENTS, run)}) == 100


def test_missing_numbers_of_an_agent_are_told(tmp_path: Path, kafka: KafkaConnection) -> None:
    """An agent's numbers that do not come within the wait become one event, and those that came late become none."""
    run = uuid.uuid4().hex
    sample = json.loads((Path(__file__).parents[3] / "schemas/samples/v1/incident.reported.json").read_bytes())
    with running(tmp_path, kafka, PIPETRAIL_COLLECT_GAP_WAIT_S="2") as collector:
        for number in (0, 1, 5, 4, 8):
            pipetrail = {**sample["data"].get("pipetrail", {}), "delivery": {"id": run, "sequence": number}}
            event = {**sample, "id": str(uuid.uuid4()), "data": {**sample["data"], "pipetrail": pipetrail}}
            headers = {"content-type": "application/cloudevents+json", "authorization": f"Bearer {AGENT_TOKEN}"}
            assert collector.client.post("/v1/events", json=event, headers=headers).status_code == 202

        def gaps() -> list[str]:
            events = [codec.decode(message.value) for message in found(kafka, EVENTS, run)]
            return sorted(str(e.data.event.reason) for e in events if e.kind.name == "source.gap" and e.data.event)

        wait_for(lambda: len(gaps()) == 2, timeout_s=30, what="two gaps")
        assert gaps() == [
            f"events 2 to 3 of the stream {run} did not arrive",
            f"events 6 to 7 of the stream {run} did not arrive",
        ]
