"""The agent and a real Kafka: what it says was delivered is there; what could not be delivered waits, and arrives later."""

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from pipetrail_deploy.ports import free_port
from pipetrail_producers.delivery import Delivery
from pipetrail_producers.message import Message
from pipetrail_producers.recorder import Recorder
from pipetrail_producers.spool import DAMAGED, Entry, Spool
from pipetrail_schemas import codec
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.topics import EVENTS
from support.kafka import Message as Found
from support.kafka import ensure_topics, read_all
from support.patience import PATIENT

ROOM = 1 << 28
SPOOLED = 75


@pytest.fixture
def kafka(stack: Any) -> KafkaConnection:
    """The stack's broker, with its topics."""
    connection: KafkaConnection = stack.connection.require_kafka()
    ensure_topics(connection)
    return connection


@pytest.fixture
def repository() -> str:
    """A repository of this test alone, and so a key of its own."""
    return f"https://git.acme.example/{uuid.uuid4().hex}"


def pipetrail(cwd: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder that is its home."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PIPETRAIL_SPOOL": str(cwd / "spool"), **PATIENT, **env}
    command = (sys.executable, "-m", "pipetrail", *arguments)
    return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)


def found(kafka: KafkaConnection, repository: str) -> list[Found]:
    """What stands on the events topic under a repository's key."""
    return [message for message in read_all(kafka, EVENTS) if message.key == repository.encode()]


def waiting(cwd: Path) -> list[Message]:
    """What waits in the spool of a folder."""
    spool = Spool(cwd / "spool", max_bytes=ROOM)
    return [entry.message for path in spool.paths() if isinstance(entry := spool.read(path), Entry)]


