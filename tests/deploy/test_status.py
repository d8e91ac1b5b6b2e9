"""What `pipetrail status` tells of a home: the servers, and the programs beside them."""

import datetime as dt
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from pipetrail_deploy import pidfile
from pipetrail_deploy.commands import status
from pipetrail_deploy.demo.services import ready_path
from pipetrail_deploy.places import Home, make_home
from pipetrail_deploy.process import Process, find
from pipetrail_deploy.settings import Settings, save_settings
from pipetrail_deploy.status import survey

SINCE = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)
SERVERS = {"kafka", "opensearch"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home where all servers run: this process stands for each of them."""
    home = make_home(tmp_path, None)
    save_settings(home, Settings(19_092, 19_200, insecure=True, opensearch=True, salt="0123456789abcdef"))
    for name in SERVERS:
        _runs(home, name)
    return home


def _runs(home: Home, name: str) -> None:
    process = find(os.getpid())
    assert process
    pidfile.write(home, name, pidfile.Started(process, SINCE))


def _shown(home: Home) -> tuple[int, list[str]]:
    run = CliRunner().invoke(status, ["--home", str(home.root)])
    return run.exit_code, run.stdout.splitlines()


def test_programs_beside_the_servers_are_told(home: Home) -> None:
    """What `demo --keep` left running has a line of its own, with the address of its pages once it is ready."""
    for name in ("processor", "sink"):
        _runs(home, name)
    ready_path(home, "processor").write_text("8490\n", encoding="utf-8")
    code, lines = _shown(home)
    assert (code, [line.split()[:4] for line in lines[2:]]) == (
        0,
        [["Processor", "127.0.0.1:8490", "runs", "since"], ["Sink", "not", "ready", "yet"]],
    )
    told = json.loads(CliRunner().invoke(status, ["--home", str(home.root), "--json"]).stdout)["servers"]
    assert {one["name"]: one["address"] for one in told[2:]} == {"processor": "127.0.0.1:8490", "sink": None}


def test_a_program_that_ended_by_itself_is_stopped(home: Home) -> None:
    """It is told with its log, and the exit code is 3: nobody has ended it."""
    pidfile.write(home, "sink", pidfile.Started(Process(os.getpid(), "another start"), SINCE))
    code, lines = _shown(home)
    assert (code, lines[2].split()[:2], lines[2].endswith("sink.log")) == (3, ["Sink", "stopped"], True)


def test_a_program_that_was_ended_or_never_started_is_not_told_of(home: Home) -> None:
    """After `up` alone, and after `down`, a stack is its two servers."""
    assert {one.name for one in survey(home)} == SERVERS
    pidfile.write(home, "processor", pidfile.Started(Process(os.getpid(), "another start"), SINCE))
    pidfile.end_running(home, "processor")
    assert {one.name for one in survey(home)} == SERVERS
    assert _shown(home)[0] == 0
