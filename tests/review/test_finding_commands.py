"""`pipetrail finding`: decisions of people become events that the processor's core takes in."""

import json
import os
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from pipetrail_processors.detect.labelled import REPOSITORY, messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_producers.options import gathered
from pipetrail_review import finding_commands
from pipetrail_review.errors import ReviewError
from pipetrail_review.finding_commands import About, event_about
from pipetrail_schemas import codec
from pipetrail_schemas.finding import Decision, Finding
from pipetrail_schemas.topics import FINDINGS
from support.library import Command, Library
from support.world import World

OVERRIDE = {"type": "policy.bypassed", "pipetrail.control": "gate", "user.name": "Ann", "event.reason": "hot fix"}
BEN = ("--actor", "Ben", "--reason", "it was right")


@pytest.fixture(autouse=True)
def place(on_ones_own: Path) -> Path:
    """Nothing of the machine that the tests run on counts."""
    return on_ones_own


@pytest.fixture
def world() -> World:
    """A world in which Ann passed over a gate."""
    made = World(rules=RuleSet.load())
    made.take(messages([OVERRIDE]))
    return made


def _decide(*arguments: str) -> Result:
    return CliRunner().invoke(finding_commands.finding, list(arguments))


@pytest.mark.parametrize(
    ("verb", "status"), [("ack", "acknowledged"), ("justify", "justified"), ("resolve", "resolved"), ("reopen", "open")]
)
def test_a_decision_reaches_the_finding_without_any_lookup(world: World, verb: str, status: str) -> None:
    """With the repository, however it is written, and the whole id: no OpenSearch is asked, and the finding shows it."""
    (found,) = world.findings()
    finding_id = found["pipetrail"]["finding"]["id"]
    told = _decide(verb, finding_id.upper(), "--repository", "git@git.example:acme/shop.git", *BEN, "--dry-run")
    assert told.exit_code == 0, told.output
    codec.decode(told.stdout.encode())
    world.take([told.stdout.encode()])
    state = _latest(world, finding_id).pipetrail.finding
    assert state.status == status
    decision = state.reopened if verb == "reopen" else getattr(state, status)
    assert isinstance(decision, Decision)
    assert (decision.by and decision.by.name, decision.reason) == ("Ben", "it was right")


def test_a_decision_says_nothing_of_where_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job that decides is recorded; its commit, branch and environment are about something else."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/chores")
    monkeypatch.setenv("GITHUB_SHA", "a" * 40)
    monkeypatch.setenv("GITHUB_RUN_ID", "77")
    monkeypatch.setenv("PIPETRAIL_ENVIRONMENT", "prod")
    told = _decide("ack", "5a69dac1-623c-5ce5-9ce2-5e3434fd6d21", "--repository", REPOSITORY, *BEN, "--dry-run")
    event = json.loads(told.stdout)
    assert event["partitionkey"] == REPOSITORY
    assert event["data"]["vcs"] == {"repository": {"name": "shop", "url": {"full": REPOSITORY}}}
    assert event["data"]["cicd"]["pipeline"]["run"]["id"] == "77"
    assert "deployment" not in event["data"]


def test_a_finding_without_a_repository_is_reached_by_its_key() -> None:
    """And names no repository of the folder that somebody sits in."""
    said_here = gathered(_given(actor="Ben"))
    event = event_about(About("5a69dac1-623c-5ce5-9ce2-5e3434fd6d21", None, "github.com/acme"), "finding.resolved", said_here)
    assert (event["partitionkey"], "vcs" in event["data"]) == ("github.com/acme", False)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--actor", "Ben"), "--reason is required"),
        (("--actor", "Ben", "--reason", " "), "--reason is required"),
        (("--actor", "Ben", "--reason", "x", "--repository", "nowhere at all://"), "--repository"),
    ],
)
def test_what_lacks_a_reason_or_a_repository_is_refused(arguments: tuple[str, ...], says: str) -> None:
    """Exit 2, and what is wrong."""
    told = _decide("ack", "5a69dac1-623c-5ce5-9ce2-5e3434fd6d21", "--repository", REPOSITORY, *arguments)
    assert told.exit_code == 2
    assert says in told.stderr


def test_a_decision_without_anybody_who_decides_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's word would not count."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    with pytest.raises(click.UsageError, match="--actor"):
        event_about(About("5a69dac1-623c-5ce5-9ce2-5e3434fd6d21", REPOSITORY), "finding.resolved", _nobody())


def test_without_opensearch_it_is_said_what_needs_none() -> None:
    """A shortened id must be looked up."""
    told = _decide("ack", "5a69dac1", *BEN)
    assert isinstance(told.exception, ReviewError)
    assert "with --repository URL and the finding's whole id nothing is looked up" in str(told.exception)


def test_what_cannot_be_delivered_is_spooled(place: Path) -> None:
    """Exit 75, like every other event."""
    told = _decide("ack", "5a69dac1-623c-5ce5-9ce2-5e3434fd6d21", "--repository", REPOSITORY, *BEN)
    assert told.exit_code == 75
    (spooled,) = (place / "spool").glob("*.event")
    assert b"finding.acknowledged" in spooled.read_bytes()


@pytest.mark.stack
def test_a_finding_is_found_by_the_beginning_of_its_id(library: Library, pipetrail: Command) -> None:
    """It is looked up: the event names its repository and commit, and one's own override is warned of."""
    state, user = library.override.pipetrail.finding, library.override.user
    assert user is not None
    arguments = ("finding", "justify", state.id[:12], "--reason", "hot fix", "--dry-run")
    told = pipetrail(*arguments, "--actor", str(user.name))
    assert (told.returncode, "an override of your own" in told.stderr) == (0, True)
    event = json.loads(told.stdout)
    assert event["partitionkey"] == library.repository
    assert event["data"]["pipetrail"]["finding"] == {"id": state.id}
    assert event["data"]["vcs"]["ref"]["head"]["revision"] == str(library.override.vcs.ref.head.revision)  # type: ignore[union-attr]
    other = pipetrail(*arguments, "--actor", "Somebody Else")
    assert (other.returncode, other.stderr) == (0, "")
    elsewhere = pipetrail(*arguments, "--actor", "Somebody Else", "--repository", REPOSITORY)
    assert (elsewhere.returncode, "is one of" in elsewhere.stderr) == (2, True)


def _latest(world: World, finding_id: str) -> Finding:
    return Finding.model_validate_json(world.latest(FINDINGS)[finding_id.encode()])


def _given(**more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"reason": "x", "ticket": None, "labels": (), "moment": None, "native_id": None, "actor": None}
    return {**given, "dry_run": True, "timeout_s": None, "collector": None, "as_json": False, **more}


def _nobody() -> Any:
    return gathered(_given())
