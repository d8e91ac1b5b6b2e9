"""The collector as it runs, and a real Kafka: what was answered with 2xx arrives, as an event, a dead letter, or a count."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from pipetrail_schemas import codec
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.event import Event
from pipetrail_schemas.topics import DEAD_LETTERS, EVENTS, Topic
from support.collect import Running, running
from support.collector import AGENT_TOKEN, ENV, signed
from support.index_bench import STOP_S
from support.kafka import Message, ensure_topics, read_all
from support.patience import PATIENT
from support.wait import wait_for

pytestmark = pytest.mark.stack


@pytest.fixture
def kafka(stack: Any) -> KafkaConnection:
    """The stack's broker, with its topics."""
    connection: KafkaConnection = stack.connection.require_kafka()
    ensure_topics(connection)
    return connection


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
        wait_for(lambda: len(found(kafka, EVENTS, run)) == 2, timeout_s=120, what="both events")
        wait_for(collector.delivered, timeout_s=120, what="the store to be empty")
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
        wait_for(lambda: len(found(kafka, DEAD_LETTERS, run)) == len(bodies), timeout_s=120, what="the dead letters")
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
        wait_for(lambda: len(found(kafka, EVENTS, run)) == 200, timeout_s=120, what="200 events")
        wait_for(collector.delivered, timeout_s=120, what="the store to be empty")


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
            collector.process.wait(120)
    with running(tmp_path, kafka) as collector:
        wait_for(collector.delivered, timeout_s=120, what="the store to be empty")
    events = [codec.decode(message.value) for message in found(kafka, EVENTS, run)]
    assert {event.data.event.reason for event in events if event.data.event} == answered
    assert len({event.id for event in events}) == len(answered)
    assert len({message.value for message in found(kafka, EVENTS, run)}) == len(answered)


