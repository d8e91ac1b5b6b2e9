"""What the README says to type works as it stands there. The demo's own commands are run by tests/deploy/test_demo.py."""

import os
import re
import shlex
import subprocess
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
from pipetrail_schemas import topics
from pipetrail_schemas.types import EVENT_TYPES
from support import readme
from support.kafka import ensure_topics, read_all
from support.patience import PATIENT
from support.project import ROOT

if TYPE_CHECKING:
    from pipetrail_deploy.stack import Stack

_JOB = "build check deploy:\n\t@mkdir -p dist && echo $@ >> dist/shop.tar.gz\n"


def test_every_command_at_a_prompt_is_run_by_a_test() -> None:
    """A new command in the README needs a test that runs it; `make test` is what runs this one."""
    demo = (ROOT / "tests/deploy/test_demo.py").read_text(encoding="utf-8")
    elsewhere = {"make test"}
    assert [command for command in readme.console() if command not in elsewhere and command not in demo] == []


def test_the_number_of_rules_is_right() -> None:
    """As many are built in as the README says, and every page that it names is there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (number,) = re.findall(r"\[(\d+) rules\]", text)
    assert int(number) == len(list((ROOT / "processors/pipetrail_processors/rules").glob("*.yaml")))
    pages = re.findall(r"\]\(([^):#]+)\)", text)
    assert pages
    assert [page for page in pages if not (ROOT / page).exists()] == []


@pytest.mark.stack
@pytest.mark.network
def test_the_lines_for_a_ci_job_install_the_agent_and_record_the_job(tmp_path: Path, stack: "Stack") -> None:
    """In an empty environment: pip takes the checkout, and each `run` leaves what it says on the topic."""
    kafka = stack.connection.require_kafka()
    ensure_topics(kafka)
    install, *lines = readme.script()
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    subprocess.run(
        [str(environment / "bin" / "python"), "-m", *shlex.split(install)], cwd=ROOT, check=True, capture_output=True
    )

    repository = f"https://git.example/acme/{tmp_path.name}"
    job = _checkout(tmp_path / "job", repository)
    said = "\n".join(lines).replace("kafka.example.org:9092", kafka.bootstrap_servers)
    env = {"PATH": f"{environment / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path), **PATIENT}
    done = subprocess.run(["sh", "-e", "-c", said], cwd=job, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    messages = [message.value or b"" for message in read_all(kafka, topics.EVENTS) if message.key == repository.encode()]
    told = [orjson.loads(value)["type"] for value in messages]
    names = (
        "build.started",
        "build.finished",
        "artifact.packaged",
        "testsuiterun.started",
        "testsuiterun.finished",
        "deployment.started",
        "deployment.finished",
    )
    assert sorted(told) == sorted(EVENT_TYPES[name].full_name for name in names)


def _checkout(folder: Path, repository: str) -> Path:
    folder.mkdir()
    (folder / "Makefile").write_text(_JOB, encoding="utf-8")
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    commit = (*who, "commit", "--quiet", "--message", "PAY-1 Build it")
    for command in (("init", "--quiet"), ("remote", "add", "origin", f"{repository}.git"), ("add", "."), commit):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder
