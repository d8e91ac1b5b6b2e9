"""An override at the gate, end to end: the command as a pipeline runs it, a real Kafka, the real processor, the finding."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from pipetrail_schemas.topics import FINDINGS
from support.processor import ProcessorBench
from support.wait import wait_for

POLICY = "people: {ann: [developer]}\nallow:\n  - {roles: [release_manager], actions: [deploy]}\n"


@pytest.mark.stack
def test_an_override_at_the_gate_goes_through_and_is_found(stack: Any, tmp_path: Path) -> None:
    """Without it the pipeline stops; with it, it goes on, and who did it and why stands in a finding."""
    repository = f"https://git.example/{uuid4().hex}/shop"
    (tmp_path / "pipetrail-policy.yaml").write_text(POLICY, encoding="utf-8")
    outside_of_ci = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "GITHUB_", "GITLAB_"))}
    environment = {**outside_of_ci, "PIPETRAIL_HOME": str(stack.home), "PIPETRAIL_SPOOL": str(tmp_path / "spool")}

    def gate(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipetrail", "gate", "deploy", "--actor", "ann", "--environment", "prod"]
        return subprocess.run(
            [*command, "--repository", repository, *more],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    bench = ProcessorBench(stack, tmp_path)
    try:
        stopped = gate()
        assert stopped.returncode == 1, stopped.stderr
        let_through = gate("--override", "--reason", "payments are down")
        assert let_through.returncode == 0, let_through.stderr
        with bench.process():
            found = wait_for(lambda: _of(bench, repository), timeout_s=60, what="the override to be found")
    finally:
        bench.close()
    (finding,) = found
    assert finding["rule"]["id"] == "gate-overridden"
    assert finding["message"].startswith("ann passed over role matrix, “payments are down”")


def _of(bench: ProcessorBench, repository: str) -> list[Any]:
    findings = [orjson.loads(message.value or b"{}") for message in bench.messages(FINDINGS)]
    return [one for one in findings if one.get("vcs", {}).get("repository", {}).get("url", {}).get("full") == repository]
