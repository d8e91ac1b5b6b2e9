"""The recording commands as people call them; nothing is sent, the spool shows what would be."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pipetrail_producers.spool import Entry, Spool
from pipetrail_schemas import codec

SPOOLED = 75
REPOSITORY = "https://git.acme.example/acme/shop"


_TEXT: Any = {"encoding": "utf-8", "errors": "surrogateescape"}


def pipetrail(cwd: Path, *arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder that is its home, about one repository, without a broker."""
    clean = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd),
        "PIPETRAIL_SPOOL": str(cwd / "spool"),
        "PIPETRAIL_REPOSITORY": REPOSITORY,
        **env,
    }
    command = (sys.executable, "-m", "pipetrail", *arguments)
    return subprocess.run(command, cwd=cwd, env=clean, input=stdin, capture_output=True, check=False, **_TEXT)


def dry(cwd: Path, *arguments: str, stdin: str = "", **env: str) -> dict[str, Any]:
    """The event that a command would send; it is valid by the whole contract."""
    done = pipetrail(cwd, *arguments, "--dry-run", stdin=stdin, **env)
    assert (done.returncode, done.stderr) == (0, "")
    codec.validate(json.loads(done.stdout))
    event: dict[str, Any] = json.loads(done.stdout)
    return event


def test_an_event_carries_what_was_said(tmp_path: Path) -> None:
    """Options, fields of any kind, labels and data end in their places."""
    event = dry(
        tmp_path,
        *("emit", "testsuiterun.finished", "--result", "failure", "--reason", "why", "--ticket", "PAY-1", "--label", "team=a"),
        *("--field", "pipetrail.test.total=3", "--field", 'user.roles=["dev"]', "--data", '{"service":{"name":"shop"}}'),
        *("--time", "2026-11-23T10:00:00+01:00", "--commit", "a" * 40, "--actor", "ada"),
    )
    data = event["data"]
    assert event["time"] == "2026-11-23T09:00:00.000Z"
    assert data["pipetrail"] | {"actor": 0} == {
        "actor": 0,
        "result": "failure",
        "ticket": {"id": "PAY-1"},
        "labels": {"team": "a"},
        "test": {"total": 3},
    }
    assert (data["user"]["name"], data["user"]["roles"], data["service"]["name"]) == ("ada", ["dev"], "shop")
    assert data["vcs"]["ref"]["head"]["revision"] == "a" * 40


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("emit", "buidl.finished"), "no event type"),
        (("emit", "build.finished"), "data.pipetrail.result: is required"),
        (("emit", "build.started", "--commit", "HEAD"), "data.vcs.ref.head.revision: must be a commit id"),
        (("emit", "build.started", "--field", "user.nmae=x"), "is not a field of the schema"),
        (("emit", "build.started", "--field", "pipetrail.test.total=three"), "must be JSON for a integer"),
        (("emit", "build.started", "--label", "x"), "is not NAME=TEXT"),
        (("emit", "build.started", "--time", "yesterday"), "no time with a zone"),
        (("emit", "-"), "is not JSON"),
        (("override", "freeze"), "--reason is required"),
        (("intervention", "rerun"), "--reason is required"),
        (("emit", "build.started", "--collector", "nowhere"), "PIPETRAIL_COLLECTOR_URL"),
        (("artifact",), "name a FILE"),
        (("artifact", "/bin/sh", "--digest", "sha256:" + "a" * 64), "not both"),
        (("artifact", "--digest", "latest"), "data.artifact.hash: must be algorithm and digest"),
        (("run", "--skip", "--", "true"), "--reason is required"),
        (("run", "--stage", "deploy", "--", "true"), "--environment is required"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_allowed(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    """Nothing is spooled, and the message names the field or option."""
    done = pipetrail(tmp_path, *arguments)
    assert (done.returncode, (tmp_path / "spool").exists()) == (2, False)
    assert told in done.stderr


def test_the_id_is_printed_and_is_the_events(tmp_path: Path) -> None:
    """Standard output is the event's id; with --json it is the outcome."""
    printed = pipetrail(tmp_path, "emit", "incident.reported", "--reason", "x")
    told = json.loads(pipetrail(tmp_path, "emit", "incident.reported", "--reason", "x", "--json").stdout)
    spool = Spool(tmp_path / "spool", max_bytes=1 << 28)
    ids = [json.loads(one.message.value)["id"] for path in spool.paths() if isinstance(one := spool.read(path), Entry)]
    assert ids == [printed.stdout.strip(), told["id"]]
    assert (printed.returncode, told["outcome"]) == (SPOOLED, "spooled")


def test_the_same_key_is_the_same_event_and_none_is_a_new_one(tmp_path: Path) -> None:
    """With --id a retry tells the same fact; without it each call is a fact of its own."""
    keyed = {dry(tmp_path, "emit", "build.started", "--id", "job 17")["id"] for _ in range(2)}
    unkeyed = {dry(tmp_path, "emit", "build.started")["id"] for _ in range(2)}
    assert (len(keyed), len(unkeyed)) == (1, 2)


def test_a_whole_event_is_completed_and_redacted(tmp_path: Path) -> None:
    """`emit -` takes a CloudEvent, completes what the agent knows, and lets no secret through."""
    given = {
        "type": "incident.reported",
        "source": "https://pager.acme.example",
        "data": {"event": {"reason": "password=hunter2"}},
    }
    event = dry(tmp_path, "emit", "-", stdin=json.dumps(given))
    assert event["type"] == "dev.pipetrail.incident.reported.v1"
    assert event["partitionkey"] == "https://pager.acme.example"
    assert "hunter2" not in json.dumps(event)


def test_no_secret_of_the_environment_leaves_in_any_text(tmp_path: Path) -> None:
    """A reason, a label and a field are redacted like arguments are."""
    arguments = ("--reason", "used s3same-open", "--label", "a=s3same-open", "--field", "pipetrail.trigger=s3same-open")
    event = dry(tmp_path, "emit", "incident.reported", *arguments, MY_TOKEN="s3same-open")
    assert "s3same-open" not in json.dumps(event)
    assert json.dumps(event).count("[redacted:environment:") == 3


def test_an_artifact_is_known_by_its_bytes(tmp_path: Path) -> None:
    """Digest, size and name are the file's; --published says that it was put where others get it."""
    (tmp_path / "shop.tar").write_bytes(b"content")
    event = dry(tmp_path, "artifact", "shop.tar", "--published", "--purl", "pkg:generic/shop@1")
    digest = "sha256:" + hashlib.sha256(b"content").hexdigest()
    assert event["type"] == "dev.pipetrail.artifact.published.v1"
    assert event["data"]["artifact"] == {"hash": digest, "filename": "shop.tar", "size": 7, "purl": "pkg:generic/shop@1"}


def test_an_image_is_known_by_its_digest_alone(tmp_path: Path) -> None:
    """What is no file here is recorded, and deployed, by the digest that it has in its registry."""
    digest = "sha256:" + "AB" * 32
    made = dry(tmp_path, "artifact", "--digest", digest, "--purl", "pkg:oci/shop@sha256%3Aabab", "--version", "1.2")
    assert made["data"]["artifact"] == {"hash": digest.lower(), "purl": "pkg:oci/shop@sha256%3Aabab", "version": "1.2"}
    deployed = dry(tmp_path, "deploy", "start", "--environment", "prod", "--digest", digest)
    assert deployed["data"]["artifact"] == {"hash": digest.lower()}


def test_what_provenance_says_of_an_artifact_is_recorded_with_it(tmp_path: Path) -> None:
    """Each statement about this digest is an event of its own, under ids that anybody who reads the file gives it."""
    (tmp_path / "shop.tar").write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "shop.tar", "digest": {"sha256": digest}}, {"name": "other", "digest": {"sha256": "0" * 64}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {"buildType": "https://build.acme.example/v1", "externalParameters": {}},
            "runDetails": {"builder": {"id": "https://build.acme.example/builder"}},
        },
    }
    (tmp_path / "shop.json").write_text(json.dumps(statement))
    done = pipetrail(tmp_path, "artifact", "shop.tar", "--provenance", "shop.json")
    assert done.returncode == SPOOLED, done.stderr
    spool = Spool(tmp_path / "spool", max_bytes=1 << 28)
    events = [json.loads(one.message.value) for path in spool.paths() if isinstance(one := spool.read(path), Entry)]
    names = [codec.validate(event).kind.name for event in events]
    assert names == ["artifact.packaged", "artifact.packaged", "artifact.attested"]
    assert {event["data"]["artifact"]["hash"] for event in events} == {f"sha256:{digest}"}
    assert done.stdout.split() == [event["id"] for event in events]
    (tmp_path / "shop.tar").write_bytes(b"altered")
    other = pipetrail(tmp_path, "artifact", "shop.tar", "--provenance", "shop.json")
    assert (other.returncode, "no statement in it is about" in other.stderr) == (66, True)


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    """An artifact that cannot be read is not recorded."""
    done = pipetrail(tmp_path, "artifact", "nowhere.tar")
    assert (done.returncode, "nowhere.tar" in done.stderr, "Traceback" in done.stderr) == (66, True, False)


