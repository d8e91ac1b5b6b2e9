"""The agent and a collector that stands in for the real one: what was not answered with 2xx waits, and arrives later."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pipetrail_producers.collector_access import access_of
from pipetrail_producers.http_delivery import BATCH_MESSAGES, HttpDelivery
from pipetrail_producers.message import Message
from pipetrail_producers.spool import Entry, Spool
from pipetrail_schemas import codec
from pipetrail_schemas.errors import SettingError
from support.patience import PATIENT
from support.stand_in_collector import Answer, StandIn, stand_in
from support.wait import wait_for

SPOOLED = 75
REPORT = ("emit", "incident.reported", "--reason")
# An OIDC token as a CI system gives it, by its shape only.
TOKEN = "eyJhbGciOiJub25lIn0.eyJqdGkiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture
def collector() -> Iterator[StandIn]:
    """A stand-in on a port of its own."""
    with stand_in() as state:
        yield state


def pipetrail(cwd: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder that is its home."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PIPETRAIL_SPOOL": str(cwd / "spool"), **PATIENT, **env}
    command = (sys.executable, "-m", "pipetrail", *arguments)
    return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)


def waiting(cwd: Path) -> list[bytes]:
    """What waits in the spool of a folder."""
    spool = Spool(cwd / "spool", max_bytes=1 << 28)
    return [entry.message.value for path in spool.paths() if isinstance(entry := spool.read(path), Entry)]


def delivery(state: StandIn) -> HttpDelivery:
    """A way to the stand-in, without a token."""
    return HttpDelivery(access_of(state.url, {}))


def message(number: int, room: int = 0) -> Message:
    """A message with a number in it."""
    return Message("t", b"k", json.dumps({"n": number, "room": " " * room}).encode())


def test_an_event_goes_to_the_collector_instead_of_to_kafka(tmp_path: Path, collector: StandIn) -> None:
    """Exit code 0: the collector has the event, in a batch of the CloudEvents format, with the token that was configured."""
    done = pipetrail(tmp_path, *REPORT, "5xx", "--collector", collector.url, PIPETRAIL_COLLECTOR_TOKEN="s3cret-token")
    assert (done.returncode, done.stderr, waiting(tmp_path)) == (0, "", [])
    (request,) = collector.posted
    assert request.path == "/v1/events"
    assert request.headers["content-type"] == "application/cloudevents-batch+json"
    assert request.headers["authorization"] == "Bearer s3cret-token"
    (event,) = request.events
    assert codec.validate(event).kind.name == "incident.reported"
    assert event["id"] == done.stdout.strip()


def test_the_agent_needs_click_and_nothing_else(tmp_path: Path, collector: StandIn) -> None:
    """An interpreter without other packages than click, as `--no-deps` leaves it on Alpine, reaches the collector."""
    root = Path(__file__).parents[3]
    only = tmp_path / "only"
    shutil.copytree(Path(click.__file__).parent, only / "click")
    path = os.pathsep.join(map(str, (only, root, root / "schemas", root / "producers")))
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": path, **PATIENT}
    env["PIPETRAIL_COLLECTOR_URL"] = collector.url

    def agent(*arguments: str) -> subprocess.CompletedProcess[str]:
        # -S: without the packages that are installed here.
        command = (sys.executable, "-S", *arguments)
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    for name in ("confluent_kafka", "pydantic", "requests"):
        assert "ModuleNotFoundError" in agent("-c", f"import {name}").stderr
    done = agent("-m", "pipetrail", *REPORT, "5xx")
    assert (done.returncode, done.stderr) == (0, "")
    done = agent("-m", "pipetrail", "run", "--name", "unit", "--", "true")
    assert (done.returncode, done.stderr) == (0, "")
    kinds = [codec.validate(event).kind.name for request in collector.posted for event in request.events]
    assert kinds == ["incident.reported", "taskrun.started", "taskrun.finished"]


def test_confluent_kafka_need_not_be_there(tmp_path: Path, collector: StandIn) -> None:
    """Where it cannot be imported the collector is reached all the same; without one the event waits, and why is said."""
    (tmp_path / "confluent_kafka.py").write_text("raise ImportError('no wheel for this system')")
    env = {"PYTHONPATH": str(tmp_path), "PIPETRAIL_COLLECTOR_URL": collector.url}
    assert pipetrail(tmp_path, *REPORT, "x", **env).returncode == 0
    without = {"PYTHONPATH": str(tmp_path), "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
    done = pipetrail(tmp_path, *REPORT, "y", **without)
    assert (done.returncode, len(waiting(tmp_path))) == (SPOOLED, 1)
    assert "PIPETRAIL_COLLECTOR_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_was_spooled_arrives_byte_for_byte(tmp_path: Path, collector: StandIn) -> None:
    """Without a collector events wait; `flush` brings each with the same bytes, in order, in however many requests."""
    for number in range(3):
        assert pipetrail(tmp_path, *REPORT, str(number)).returncode == SPOOLED
    spooled = waiting(tmp_path)
    done = pipetrail(tmp_path, "flush", "--json", "--collector", collector.url)
    assert (done.returncode, json.loads(done.stdout)["delivered"], waiting(tmp_path)) == (0, 3, [])
    # Posting begins with what is queued when its thread first looks: one request, or one for each event.
    bodies = [request.body for request in collector.posted]
    assert all(body.startswith(b"[") and body.endswith(b"]") for body in bodies)
    assert b",".join(body[1:-1] for body in bodies) == b",".join(spooled)


def test_a_run_is_told_by_its_events_in_order(tmp_path: Path, collector: StandIn) -> None:
    """The start is posted while the command runs; start and end arrive in that order, and the code is the command's."""
    script = "until [ -e told ]; do sleep 0.05; done; echo ran; exit 7"
    command = (
        sys.executable,
        "-m",
        "pipetrail",
        "run",
        "--stage",
        "build",
        "--collector",
        collector.url,
        "--",
        "sh",
        "-c",
        script,
    )
    env = {"PATH": os.environ["PATH"], "PIPETRAIL_SPOOL": str(tmp_path / "spool"), **PATIENT}
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for(lambda: collector.posted, timeout_s=120, what="the start to be posted")
        finally:
            (tmp_path / "told").touch()
        assert process.communicate() == ("ran\n", "")
    assert process.returncode == 7
    assert [event["type"].split(".")[3] for event in collector.taken] == ["started", "finished"]


