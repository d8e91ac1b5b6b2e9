"""`pipetrail policy record`: who weakens a control in the policy file is found, and what is told of it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard import difference
from pipetrail_processors.guard.policy import Policy
from pipetrail_review.policy_record import policy
from support.world import World

POLICY = """\
environments:
  - {match: [prod], production: true, require: [build, test]}
reviews:
  - {approvals: 2, groups: [leads]}
people: {ann: [developer]}
groups: {leads: {members: [bob], roles: [release_manager]}}
allow:
  - {roles: [release_manager], actions: [deploy], environments: [prod]}
freezes:
  - {name: weekend, cron: "0 18 * * 5", lasts: 62h, environments: [prod]}
"""


@pytest.fixture(autouse=True)
def repository(on_ones_own: Path) -> Path:
    """A git repository with the policy in it."""
    (on_ones_own / "pipetrail-policy.yaml").write_text(POLICY, encoding="utf-8")
    for command in ("init -q", "add pipetrail-policy.yaml", "commit -q -m policy"):
        _git(on_ones_own, *command.split())
    return on_ones_own


def _git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@acme.example", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


def _record(*arguments: str) -> Result:
    asked = ["record", "--since", "HEAD", "--repository", "https://git.example/acme/shop", "--actor", "ann", *arguments]
    return CliRunner().invoke(policy, asked)


def _edited(folder: Path, old: str, new: str) -> tuple[Result, list[dict[str, Any]]]:
    """What is told of an edit, and what is found by it."""
    assert old in POLICY
    (folder / "pipetrail-policy.yaml").write_text(POLICY.replace(old, new), encoding="utf-8")
    answer = _record("--dry-run")
    assert answer.exit_code == 0, answer.output
    world = World(rules=RuleSet.load())
    world.take(json.dumps(event).encode() for event in _events(answer.stdout))
    return answer, world.findings()


def _events(text: str) -> list[dict[str, Any]]:
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text.rstrip()):
        event, end = decoder.raw_decode(text, at)
        found.append(event)
        at = end + 1
    return found


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("require: [build, test]", "require: [build]", "weaker: prod: required stages: build, test → build"),
        ("approvals: 2", "approvals: 1", "weaker: main: approvals: 2 → 1"),
        ("approvals: 2", "approvals: 2, stale: true", "weaker: main: stale: nothing → yes"),
        (", groups: [leads]}", "}", "weaker: main: approving groups: leads → nothing"),
        ("roles: [release_manager], actions: [deploy]", "roles: [release_manager, developer], actions: [deploy]",
         "weaker: allow deploy in prod: release_manager → developer, release_manager"),
        ("actions: [deploy]", "actions: [deploy, override_gate]",
         "weaker: allow override_gate in prod: nothing → release_manager"),
    ],
)  # fmt: skip
def test_a_weaker_policy_is_a_finding(repository: Path, old: str, new: str, told: str) -> None:
    """What was weakened is said; whoever did it stands in a finding of high severity."""
    answer, (found,) = _edited(repository, old, new)
    assert told in answer.stderr
    assert found["rule"]["id"] == "policy-edited"
    assert found["pipetrail"]["finding"]["severity"] == "high"
    assert found["message"] == "ann weakened pipetrail policy: acme/shop"


def test_a_stricter_policy_is_told_and_no_finding(repository: Path) -> None:
    """It is an event like any other."""
    answer, found = _edited(repository, "require: [build, test]", "require: [build, test, approval]")
    assert "stricter: prod: required stages: build, test → build, test, approval" in answer.stderr
    assert len(_events(answer.stdout)) == 1
    assert found == []


@pytest.mark.parametrize(
    ("old", "new", "severity"),
    [
        ("  - {name: weekend,", "  - {name: night,", "high"),
        ("lasts: 62h", "lasts: 2h", "high"),
        ("lasts: 62h", "lasts: 72h", "medium"),
        ("lasts: 62h", "lasts: 62h, exceptions: [{reason: audit, expires: 2030-01-01T00:00:00Z}]", "high"),
    ],
)
def test_an_edit_of_the_freezes_is_one_of_the_calendar(repository: Path, old: str, new: str, severity: str) -> None:
    """Another rule's, with what became of the windows."""
    _, (found,) = _edited(repository, old, new)
    assert (found["rule"]["id"], found["pipetrail"]["finding"]["severity"]) == ("calendar-edited", severity)


_DENY, _ALLOW, _OTHER = (
    f"{{name: {name}, effect: {effect}, from: 2026-01-01T00:00:00Z, until: 2026-02-01T00:00:00Z}}"
    for name, effect in (("a", "deny"), ("b", "allow"), ("c", "allow"))
)


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        ([_DENY], [], "weaker"),
        ([], [_DENY], "stricter"),
        ([_ALLOW], [], "weaker"),  # without any that allows, all time is open
        ([], [_ALLOW], "stricter"),
        ([_ALLOW], [_ALLOW, _OTHER], "weaker"),  # one more is open
        ([_ALLOW, _OTHER], [_ALLOW], "stricter"),
    ],
)
def test_a_window_that_comes_or_goes_opens_or_closes(before: list[str], after: list[str], effect: str) -> None:
    """What is denied less, or allowed more, is weaker."""
    old, new = (Policy.parse(f"freezes: [{', '.join(windows)}]", name="p.yaml") for windows in (before, after))
    assert [(one.of, one.effect) for one in difference.changes(old, new)] == [(difference.CALENDAR, effect)]


def test_who_has_other_roles_is_told_one_by_one(repository: Path) -> None:
    """Also by a group; somebody who becomes an administrator is found."""
    answer, found = _edited(repository, "people: {ann: [developer]}", "people: {ann: [administrator], cem: [developer]}")
    told = [(one["data"]["event"]["action"], one["data"]["user"]["target"]["name"]) for one in _events(answer.stdout)]
    assert told == [("added", "ann"), ("removed", "ann"), ("added", "cem")]
    assert [(one["rule"]["id"], one["message"]) for one in found] == [("owner-added", "ann made ann administrator: acme/shop")]
    answer, _ = _edited(repository, "members: [bob]", "members: [bob, ann]")
    (event,) = _events(answer.stdout)
    assert event["data"]["user"]["changes"]["roles"] == ["release_manager"]


def test_the_same_edit_is_the_same_events(repository: Path) -> None:
    """A pipeline may run it on every push."""
    first, _ = _edited(repository, "approvals: 2", "approvals: 1")
    again, _ = _edited(repository, "approvals: 2", "approvals: 1")
    assert [one["id"] for one in _events(first.stdout)] == [one["id"] for one in _events(again.stdout)]


def test_nothing_is_told_of_what_says_the_same(repository: Path) -> None:
    """Comments and order of words are no edit."""
    (repository / "pipetrail-policy.yaml").write_text(f"# words\n{POLICY}", encoding="utf-8")
    answer = _record("--dry-run")
    assert (answer.exit_code, answer.stdout) == (0, "")
    assert "says the same" in answer.stderr


def test_a_policy_that_is_deleted_is_weaker(repository: Path) -> None:
    """What it asked for is asked for no more."""
    (repository / "pipetrail-policy.yaml").unlink()
    answer = _record("--dry-run")
    assert answer.exit_code == 0, answer.output
    assert "weaker: allow" in answer.stderr


def test_an_unknown_revision_is_said(repository: Path) -> None:
    """A shallow clone does not have it."""
    answer = _record("--since", "nowhere")
    assert answer.exit_code != 0
    assert repository.exists()
    assert "names no commit here" in str(answer.exception)