@pytest.mark.stack
def test_an_emitted_event_is_on_the_topic(tmp_path: Path, kafka: KafkaConnection, repository: str) -> None:
    """Exit code 0: the event is on the topic under its repository's key, in structured mode, and the contract accepts it."""
    env = {"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "PIPETRAIL_REPOSITORY": repository}
    done = pipetrail(tmp_path, "emit", "incident.reported", "--reason", "5xx", "--actor", "ada", **env)
    assert (done.returncode, done.stderr, waiting(tmp_path)) == (0, "", [])
    (message,) = found(kafka, repository)
    assert message.headers == (("content-type", b"application/cloudevents+json"),)
    event = codec.decode(message.value, message.headers)
    assert (event.kind.name, event.repository, event.actor) == ("incident.reported", repository, "ada")


@pytest.mark.stack
def test_a_run_is_told_by_two_events_in_order(tmp_path: Path, kafka: KafkaConnection, repository: str) -> None:
    """A run's start, end and artifact are on the topic in the order of happening, the artifact with the digest of its bytes."""
    env = {"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "PIPETRAIL_REPOSITORY": repository}
    arguments = ("--stage", "build", "--name", "shop", "--artifact", "made", "--", "sh", "-c", "printf content > made")
    assert pipetrail(tmp_path, "run", *arguments, **env).returncode == 0
    events = [codec.decode(message.value, message.headers) for message in found(kafka, repository)]
    assert [event.kind.name for event in events] == ["build.started", "build.finished", "artifact.packaged"]
    assert events[2].digest == "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    assert events[0].time <= events[1].time


@pytest.mark.stack
def test_what_was_spooled_arrives_byte_for_byte_by_flush(tmp_path: Path, kafka: KafkaConnection, repository: str) -> None:
    """Without a broker the code is 75 and the event waits; `flush` delivers the same bytes, oldest first, and no rest."""
    for number in range(3):
        arguments = ("emit", "incident.reported", "--reason", str(number), "--repository", repository)
        done = pipetrail(tmp_path, *arguments)
        assert done.returncode == SPOOLED
        assert "pipetrail flush" in done.stderr
    spooled = waiting(tmp_path)
    assert [json.loads(message.value)["data"]["event"]["reason"] for message in spooled] == ["0", "1", "2"]
    flushed = pipetrail(tmp_path, "flush", "--json", PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers)
    summary = json.loads(flushed.stdout)
    assert (flushed.returncode, summary["delivered"], summary["left"]) == (0, 3, 0)
    assert [(one.key, one.value) for one in found(kafka, repository)] == [(one.key, one.value) for one in spooled]
    assert waiting(tmp_path) == []


@pytest.mark.stack
def test_the_next_event_takes_along_what_waits_before_itself(tmp_path: Path, kafka: KafkaConnection, repository: str) -> None:
    """An event after an outage brings the spooled ones with it, and they come first."""
    pipetrail(tmp_path, "emit", "incident.reported", "--reason", "first", "--repository", repository)
    env = {"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
    done = pipetrail(tmp_path, "emit", "incident.resolved", "--reason", "second", "--repository", repository, **env)
    assert (done.returncode, waiting(tmp_path)) == (0, [])
    events = [codec.decode(message.value) for message in found(kafka, repository)]
    assert [event.kind.name for event in events] == ["incident.reported", "incident.resolved"]


@pytest.mark.stack
def test_a_damaged_record_does_not_hold_up_the_others(tmp_path: Path, kafka: KafkaConnection, repository: str) -> None:
    """Flush delivers what is whole, sets aside what is not, says where, and ends with 65."""
    for number in range(2):
        pipetrail(tmp_path, "emit", "incident.reported", "--reason", str(number), "--repository", repository)
    first = Spool(tmp_path / "spool", max_bytes=ROOM).paths()[0]
    first.write_bytes(first.read_bytes()[:-1])
    done = pipetrail(tmp_path, "flush", PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers)
    assert done.returncode == 65
    assert str(tmp_path / "spool" / DAMAGED / first.name) in done.stderr
    assert len(found(kafka, repository)) == 1


@pytest.mark.stack
def test_an_event_during_an_outage_arrives_when_it_is_over(
    tmp_path: Path, stack: Any, kafka: KafkaConnection, repository: str
) -> None:
    """Kafka stopped: 75 within the time-out, the run's code unchanged; Kafka back: everything is there once."""
    env = {"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "PIPETRAIL_REPOSITORY": repository}
    stack.kafka.stop()
    try:
        emitted = pipetrail(tmp_path, "emit", "incident.reported", "--reason", "down", **env)
        ran = pipetrail(tmp_path, "run", "--name", "n", "--", "sh", "-c", "exit 7", **env)
    finally:
        stack.kafka.start()
    assert (emitted.returncode, ran.returncode) == (SPOOLED, 7)
    assert "not delivered" in ran.stderr
    promised = sorted(message.value for message in waiting(tmp_path))
    assert len(promised) == 3
    assert pipetrail(tmp_path, "flush", PIPETRAIL_TIMEOUT="120", **env).returncode == 0
    assert sorted(message.value or b"" for message in found(kafka, repository)) == promised


@pytest.mark.stack
def test_a_message_that_kafka_refuses_does_not_hold_up_the_others(
    tmp_path: Path, kafka: KafkaConnection, repository: str
) -> None:
    """A message for a topic that does not exist stays; those behind it are delivered."""
    spool = Spool(tmp_path / "spool", max_bytes=ROOM)
    refused = Message("pipetrail.nowhere", b"k", b"v")
    good = Message(EVENTS.name, repository.encode(), b"{}")
    spool.add(refused, good)
    env = {
        "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "PIPETRAIL_SPOOL": str(spool.folder),
        "PIPETRAIL_TIMEOUT": "6",
        "PIPETRAIL_HOME": str(tmp_path),
    }
    flushed = Recorder(env).flush()
    assert (flushed.delivered, flushed.left) == (1, 1)
    assert waiting(tmp_path) == [refused]
    assert [message.value for message in found(kafka, repository)] == [good.value]


def test_a_refused_connection_does_not_cost_the_whole_time_out(tmp_path: Path) -> None:
    """Where nobody listens, an event is spooled within seconds, though the time-out is five minutes."""
    begin = time.monotonic()
    env = {"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}", "PIPETRAIL_TIMEOUT": "300"}
    done = pipetrail(tmp_path, "emit", "incident.reported", "--reason", "x", **env)
    assert (done.returncode, len(waiting(tmp_path))) == (SPOOLED, 1)
    assert time.monotonic() - begin < 200


def test_a_broker_that_never_answers_costs_the_time_out_and_no_more(tmp_path: Path) -> None:
    """A connection that is accepted and never answered ends with the time-out, in the spool."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = {"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{silent.getsockname()[1]}", "PIPETRAIL_TIMEOUT": "1.5"}
        begin = time.monotonic()
        done = pipetrail(tmp_path, "emit", "incident.reported", "--reason", "x", **env)
        took = time.monotonic() - begin
    assert (done.returncode, len(waiting(tmp_path))) == (SPOOLED, 1)
    assert 1.5 <= took < 100
    assert "1.5 s" in done.stderr


def test_a_signal_during_the_wait_keeps_the_event(tmp_path: Path) -> None:
    """SIGTERM while Kafka is waited for ends the wait: the event goes into the spool, and the code says so."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = {
            "PATH": os.environ["PATH"],
            "PIPETRAIL_SPOOL": str(tmp_path / "spool"),
            "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{silent.getsockname()[1]}",
            "PIPETRAIL_TIMEOUT": "300",
        }
        command = (sys.executable, "-m", "pipetrail", "emit", "incident.reported", "--reason", "x")
        with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.DEVNULL) as process:
            silent.settimeout(120)
            for _ in range(3):  # it connects before it waits; connecting anew takes so long that it waits by then
                silent.accept()[0].close()
            process.terminate()
            assert process.wait(120) == SPOOLED
    assert len(waiting(tmp_path)) == 1


def test_a_property_that_librdkafka_does_not_know_is_a_setting_error() -> None:
    """The error names the setting; no exception of the client library comes through."""
    delivery = Delivery(KafkaConnection("127.0.0.1:1", {"no.such.property": "1"}))
    with pytest.raises(SettingError, match=r"PIPETRAIL_KAFKA_CONFIG.*no\.such\.property"):
        delivery.send(Message("t", b"k", b"v"))