def test_nobody_there_does_not_cost_the_whole_time_out(tmp_path: Path, collector: StandIn) -> None:
    """A refused connection is given up within seconds; the event waits."""
    begin = time.monotonic()
    done = pipetrail(tmp_path, *REPORT, "x", PIPETRAIL_COLLECTOR_URL="http://127.0.0.1:9", PIPETRAIL_TIMEOUT="300")
    assert (done.returncode, len(waiting(tmp_path))) == (SPOOLED, 1)
    assert "cannot be reached" in done.stderr
    assert time.monotonic() - begin < 200


def test_a_collector_that_never_answers_costs_the_time_out_and_no_more(tmp_path: Path, collector: StandIn) -> None:
    """A request that is taken and never answered ends with the time-out, in the spool."""
    collector.silent = True
    begin = time.monotonic()
    done = pipetrail(tmp_path, *REPORT, "x", PIPETRAIL_COLLECTOR_URL=collector.url, PIPETRAIL_TIMEOUT="1.5")
    took = time.monotonic() - begin
    assert (done.returncode, len(waiting(tmp_path))) == (SPOOLED, 1)
    assert 1.5 <= took < 100
    assert "1.5 s" in done.stderr


@pytest.mark.parametrize("passing", [Answer(503, headers=(("Retry-After", "0"),)), Answer(429), Answer(500, b"oops")])
def test_what_may_pass_is_tried_again(collector: StandIn, passing: Answer) -> None:
    """A collector that is busy for a moment gets the event at the next try."""
    collector.answers = [passing, passing]
    way = delivery(collector)
    way.send(message(1))
    assert (way.settle(120), [event["n"] for event in collector.taken]) == ([], [1])


@pytest.mark.parametrize(
    "final",
    [
        Answer(401, b"the token is not known"),
        Answer(403),
        Answer(404),
        Answer(400, b"data: is required"),
        Answer(302, headers=(("Location", "http://127.0.0.1:9/elsewhere"),)),
    ],
)
def test_what_will_not_pass_is_said_at_once(collector: StandIn, final: Answer) -> None:
    """A refusal ends the wait, with status and sentence; a redirect is not followed, since it would take the token along."""
    collector.answers = [final]
    begin = time.monotonic()
    way = delivery(collector)
    way.send(message(1))
    (left,) = way.settle(400)
    assert time.monotonic() - begin < 200
    assert f"answers {final.status}" in left.reason
    assert final.body.decode() in left.reason


