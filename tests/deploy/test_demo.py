"""`pipetrail demo` as people call it: what it does is found by the rules that should find it, and nothing stays behind."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from pipetrail_deploy import pidfile
from pipetrail_deploy.demo import command, delivery
from pipetrail_deploy.demo.changes import DELIVERY, ByHand, Change
from pipetrail_deploy.demo.errors import DemoError
from pipetrail_deploy.demo.services import SERVICES
from pipetrail_deploy.demo.shell import PIPETRAIL, environment, run
from pipetrail_deploy.demo.site import require_page, serving
from pipetrail_deploy.places import Home, remove_data
from pipetrail_processors.detect.labelled import messages
from pipetrail_review.client import Client
from pipetrail_review.documents import trail_of
from pipetrail_review.findings import Filter, find_finding, find_findings, in_status
from pipetrail_review.kinds import EVENTS, TRAILS
from pipetrail_review.query import is_
from pipetrail_schemas import connection
from pipetrail_schemas.connection import Connection
from pipetrail_schemas.times import format_time, now
from pipetrail_schemas.topics import EVENTS as EVENTS_TOPIC
from pipetrail_schemas.topics import PARTITIONER
from support import readme
from support.project import ROOT
from support.readme import told_alike
from support.wait import wait_for

PROGRAMS = ("kafka", "opensearch", *(service.name for service in SERVICES))
FREE_PORTS = ("--kafka-port", "0", "--opensearch-port", "0")
COMMITS = 3
KILLS = 10
EACH = 20  # overrides that come for each life of the notifier
# What the README says to ask while the demo runs.
ASKED = (
    "pipetrail show HEAD",
    "pipetrail search 'user.name:Ben*'",
    "pipetrail findings --severity high",
    "pipetrail report -o report.html",
)
TIMEOUT_S = 500.0  # a minute on two free cores; the rest is for machines that have other things to do


@pytest.fixture
def home() -> Iterator[Home]:
    """A home that the servers' account can reach; whatever runs there is ended."""
    with tempfile.TemporaryDirectory(prefix="pipetrail-demo-") as name:
        Path(name).chmod(0o755)
        home = Home(Path(name) / "home")
        yield home
        for program in reversed(PROGRAMS):
            pidfile.end_running(home, program)
        remove_data(home)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A little history of somebody's own."""
    run(("git", "init", "--quiet", str(tmp_path)), folder=tmp_path, env=environment(tmp_path))
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    for number in range(COMMITS):
        command = ("git", *who, "commit", "--quiet", "--allow-empty", "--message", f"PAY-{number} Do it")
        run(command, folder=tmp_path, env=environment(tmp_path))
    return tmp_path


