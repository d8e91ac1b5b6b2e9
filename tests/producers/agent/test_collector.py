"""The agent and the real collector, without Kafka: what the agent was told is taken stands in the collector's store."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipetrail_producers.collector.entry import Entry as Stored
from pipetrail_producers.collector_access import access_of
from pipetrail_producers.http_delivery import HttpDelivery
from pipetrail_producers.spool import Entry, Spool
from support.collector import AGENT_TOKEN, Collector, listening
from support.patience import PATIENT

SPOOLED = 75


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector that knows the agents' token."""
    with listening(tmp_path) as found:
        yield found


def pipetrail(cwd: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder that is its home."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PIPETRAIL_SPOOL": str(cwd / "spool"), **PATIENT, **env}
    command = (sys.executable, "-m", "pipetrail", *arguments)
    return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)


def events(stored: list[Stored]) -> list[dict[str, object]]:
    """The events of requests, in order."""
    return [event for one in stored for event in json.loads(one.body)]


def test_an_event_that_was_taken_is_in_the_store(tmp_path: Path, collector: Collector) -> None:
    """Exit code 0: the collector has it on disk, as sent by who holds the token."""
    env = {"PIPETRAIL_COLLECTOR_URL": collector.url, "PIPETRAIL_COLLECTOR_TOKEN": AGENT_TOKEN}
    done = pipetrail(tmp_path, "emit", "incident.reported", "--reason", "5xx", **env)
    assert (done.returncode, done.stderr) == (0, "")
    (stored,) = collector.entries()
    assert [event["id"] for event in events([stored])] == [done.stdout.strip()]
    assert stored.authid == "build-agents"


def test_a_wrong_token_keeps_the_event_until_there_is_a_right_one(tmp_path: Path, collector: Collector) -> None:
    """Refused is not lost: it waits, why is said, and `flush` with the right token brings the same bytes."""
    env = {"PIPETRAIL_COLLECTOR_URL": collector.url}
    refused = pipetrail(tmp_path, "emit", "incident.reported", "--reason", "5xx", PIPETRAIL_COLLECTOR_TOKEN="wrong", **env)
    assert (refused.returncode, "answers 401" in refused.stderr, collector.entries()) == (SPOOLED, True, [])
    spool = Spool(tmp_path / "spool", max_bytes=1 << 28)
    (kept,) = [one.message.value for path in spool.paths() if isinstance(one := spool.read(path), Entry)]
    assert pipetrail(tmp_path, "flush", PIPETRAIL_COLLECTOR_TOKEN=AGENT_TOKEN, **env).returncode == 0
    assert [one.body for one in collector.entries()] == [b"[" + kept + b"]"]


def test_of_a_batch_only_what_is_refused_stays(tmp_path: Path, collector: Collector) -> None:
    """The collector takes the rest of a batch: nothing of it is sent again, and the reason names the field."""
    for number in range(5):
        pipetrail(tmp_path, "emit", "incident.reported", "--reason", str(number))
    spool = Spool(tmp_path / "spool", max_bytes=1 << 28)
    kept = [one.message for path in spool.paths() if isinstance(one := spool.read(path), Entry)]
    wrong = kept[2]._replace(value=kept[2].value.replace(b"incident.reported", b"incident.rumoured"))
    way = HttpDelivery(access_of(collector.url, {"PIPETRAIL_COLLECTOR_TOKEN": AGENT_TOKEN}))
    for message in (*kept[:2], wrong, *kept[3:]):
        way.send(message)
    (left,) = way.settle(120)
    assert left.message == wrong
    assert "incident.rumoured" in left.reason
    taken = [event["id"] for event in events(collector.entries())]
    assert [taken.count(json.loads(message.value)["id"]) for message in kept] == [1] * 5


def test_with_a_collector_the_agent_needs_click_and_nothing_else(tmp_path: Path, collector: Collector) -> None:
    """As on Alpine, installed without dependencies: neither librdkafka nor pydantic is there, and events and runs arrive."""
    site = tmp_path / "site"
    site.mkdir()
    for name in ("click", "pipetrail", "pipetrail_schemas", "pipetrail_producers"):
        (site / name).symlink_to(Path(str(importlib.import_module(name).__file__)).parent)
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site), "PIPETRAIL_SPOOL": str(tmp_path / "spool")}
    env |= {"PIPETRAIL_COLLECTOR_URL": collector.url, "PIPETRAIL_COLLECTOR_TOKEN": AGENT_TOKEN, **PATIENT}
    for arguments in (("emit", "incident.reported", "--reason", "5xx"), ("run", "--stage", "build", "--", "true")):
        command = (sys.executable, "-S", "-m", "pipetrail", *arguments)
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    names = [str(event["type"]).removeprefix("dev.pipetrail.") for event in events(collector.entries())]
    assert names == ["incident.reported.v1", "build.started.v1", "build.finished.v1"]
    absent = subprocess.run((sys.executable, "-S", "-c", "import pydantic"), env=env, capture_output=True, check=False)
    assert absent.returncode == 1