def test_a_dead_delivering_process_is_started_again(tmp_path: Path, kafka: KafkaConnection) -> None:
    """When the process beside it is killed, the collector goes on answering, and starts another one."""
    run = uuid.uuid4().hex
    with running(tmp_path, kafka) as collector:
        wait_for(lambda: collector.client.get("/healthz").json()["delivery"]["running"], timeout_s=120, what="the process")
        children = Path(f"/proc/{collector.process.pid}/task/{collector.process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        assert collector.incident(run, 1).status_code == 202
        wait_for(lambda: len(found(kafka, EVENTS, run)) == 1, timeout_s=120, what="the event")


def test_a_stop_is_quick_and_clean(tmp_path: Path, kafka: KafkaConnection) -> None:
    """SIGTERM: what was answered is safe, both processes end in time, with code 0."""
    run = uuid.uuid4().hex
    with running(tmp_path, kafka) as collector:
        for number in range(100):
            collector.incident(run, number)
        collector.process.terminate()
        assert collector.process.wait(STOP_S) == 0
    with running(tmp_path, kafka) as collector:
        wait_for(collector.delivered, timeout_s=120, what="the store to be empty")
    assert len({message.value for message in found(kafka, EVENTS, run)}) == 100


def test_missing_numbers_of_an_agent_are_told(tmp_path: Path, kafka: KafkaConnection) -> None:
    """An agent's numbers that do not come within the wait become one event, and those that came late become none."""
    run = uuid.uuid4().hex
    sample = json.loads((Path(__file__).parents[3] / "schemas/samples/v1/incident.reported.json").read_bytes())
    with running(tmp_path, kafka, PIPETRAIL_COLLECT_GAP_WAIT_S="2") as collector:
        batch = []
        for number in (0, 1, 5, 4, 8):
            pipetrail = {**sample["data"].get("pipetrail", {}), "delivery": {"id": run, "sequence": number}}
            batch.append({**sample, "id": str(uuid.uuid4()), "data": {**sample["data"], "pipetrail": pipetrail}})
        # In one request: however slow the machine, 4 is not later than the wait.
        headers = {"content-type": "application/cloudevents-batch+json", "authorization": f"Bearer {AGENT_TOKEN}"}
        assert collector.client.post("/v1/events", json=batch, headers=headers).status_code == 202

        def gaps() -> list[str]:
            events = [codec.decode(message.value) for message in found(kafka, EVENTS, run)]
            return sorted(str(e.data.event.reason) for e in events if e.kind.name == "source.gap" and e.data.event)

        wait_for(lambda: len(gaps()) == 2, timeout_s=120, what="two gaps")
        assert gaps() == [
            f"events 2 to 3 of the stream {run} did not arrive",
            f"events 6 to 7 of the stream {run} did not arrive",
        ]


def test_the_five_minutes_of_the_page(tmp_path: Path, kafka: KafkaConnection) -> None:
    """The page's file of sources, its payload and its own curl: the commit is on the topic, and another secret is refused."""
    page = (Path(__file__).parents[3] / "docs" / "connect.md").read_text(encoding="utf-8")
    _, setting, sending = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    sources = setting.partition("<<'END'\n")[2].partition("\nEND\n")[0]
    commit = uuid.uuid4().hex + "01234567"
    with running(tmp_path, kafka, sources=sources) as collector:
        address = str(collector.client.base_url).rstrip("/")
        script = sending.replace("http://127.0.0.1:8480", address).replace("8f2c1ab0c3d4e5f60718293a4b5c6d7e8f901234", commit)
        for secret, answer in ((ENV["GITHUB_WEBHOOK_SECRET"], "202"), ("somebody else's, long enough", "401")):
            env = {"PATH": os.environ["PATH"], "GITHUB_WEBHOOK_SECRET": secret}
            done = subprocess.run(("bash", "-ec", script), cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
            assert done.stdout.splitlines()[0].split()[1] == answer
        wait_for(lambda: len(found(kafka, EVENTS, commit)) == 2, timeout_s=120, what="the push and its commit")
    assert {codec.decode(one.value).kind.name for one in found(kafka, EVENTS, commit)} == {"push.received", "commit.recorded"}


def test_an_event_that_an_agent_lost_is_told(tmp_path: Path, kafka: KafkaConnection) -> None:
    """Three times `emit`: the second is refused and its machine's disk thrown away. The collector misses its number."""
    run = uuid.uuid4().hex
    with running(tmp_path / "collector", kafka, PIPETRAIL_COLLECT_GAP_WAIT_S="2") as collector:
        codes = [emitted(collector, tmp_path, run, token) for token in (AGENT_TOKEN, "not-the-token-of-anybody", AGENT_TOKEN)]
        assert codes == [0, 75, 0]

        def told() -> dict[str, Event]:
            mine = [codec.decode(message.value) for message in found(kafka, EVENTS, run)]
            streams = {str(event.extra.delivery.id) for event in mine if event.extra.delivery}
            about = [codec.decode(message.value) for stream in streams for message in found(kafka, EVENTS, stream)]
            return {event.kind.name: event for event in about}

        wait_for(lambda: "source.gap" in told(), timeout_s=120, what="the gap")
    assert "events 1 of the stream " in str(told()["source.gap"].data.event)


def emitted(collector: Running, home: Path, run: str, token: str) -> int:
    """How `pipetrail emit` ended; what it had to spool is gone afterwards."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PIPETRAIL_SPOOL": str(home / "spool"),
        "PIPETRAIL_COLLECTOR_URL": str(collector.client.base_url),
        "PIPETRAIL_COLLECTOR_TOKEN": token,
        **PATIENT,
    }
    command = (sys.executable, "-m", "pipetrail", "emit", "incident.reported", "--reason", run)
    code = subprocess.run(command, cwd=home, env=env, capture_output=True, check=False).returncode
    for record in (home / "spool").glob("*.event"):
        record.unlink()
    return code


def test_a_broker_that_falls_silent_or_dies_loses_nothing(tmp_path: Path, kafka: KafkaConnection, stack: Any) -> None:
    """Under load the broker stops answering for 10 s without closing a connection, then is killed: all of it arrives, once."""
    run = uuid.uuid4().hex
    broker = stack.kafka.process.pid
    with running(tmp_path, kafka) as collector:
        answered = [collector.incident(run, number).status_code for number in range(50)]
        os.kill(broker, signal.SIGSTOP)
        try:
            until = time.monotonic() + 10
            while time.monotonic() < until:
                answered.append(collector.incident(run, len(answered)).status_code)
        finally:
            os.kill(broker, signal.SIGCONT)
        stack.kafka.kill()
        answered += [collector.incident(run, len(answered) + more).status_code for more in range(50)]
        stack.kafka.start()
        wait_for(collector.delivered, timeout_s=120, what="Kafka to have all")
    assert set(answered) == {202}
    values = {message.value for message in found(kafka, EVENTS, run)}
    assert len(values) == len({json.loads(value or b"")["id"] for value in values}) == len(answered)