def test_a_deployments_start_and_end_are_joined_by_its_id(tmp_path: Path) -> None:
    """The id that `deploy start --json` prints makes `deploy finish --id` the end of the same deployment."""
    started = json.loads(pipetrail(tmp_path, "deploy", "start", "--environment", "prod", "--json").stdout)
    finished = dry(tmp_path, "deploy", "finish", "--environment", "prod", "--id", started["deployment"])
    assert finished["data"]["deployment"]["id"] == started["deployment"]
    assert finished["data"]["pipetrail"]["result"] == "success"
    assert finished["id"] != started["id"]


def test_an_approval_says_who_and_for_what(tmp_path: Path) -> None:
    """Decision, environment, change, actor and reason are in the event."""
    arguments = ("approve", "--decision", "rejected", "--environment", "prod", "--change", "17", "--reason", "too late")
    data = dry(tmp_path, *arguments, "--actor", "ben")["data"]
    assert (data["pipetrail"]["decision"], data["deployment"]["environment"]["name"]) == ("rejected", "prod")
    assert (data["vcs"]["change"]["id"], data["user"]["name"], data["event"]["reason"]) == ("17", "ben", "too late")


def test_an_argument_that_is_no_text_is_carried(tmp_path: Path) -> None:
    """Bytes in an argument that are no UTF-8 are shown by their number, and the event stays valid."""
    done = pipetrail(tmp_path, "run", "--dry-run", "--", "printf", "%s", "a\udcff")
    assert done.stdout == "a\udcff"
    assert "\\\\udcff" in done.stderr


