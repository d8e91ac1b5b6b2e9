"""What a CI agent installs: the producers alone."""

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pipetrail_schemas import codec, topics
from support.kafka import ensure_topics, read_all
from support.patience import PATIENT

if TYPE_CHECKING:
    from pipetrail_deploy.stack import Stack

pytestmark = pytest.mark.network

# None of these belongs on a build machine; pydantic is installed with schemas, and must stay unimported.
FOREIGN = ("faust", "aiokafka", "opensearchpy", "rocksdict", "orjson", "rich", "jinja2", "structlog", "yaml")


def _emit(agent: Path, cwd: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [str(agent / "pipetrail"), "emit", "build.finished", "--result", "success", *arguments]
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), **PATIENT, **env}
    return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)


def test_emit_works_with_nothing_but_the_agent_installed(agent: Path, tmp_path: Path) -> None:
    """A dry run prints an event that the whole contract accepts."""
    run = _emit(agent, tmp_path, "--dry-run")
    assert run.returncode == 0, run.stderr
    event = codec.validate(json.loads(run.stdout))
    assert (event.kind.name, event.result) == ("build.finished", "success")


def test_the_agent_brings_no_service_with_it(agent: Path) -> None:
    """No stream engine, index client or terminal library can be imported there."""
    program = f"from importlib.util import find_spec; print(*[name for name in {FOREIGN!r} if find_spec(name)])"
    run = subprocess.run([str(agent / "python"), "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_emit_imports_no_pydantic(agent: Path, tmp_path: Path) -> None:
    """What schemas needs for reading is not paid for by writing."""
    run = _emit(agent, tmp_path, "--dry-run", PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in run.stderr.splitlines() if "import time" in line}
    assert "pipetrail_producers" in imported
    assert imported & {"pydantic", "pydantic_core", *FOREIGN} == set()


def test_a_verb_of_an_absent_room_names_what_to_install(agent: Path) -> None:
    """Not a traceback: the distribution's name and how to get it."""
    run = subprocess.run([str(agent / "pipetrail"), "show", "HEAD"], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "pip install pipetrail-review" in run.stderr


@pytest.mark.stack
def test_the_agent_delivers_to_a_real_broker(agent: Path, tmp_path: Path, stack: "Stack") -> None:
    """Exit 0 means that the event stands on the topic, under the id and key that the dry run showed."""
    kafka = stack.connection.require_kafka()
    ensure_topics(kafka)
    marker = tmp_path.name
    env = {"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "PIPETRAIL_SPOOL": str(tmp_path / "spool")}
    run = _emit(agent, tmp_path, "--field", f"cicd.pipeline.name={marker}", **env)
    assert run.returncode == 0, run.stderr
    messages = [message for message in read_all(kafka, topics.EVENTS) if marker.encode() in (message.value or b"")]
    (message,) = messages
    event = codec.decode(message.value, message.headers)
    assert (message.key or b"").decode() == event.partitionkey
