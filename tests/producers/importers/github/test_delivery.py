"""A repository's past in a real Kafka, as people bring it there."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pipetrail_schemas import codec
from pipetrail_schemas.topics import EVENTS
from support import github
from support.kafka import ensure_topics, read_all
from support.rest_stand_in import Asked, Reply, StandIn, stand_in
from support.terminal import at_terminal

pytestmark = pytest.mark.stack

RUNS = [github.run(id=number, created_at="2026-11-23T09:03:00Z") for number in range(1, 7)]


def command(server: StandIn, name: str, kafka: Any, home: Path) -> tuple[list[str], dict[str, str]]:
    """The command line of an import into a broker, and its environment."""
    line = [sys.executable, "-m", "pipetrail", "import", "github", name, "--api-url", server.url, "--json"]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PIPETRAIL_", "GITHUB_"))}
    return line, {**env, "PIPETRAIL_HOME": str(home), "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}


def run_ids(kafka: Any, name: str) -> list[str]:
    """The runs whose end stands on the topic under a repository's key, in their order."""
    values = [message.value for message in read_all(kafka, EVENTS) if message.key == f"https://github.com/{name}".encode()]
    events = [codec.decode(value, [("content-type", b"application/cloudevents+json")]) for value in values]
    return [event.pipeline.run.id or "" for event in events if event.result and event.pipeline and event.pipeline.run]


def test_an_import_that_an_outage_ended_is_carried_on(stack: Any, tmp_path: Path) -> None:
    """What was acknowledged before the refusal is on the topic, the same command brings the rest, and nothing comes twice."""
    kafka = stack.connection.require_kafka()
    ensure_topics(kafka)
    is_refused = [True]

    def answer(server: StandIn, asked: Asked) -> Reply:
        if asked.path.endswith("actions/runs"):
            if is_refused[0] and asked.query.get("page") == "3":
                return Reply({}, 401)
            return server.paged(asked, RUNS, 2, "workflow_runs")
        return Reply({"jobs": []} if asked.path.endswith("jobs") else [])

    name = "pay/carried-on"
    with stand_in(answer) as server:
        line, env = command(server, name, kafka, tmp_path)
        broken = subprocess.run(line, env=env, capture_output=True, text=True, check=False)
        assert (broken.returncode, "401" in broken.stderr) == (77, True)
        assert run_ids(kafka, name) == ["1", "2", "3", "4"]
        (kept,) = (tmp_path / "imports").iterdir()
        assert json.loads(kept.read_bytes())["steps"]["workflow runs"].endswith("page=3")
        is_refused[0] = False
        done = subprocess.run(line, env=env, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["notes"] == ["Went on where an earlier import had stopped."]
    assert run_ids(kafka, name) == ["1", "2", "3", "4", "5", "6"]
    assert not kept.exists()


def test_a_terminal_sees_how_far_it_is(stack: Any, tmp_path: Path) -> None:
    """On a terminal a line moves on stderr; the summary goes to stdout."""
    kafka = stack.connection.require_kafka()
    ensure_topics(kafka)

    def answer(_server: StandIn, asked: Asked) -> Reply:
        return Reply({"workflow_runs": RUNS} if asked.path.endswith("actions/runs") else [])

    with stand_in(answer) as server:
        line, env = command(server, "pay/watched", kafka, tmp_path)
        shown, stdout = at_terminal(line, {**env, "TERM": "xterm"})
    assert json.loads(stdout)["events"]["pipelinerun.finished"] == len(RUNS)
    assert "Import https://github.com/pay/watched" in shown
    assert "workflow runs" in shown
