"""The gate end to end: the command as a pipeline runs it, a real Kafka, the real processor, a real OpenSearch."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from pipetrail_processors.detect.labelled import messages
from pipetrail_schemas.topics import FINDINGS, RECORDS
from pipetrail_sinks.opensearch import indices, templates
from pipetrail_sinks.opensearch.client import Client
from pipetrail_sinks.opensearch.documents import events_index
from support.kafka import ensure_topics
from support.library import add, environment_of, write
from support.processor import ProcessorBench
from support.wait import wait_for
from support.world import World

POLICY = "people: {ann: [developer]}\nallow:\n  - {roles: [release_manager], actions: [deploy]}\n"


@pytest.mark.stack
def test_an_override_at_the_gate_goes_through_and_is_found(stack: Any, tmp_path: Path) -> None:
    """Without it the pipeline stops; with it, it goes on, and who did it and why stands in a finding."""
    repository = f"https://git.example/{uuid4().hex}/shop"
    (tmp_path / "pipetrail-policy.yaml").write_text(POLICY, encoding="utf-8")
    outside_of_ci = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "GITHUB_", "GITLAB_"))}
    environment = {**outside_of_ci, "PIPETRAIL_HOME": str(stack.home), "PIPETRAIL_SPOOL": str(tmp_path / "spool")}
    environment["PIPETRAIL_TIMEOUT"] = "120"

    def gate(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipetrail", "gate", "deploy", "--actor", "ann", "--environment", "prod"]
        return subprocess.run(
            [*command, "--repository", repository, *more],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    ensure_topics(stack.connection.require_kafka())
    bench = ProcessorBench(stack, tmp_path)
    try:
        stopped = gate()
        assert stopped.returncode == 1, stopped.stderr
        let_through = gate("--override", "--reason", "payments are down")
        assert let_through.returncode == 0, let_through.stderr
        with bench.process():
            found = wait_for(lambda: _of(bench, repository), timeout_s=120, what="the override to be found")
    finally:
        bench.close()
    (finding,) = found
    assert finding["rule"]["id"] == "gate-overridden"
    assert finding["message"].startswith("ann passed over role matrix, “payments are down”")


@pytest.mark.stack
def test_the_gate_asks_the_trails_and_waits_for_what_they_do_not_say_yet(stack: Any, tmp_path: Path) -> None:
    """It stops a deployment whose tests did not run, and lets it pass once they are told, also while it is asking."""
    opensearch = stack.connection.require_opensearch()
    writer = Client(opensearch.as_user("admin"))
    indices.apply(writer, templates.component(shards=1, replicas="0-1", refresh_s=1))
    repository = f"https://git.example/{uuid4().hex}/shop"
    at = {"vcs.repository.url.full": repository, "partitionkey": repository, "user.name": "Ann"}
    built = {**at, "type": "build.finished", "pipetrail.result": "success", "key": repository}
    tested = {**at, "type": "testsuiterun.finished", "pipetrail.result": "success", "key": f"{repository} tested"}
    text = "environments: [{match: [prod], require: [build, test]}]\n"
    (tmp_path / "pipetrail-policy.yaml").write_text(text, encoding="utf-8")

    def index(event: dict[str, Any]) -> None:
        world = World()
        world.take(messages([event]))
        lines: list[str] = []
        for record in (orjson.loads(output.value or b"") for output in world.published[RECORDS]):
            add(lines, events_index(record["@timestamp"]), record["event"]["id"], record)
        write(writer, "".join(lines))

    def gate(*more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pipetrail", "gate", "deploy", "--actor", "ann", "--environment", "prod"]
        about = ["--repository", repository, "--commit", "1" * 40, *more]
        env = {**os.environ, **environment_of(opensearch), "PIPETRAIL_HOME": str(tmp_path / "home")}
        return subprocess.Popen([*command, *about], cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)

    index(built)
    stopped = gate("--wait", "0")
    assert "no test before ann deployed to prod" in stopped.communicate(timeout=240)[1]
    assert stopped.returncode == 1
    waiting = gate("--wait", "300")
    index(tested)
    assert "its trail has nothing against it" in waiting.communicate(timeout=300)[1]
    assert waiting.returncode == 0


def _of(bench: ProcessorBench, repository: str) -> list[Any]:
    findings = [orjson.loads(message.value or b"{}") for message in bench.messages(FINDINGS)]
    return [one for one in findings if one.get("vcs", {}).get("repository", {}).get("url", {}).get("full") == repository]