def test_one_refused_event_does_not_hold_up_the_others(collector: StandIn) -> None:
    """A batch that is refused is taken apart until the one event is left that is not wanted."""
    collector.refused = b'"n": 7,'
    way = delivery(collector)
    for number in range(20):
        way.send(message(number))
    (left,) = way.settle(120)
    assert left.message == message(7)
    assert "is required" in left.reason
    assert [event["n"] for event in collector.taken] == [number for number in range(20) if number != 7]


def test_batches_are_bounded_and_in_order(collector: StandIn) -> None:
    """Many events go in several requests, none of them over its bounds, in the order of sending."""
    way = delivery(collector)
    for number in range(300):
        way.send(message(number, room=9_000))
    assert way.settle(240) == []
    assert [event["n"] for event in collector.taken] == list(range(300))
    assert all(len(request.events) <= BATCH_MESSAGES and len(request.body) <= 1 << 20 for request in collector.posted)


def test_a_github_job_shows_a_fresh_token_of_its_own(tmp_path: Path, collector: StandIn) -> None:
    """Where the job may ask for OIDC tokens it gets one for the collector's audience, and sends that."""
    env = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{collector.url}/token?api-version=2",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
        "PIPETRAIL_COLLECTOR_URL": collector.url,
        "PIPETRAIL_COLLECTOR_AUDIENCE": "https://audit.acme.example",
    }
    collector.token_value = TOKEN
    assert pipetrail(tmp_path, *REPORT, "x", **env).returncode == 0
    (asked,) = collector.asked
    assert asked.path == "/token?api-version=2&audience=https%3A%2F%2Faudit.acme.example"
    assert asked.headers["authorization"] == "Bearer request-token"
    assert collector.posted[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_without_its_token_a_github_job_keeps_the_event(tmp_path: Path, collector: StandIn) -> None:
    """An answer of GitHub's without a token is no reason to post without one: the event waits."""
    collector.token_value = None
    env = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{collector.url}/token",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
        "PIPETRAIL_COLLECTOR_URL": collector.url,
    }
    done = pipetrail(tmp_path, *REPORT, "x", **env)
    assert (done.returncode, collector.posted, len(waiting(tmp_path))) == (SPOOLED, [], 1)
    assert "OIDC" in done.stderr


def test_a_gitlab_job_shows_the_token_that_it_was_given(tmp_path: Path, collector: StandIn) -> None:
    """GitLab puts the job's token into the variable that .gitlab-ci.yml names."""
    env = {"PIPETRAIL_ID_TOKEN": TOKEN, "PIPETRAIL_COLLECTOR_URL": collector.url}
    assert pipetrail(tmp_path, *REPORT, "x", **env).returncode == 0
    assert collector.posted[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("url", "token", "told"),
    [
        ("collector", None, "is not http://host:port"),
        ("ftp://collector/", None, "is not http://host:port"),
        ("http://user:pass@collector/", None, "holds a user name"),
        ("http://collector:0", None, "is not http://host:port"),
        ("http://collector:x", None, "is no URL"),
        ("http://collector/?a=b", None, "is not http://host:port"),
        ("http://collector.acme.example", "t", "in clear"),
        ("https://collector.acme.example", "two words", "is no token"),
        ("https://collector.acme.example", "a\r\nX-Other: b", "is no token"),
    ],
)
def test_a_wrong_setting_is_said_and_no_token_travels_in_clear(url: str, token: str | None, told: str) -> None:
    """The error names the setting and what is allowed, and shows no token."""
    env = {"PIPETRAIL_COLLECTOR_TOKEN": token} if token else {}
    with pytest.raises(SettingError, match=told) as caught:
        access_of(url, env)
    assert "pass@" not in str(caught.value)


def test_a_printed_access_shows_no_token() -> None:
    """What is printed by accident does not give the token away."""
    assert TOKEN not in repr(access_of("https://collector.acme.example", {"PIPETRAIL_ID_TOKEN": TOKEN}))
