"""`pipetrail replay` and `rules replay`: over files, and over what OpenSearch has."""

import gzip
import json
import os
import signal
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from click.testing import CliRunner
from pipetrail_review.replay_commands import replay
from pipetrail_schemas.topics import FINDINGS, RECORDS, TRAILS
from pipetrail_sinks.message import Message
from pipetrail_sinks.opensearch import documents, indices, templates
from pipetrail_sinks.opensearch.client import Client as Writer
from support.library import environment_of
from support.stream import stream
from support.wait import wait_for
from support.world import World

RECORDED = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A hundred events of three repositories, gzipped."""
    path = tmp_path / "history.ndjson.gz"
    path.write_bytes(gzip.compress(b"\n".join(stream("filed", 100, recorded=RECORDED, repositories=3))))
    return path


def test_a_replay_says_what_came_of_a_file(history: Path, tmp_path: Path) -> None:
    """For people and as JSON; trails and findings go where they are wanted."""
    trails = tmp_path / "trails.ndjson"
    asked = ["--file", str(history), "--trails", str(trails)]
    told = json.loads(CliRunner().invoke(replay, [*asked, "--json"]).stdout)
    assert (told["events"], told["refused"], told["from"]) == (100, 0, "2026-01-05T09:00:00.000Z")
    written = [json.loads(line) for line in trails.read_bytes().splitlines()]
    assert len(written) == told["trails"] > 0
    said = CliRunner().invoke(replay, asked).stdout
    assert "replayed 100 events, 2026-01-05" in said
    assert f"{told['trails']} trails; findings:" in said


def test_a_replay_of_one_repository_shows_that_one(history: Path) -> None:
    """Findings on standard output as data; what was done, beside it."""
    asked = ["--file", str(history), "--repository", "filed/service-2", "--trails", "-"]
    answer = CliRunner().invoke(replay, asked)
    urls = {json.loads(line)["vcs"]["repository"]["url"]["full"] for line in answer.stdout.splitlines()}
    assert urls == {"https://forge.example/filed/service-2"}
    assert "replayed" in answer.stderr


def test_a_replay_knows_the_exclusions(history: Path, tmp_path: Path) -> None:
    """What is known and accepted is excluded, as it is live."""
    file = tmp_path / "exclusions.yaml"
    file.write_text(
        "exclusions:\n  - {rules: [deployed-although-failed], environments: [prod], owner: ann, reason: known,"
        " expires: 2100-01-01T00:00:00Z}\n",
        encoding="utf-8",
    )
    asked = ["--file", str(history), "--json"]
    without = json.loads(CliRunner().invoke(replay, asked).stdout)
    told = json.loads(CliRunner().invoke(replay, [*asked, "--exclusions", str(file), "--workers", "2"]).stdout)
    assert without["open"]["deployed-although-failed"] == told["findings"]["excluded"] > 0
    assert "deployed-although-failed" not in told["open"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--compare", "kafka", "--until", "2026-01-01"], "--until"),
        (["--compare", "kafka", "--recorded-since", "1d"], "--recorded-since"),
        (["--recorded-since", "once"], "'once' is not"),
        (["--into", "kafka", "--source", "opensearch"], "back-fill from Kafka or from files"),
        (["--file", "-", "--file", "other"], "stands alone"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(arguments: list[str], problem: str) -> None:
    """And says what to do instead."""
    answer = CliRunner().invoke(replay, arguments)
    assert answer.exit_code == 2
    assert problem in answer.stderr


def test_an_interrupted_replay_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C ends all processes, and the folder of the state goes."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "pipetrail", "replay", "--file", "-", "--workers", "2"]
    values = b"\n".join(stream("held", 2500, recorded=RECORDED, repositories=5)) + b"\n"
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(temporary)},
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(values)
        process.stdin.flush()
        wait_for(lambda: any(temporary.glob("pipetrail-replay-*/1")), timeout_s=120, what="both workers to begin")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(120) != 0
    assert not list(temporary.glob("pipetrail-replay-*"))
    wait_for(lambda: not _any_left(process.pid), timeout_s=120, what="the last of its processes to end")


def _any_left(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


class Indexed(NamedTuple):
    """What a live run has indexed: a repository, and how to ask for it."""

    repository: str
    trails: int
    env: dict[str, str]


@pytest.fixture(scope="module")
def indexed(stack: Any) -> Indexed:
    """Records, trails and findings of a repository, as the sink writes them."""
    connection = stack.connection.require_opensearch()
    run = uuid.uuid4().hex
    world = World()
    world.take(stream(run, 120, recorded=datetime.now(UTC) - timedelta(hours=1), repositories=1))
    world.wait_until(datetime.now(UTC))
    writer = Writer(connection.as_user("admin"))
    indices.apply(writer, templates.component(shards=1, replicas="0-1", refresh_s=1))
    records = {orjson.loads(output.value or b"")["event"]["id"]: output.value for output in world.published[RECORDS]}
    latest = [(RECORDS, value) for value in records.values()]
    latest += [(topic, value) for topic in (TRAILS, FINDINGS) for value in world.latest(topic).values()]
    made = [documents.document(Message(topic.name, 0, 0, None, value), datetime.now(UTC)) for topic, value in latest]
    body = b"".join(document.lines() for document in made if document)
    answer = writer.request("POST", "/_bulk", body, params={"refresh": "true"}, ndjson=True)
    assert (answer.status, answer.body["errors"]) == (200, False)
    writer.close()
    repository = f"https://forge.example/{run}/service-0"
    trails = sum(repository.encode() in value for value in world.latest(TRAILS).values())
    return Indexed(repository, trails, environment_of(connection))


def _asked(indexed: Indexed, folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "pipetrail", *arguments, "--repository", indexed.repository, "--json"]
    done = subprocess.run(
        command, env=os.environ | indexed.env, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout, done.stderr
    return done.returncode, orjson.loads(done.stdout)


@pytest.mark.stack
def test_a_replay_of_the_index_comes_to_what_is_indexed(indexed: Indexed, tmp_path: Path) -> None:
    """Events that name no repository are found again by their artifact; not one trail or finding differs."""
    code, told = _asked(indexed, tmp_path, "replay", "--source", "opensearch", "--compare", "opensearch")
    assert code == 0, told
    assert told["compared"]["trails"]["verdicts"]["same"] == told["trails"] == indexed.trails > 0
    assert told["compared"]["findings"]["verdicts"]["same"] == sum(told["findings"].values()) > 0


@pytest.mark.stack
def test_a_rule_is_tried_on_what_is_indexed(indexed: Indexed, tmp_path: Path) -> None:
    """How often it would have fired, on whom; nothing of before --since, which is read all the same."""
    _, told = _asked(indexed, tmp_path, "rules", "replay", "deployed-although-failed")
    assert told["fired"] == len(told["findings"]) > 0
    assert told["repositories"] == [[indexed.repository, told["fired"]]]
    _, later = _asked(indexed, tmp_path, "rules", "replay", "deployed-although-failed", "--since", "10m")
    assert (later["events"], later["fired"]) == (told["events"], 0)