def test_reports_are_counted_and_old_ones_are_not(tmp_path: Path) -> None:
    """`run --junit` records the counts of what the tests wrote; what lay there before is said and left out."""
    (tmp_path / "old.xml").write_text("<testsuite><testcase/></testsuite>")
    os.utime(tmp_path / "old.xml", (1, 1))
    write = "echo '<testsuite><testcase><failure/></testcase><testcase/></testsuite>' > new.xml"
    done = pipetrail(tmp_path, "run", "--stage", "test", "--junit", "*.xml", "--dry-run", "--", "sh", "-c", write)
    assert '"total": 2,\n        "passed": 1,\n        "failed": 1,' in done.stderr
    stale = pipetrail(tmp_path, "run", "--stage", "test", "--junit", "old.xml", "--dry-run", "--", "true")
    assert "1 from before this run" in stale.stderr
    assert '"total"' not in stale.stderr


def test_a_report_is_a_test_run_with_counts_failures_and_meanings(tmp_path: Path) -> None:
    """`test-report` tells of all reports as one run: its verdict, what failed, and what the skips mean."""
    skipped = "<testcase><skipped message='only on windows'/></testcase><testcase><skipped/></testcase>"
    (tmp_path / "a.xml").write_text(f"<testsuite>{skipped}<testcase time='1.5'/></testsuite>")
    (tmp_path / "b.xml").write_text("<testsuite name='s'><testcase name='n'><failure message='m'/></testcase></testsuite>")
    data = dry(tmp_path, "test-report", "*.xml", "--name", "unit")["data"]
    extra = data["pipetrail"]
    assert (extra["result"], extra["stage"], data["cicd"]["pipeline"]["task"]["name"]) == ("failure", "test", "unit")
    assert extra["test"] == {
        "total": 4,
        "passed": 1,
        "failed": 1,
        "errored": 0,
        "skipped": 2,
        "skips": {"on_purpose": 1, "not_required": 1},
        "failures": [{"name": "n", "suite": "s", "message": "m"}],
    }
    assert data["event"]["duration"] == 1_500_000_000


