"""`emit` killed at random points: what it promised by its exit code is on the topic in the end, once and unaltered."""

import os
import random
import subprocess
import sys
import uuid
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from pipetrail_schemas import codec
from pipetrail_schemas.topics import EVENTS
from support.kafka import ensure_topics, read_all

SEED = 20261123
KILLS = 200
# The latest kill, in times that a command takes here: from before the interpreter is up to when most are dead.
LATEST = 1.5
# A first guess of that time, seconds; each command that was quicker than its kill betters it.
USUAL_S = 0.2
PROMISES = {0, 75}


def _env(folder: Path, servers: str | None) -> dict[str, str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PIPETRAIL_SPOOL": str(folder / "spool")}
    return env | ({"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": servers} if servers else {})


def _emit(folder: Path, repository: str, number: int, servers: str | None) -> "subprocess.Popen[str]":
    command = (sys.executable, "-m", "pipetrail", "emit", "incident.reported", "--reason", str(number))
    return subprocess.Popen(
        (*command, "--repository", repository),
        cwd=folder,
        env=_env(folder, servers),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.stack
def test_a_killed_emit_loses_nothing_that_it_promised(tmp_path: Path, stack: Any) -> None:
    """200 kills -9, every third with Kafka out of reach: each exit code 0 or 75 stands for an event on the topic."""
    chance = random.Random(SEED)  # noqa: S311  # times, no secrets
    kafka = stack.connection.require_kafka()
    ensure_topics(kafka)
    repository = f"https://git.acme.example/{uuid.uuid4().hex}"
    promised: set[str] = set()
    killed, usual_s = 0, USUAL_S
    for number in range(KILLS * 4):
        begin = monotonic()
        with _emit(tmp_path, repository, number, kafka.bootstrap_servers if number % 3 else None) as process:
            try:
                process.wait(chance.uniform(0, LATEST * usual_s))
                usual_s += (monotonic() - begin - usual_s) / 4
            except subprocess.TimeoutExpired:
                process.kill()
                killed += 1
                usual_s *= 1.02  # on a machine so slow that none would end in time
            told = process.communicate()[0].strip()
        if process.returncode in PROMISES:
            promised.add(told)
        if killed == KILLS:
            break
    assert killed == KILLS
    flush = (sys.executable, "-m", "pipetrail", "flush")
    flushed = subprocess.run(flush, cwd=tmp_path, env=_env(tmp_path, kafka.bootstrap_servers), capture_output=True, check=False)
    # 65: a writer was killed within a write; what it had not promised yet was set aside.
    assert flushed.returncode in {0, 65}, flushed.stderr
    on_topic: dict[str, set[bytes]] = {}
    for message in read_all(kafka, EVENTS):
        if message.key == repository.encode() and message.value:
            on_topic.setdefault(codec.decode(message.value).id, set()).add(message.value)
    print(f"{len(promised)} promised, {killed} killed, {len(on_topic)} on the topic")
    assert promised
    assert promised - on_topic.keys() == set()
    assert all(len(values) == 1 for values in on_topic.values())