def _pipetrail(home: Home, *arguments: str) -> str:
    line = [*PIPETRAIL, *arguments, "--home", str(home.root)]
    done = subprocess.run(
        line,
        cwd=home.root.parent,
        env=environment(home.root),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _make_demo(home: Home, *arguments: str) -> str:
    """`make demo`, as the README has it, in the environment that runs this test."""
    told = shlex.join([*arguments, "--home", str(home.root)])
    line = ["make", "--silent", "demo", f"VENV={sys.prefix}", f"ARGS={told}"]
    done = subprocess.run(
        line, cwd=ROOT, env=environment(home.root), capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _ask(home: Home, folder: Path, command: str) -> None:
    """Type what the README says to type while the demo's servers run; it must have something to say."""
    program, *arguments = shlex.split(command)
    assert program == "pipetrail"
    env = environment(home.root) | {"PIPETRAIL_HOME": str(home.root)}
    done = subprocess.run([*PIPETRAIL, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


def _watch(home: Home) -> None:
    """`pipetrail notify --console`, killed ten times while more overrides come: the demo's and those are shown, each once."""
    shown = home.root / "shown.txt"
    settings = {"PIPETRAIL_HOME": str(home.root), "PIPETRAIL_NOTIFY_GROUP": "watching"}
    line, env = [*PIPETRAIL, "notify", "--console"], environment(home.root) | settings
    found = connection.load({"PIPETRAIL_HOME": str(home.root)}, home.root)
    for life in range(KILLS + 1):
        before = _acknowledgeable(shown)
        _override(found, life)
        with shown.open("ab") as file, subprocess.Popen(line, cwd=home.root, env=env, stdout=file) as process:
            try:
                if life < KILLS:  # at another place each time
                    wait_for(lambda: len(_acknowledgeable(shown)) > len(before) + life, timeout_s=120, what="alerts")  # noqa: B023
                    continue
                wanted = wait_for(lambda: _all_found(found), timeout_s=120, what="all findings to be indexed")
                wait_for(lambda: wanted <= set(_acknowledgeable(shown)), timeout_s=120, what="all alerts")  # noqa: B023
                process.terminate()
                assert process.wait(120) == 0
            finally:
                process.kill()
    told = _acknowledgeable(shown)
    assert (len(told), len(set(told)) >= len(wanted)) == (len(set(told)), True)


def _decide(home: Home, folder: Path, finding_id: str) -> None:
    """Somebody else justifies what was done: it goes through Kafka and the processor, and is shown as justified."""
    _ask(home, folder, f"pipetrail finding justify {finding_id[:13]} --actor Cy --reason seen")
    found = connection.load({"PIPETRAIL_HOME": str(home.root)}, home.root)

    def status() -> str:
        with Client.of(found) as client:
            state = find_finding(client, finding_id)["pipetrail"]["finding"]
        return str(state["status"])

    wait_for(lambda: status() == "justified", timeout_s=120, what="the decision to be indexed")


def _override(found: Connection, life: int) -> None:
    """Somebody passes over a gate, again and again."""
    producer = Producer({**found.require_kafka().client_config(), "partitioner": PARTITIONER})
    events = [
        {"type": "policy.bypassed", "pipetrail.control": "gate", "user.name": f"Cy {life}-{number}", "vcs.ref": None}
        for number in range(EACH)
    ]
    for value in messages(events):
        event = {**json.loads(value), "id": str(uuid4()), "time": format_time(now()), "recordedtime": format_time(now())}
        producer.produce(EVENTS_TOPIC.name, json.dumps(event), event["partitionkey"])
    assert producer.flush(240) == 0


def _all_found(found: Connection) -> set[str]:
    """The beginnings of the ids of all findings that are open, once all overrides are among them."""
    with Client.of(found) as client:
        hits, _, _ = find_findings(client, Filter(standing=in_status("open")), limit=1000)
    expected = EACH * (KILLS + 1) + sum(change.rule is not None for change in DELIVERY)
    return {document["event"]["id"][:8] for document in hits.documents} if hits.total >= expected else set()


def _acknowledgeable(shown: Path) -> list[str]:
    """The findings that were told, as often as they were."""
    return re.findall(r"finding ack ([0-9a-f]{8})", shown.read_text(encoding="utf-8")) if shown.exists() else []


def _running(home: Home) -> list[str]:
    return [name for name in PROGRAMS if pidfile.running_server(home, name)]


@pytest.mark.stack
def test_what_the_demo_does_is_found_and_nothing_else(home: Home, repository: Path) -> None:
    """Each change is found by its own rule, the clean one by none; a second start tells it from the index, and can be kept."""
    first = _make_demo(home, "--repo", str(repository), *FREE_PORTS)
    assert _running(home) == []
    assert told_alike(first.splitlines()) == told_alike(readme.transcript())
    assert f"{COMMITS} commits" in first
    assert (home.root / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")

    delivered = delivery.latest(home.root)
    assert delivered
    again = _pipetrail(home, "demo", "--repo", str(repository), "--keep")
    assert "kept from" in again
    assert _running(home) == list(PROGRAMS)
    assert again.count("\nTrail ") == first.count("\nTrail ") == len(DELIVERY)

    with Client.of(connection.load({"PIPETRAIL_HOME": str(home.root)}, home.root)) as client:
        of_shop = is_("vcs.repository.url.full", delivered.repository)
        trails = [trail_of(document) for document in client.scan(TRAILS, of_shop)]
        found = {
            trail.message or "a page packed by hand": [one.rule for one in trail.pipetrail.trail.findings] for trail in trails
        }
        assert found == {change.message: [change.rule] if change.rule else [] for change in DELIVERY}
        open_now, others, _ = find_findings(client, Filter(standing=in_status("open")), limit=100)
        assert (open_now.total, others) == (sum(change.rule is not None for change in DELIVERY), 0)
        assert client.count(EVENTS, is_("pipetrail.event_type", "commit.recorded")) == COMMITS + sum(
            isinstance(change, Change) for change in DELIVERY
        )
    assert again.splitlines()[-1].endswith("notify --console")
    for typed in ASKED:
        _ask(home, repository, typed)
    _watch(home)
    _decide(home, repository, open_now.documents[0]["event"]["id"])
    _pipetrail(home, "down")
    assert _running(home) == []


@pytest.mark.stack
def test_an_interrupt_ends_all_that_was_started(home: Home, tmp_path: Path) -> None:
    """Ctrl-C in the middle of the delivery: the servers and programs are ended, and it says so."""
    line = [*PIPETRAIL, "demo", "--home", str(home.root), *FREE_PORTS]
    env = environment(home.root)
    with subprocess.Popen(line, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout
        seen = next((line for line in process.stdout if line.startswith("Delivery")), "")
        assert seen
        assert _running(home) == list(PROGRAMS)
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130
    assert "Ended" in rest
    assert _running(home) == []


def test_a_repository_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    """`--repo` of a folder that does not exist stops the demo before anything is started."""
    home = Home(tmp_path / "home")
    line = [*PIPETRAIL, "demo", "--home", str(home.root), "--repo", str(tmp_path / "absent")]
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (ended.returncode, home.root.exists()) == (2, False)
    assert "absent" in ended.stderr


def test_a_step_that_fails_tells_the_end_of_its_output(tmp_path: Path) -> None:
    """The message names the program and its exit code, and ends with what it said last."""
    script = "import sys; print('first'); print('last', file=sys.stderr); sys.exit(7)"
    with pytest.raises(DemoError, match=re.compile(r"ended with 7:.*first.*last", re.DOTALL)):
        run((sys.executable, "-c", script), folder=tmp_path, env=environment(tmp_path))


def test_a_page_that_shows_something_else_is_noticed(tmp_path: Path) -> None:
    """What was deployed is fetched as a visitor does."""
    (tmp_path / "index.html").write_text("<p>Tea: 3.50</p>", encoding="utf-8")
    with serving(tmp_path) as address:
        require_page(f"{address}/", "Tea: 3.50")
        with pytest.raises(DemoError, match=r"does not show 'Tea: 3.05'"):
            require_page(f"{address}/", "Tea: 3.05")
        with pytest.raises(DemoError, match="cannot be fetched"):
            require_page(f"{address}/absent", "Tea")


def test_the_environment_of_a_ci_job_is_not_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo in a CI job must not take the job's commit, nor a configured cluster, for its own."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_SHA", "0" * 40)
    monkeypatch.setenv("PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS", "kafka.example:9092")
    names = environment(tmp_path).keys()
    assert not [name for name in names if name.startswith("GITHUB") or "KAFKA" in name]


def test_the_delivery_shows_one_of_each() -> None:
    """Every rule is hit by one change alone, and one change is clean."""
    rules = [change.rule for change in DELIVERY]
    assert len(set(rules)) == len(rules)
    assert rules.count(None) == 1
    assert [change.rule for change in DELIVERY if isinstance(change, ByHand)] == ["unknown-artifact-deployed"]


def test_what_to_type_next_names_a_home_that_is_not_found_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the usual home the command is enough; elsewhere it would ask another stack, so the home is said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PIPETRAIL_HOME", raising=False)
    assert not command._next(tmp_path / ".pipetrail", keep=True).startswith("export")
    assert command._next(tmp_path / "else where", keep=False).startswith(f"export PIPETRAIL_HOME='{tmp_path}/else where'; ")