def test_a_report_without_a_passing_case_is_a_skip(tmp_path: Path) -> None:
    """A report of nothing is no success, and one that is not there is an error that names the pattern."""
    (tmp_path / "a.xml").write_text("<testsuite/>")
    extra = dry(tmp_path, "test-report", "a.xml")["data"]["pipetrail"]
    assert (extra["result"], extra["skip"]) == ("skip", "never_ran")
    absent = pipetrail(tmp_path, "test-report", "no/**/*.xml")
    assert (absent.returncode, "no/**/*.xml" in absent.stderr) == (66, True)


def test_a_green_exit_code_does_not_hide_what_the_report_says(tmp_path: Path) -> None:
    """Tests that end well though one failed did not succeed; the command's exit code stays its own."""
    write = "echo '<testsuite><testcase><failure/></testcase></testsuite>' > new.xml"
    done = pipetrail(tmp_path, "run", "--stage", "test", "--junit", "*.xml", "--dry-run", "--", "sh", "-c", write)
    assert done.returncode == 0
    assert '"result": "failure"' in done.stderr
    assert '"result_raw": "exit 0"' in done.stderr


def test_an_intervention_says_who_how_where_and_why(tmp_path: Path) -> None:
    """Action, run, job, actor and reason are in the event."""
    arguments = ("intervention", "rerun", "--run", "77", "--job", "deploy", "--actor", "ada", "--reason", "runner died")
    event = dry(tmp_path, *arguments)
    data = event["data"]
    assert event["type"] == "dev.pipetrail.intervention.recorded.v1"
    assert (data["event"], data["user"]["name"]) == ({"action": "rerun", "reason": "runner died"}, "ada")
    assert (data["cicd"]["pipeline"]["run"]["id"], data["cicd"]["pipeline"]["task"]["name"]) == ("77", "deploy")


def test_a_skip_without_kafka_does_not_break_the_build(tmp_path: Path) -> None:
    """A skip that is spooled ends with 0, as the command would have been passed over; it waits in the spool."""
    done = pipetrail(tmp_path, "run", "--skip", "--stage", "test", "--reason", "hotfix", "--", "make", "test")
    assert (done.returncode, len(Spool(tmp_path / "spool", max_bytes=1 << 28).paths())) == (0, 1)


def test_a_full_spool_is_said_loudly(tmp_path: Path) -> None:
    """An event that fits nowhere is not recorded: 74, and the message names the bound."""
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "filler").write_bytes(bytes(1 << 20))
    done = pipetrail(tmp_path, "emit", "incident.reported", "--reason", "x", PIPETRAIL_SPOOL_MAX_BYTES=str(1 << 20))
    assert done.returncode == 74
    assert "PIPETRAIL_SPOOL_MAX_BYTES" in done.stderr
