"""`pipetrail check` as git's hook and as a gate in CI, on real repositories."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_schemas import codec
from support.stand_in_collector import stand_in
from support.world import World

RULES = "ticket = 'required'\nticket_keys = ['PAY']\n"
PERSON = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Ada Lovelace",
    "GIT_AUTHOR_EMAIL": "ada@acme.example",
    "GIT_COMMITTER_NAME": "Ada Lovelace",
    "GIT_COMMITTER_EMAIL": "ada@acme.example",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with rules and one commit, without CI and without overrides around it."""
    for name in os.environ:
        if name.startswith(("GITHUB_", "PIPETRAIL_")) or name in {"GITLAB_CI", "JENKINS_URL"}:
            monkeypatch.delenv(name)
    for name, value in PERSON.items():
        monkeypatch.setenv(name, value)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "remote", "add", "origin", "https://git.acme.example/acme/shop.git")
    (tmp_path / ".pipetrail-commits.toml").write_text(RULES, encoding="utf-8")
    commit(tmp_path, "PAY-1 set up the shop")
    return tmp_path


def git(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run git in a folder."""
    return subprocess.run(("git", "-C", str(folder), *arguments), check=check, capture_output=True, text=True)


def commit(folder: Path, message: str, *options: str) -> str:
    """Make an empty commit; its id."""
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message, *options)
    return git(folder, "rev-parse", "HEAD").stdout.strip()


def check(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `pipetrail check` in a folder."""
    command = (sys.executable, "-m", "pipetrail", "check", *arguments)
    return subprocess.run(command, cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)


def install_hook(folder: Path) -> None:
    """Make git call the check on every message."""
    hook = folder / ".git" / "hooks" / "commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipetrail check "$1"\n', encoding="utf-8")
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)


def test_the_hook_stops_a_commit_and_says_what_to_do(folder: Path) -> None:
    """Git makes no commit of a refused message; a good one goes through."""
    install_hook(folder)
    refused = git(folder, "commit", "--allow-empty", "--message", "Retry on 503 answers", check=False)
    assert refused.returncode == 1
    assert "ticket: no ticket is named (keys: PAY)" in refused.stderr
    assert "PAY-123" in refused.stderr
    commit(folder, "PAY-2 retry on 503")
    assert git(folder, "rev-list", "--count", "HEAD").stdout.strip() == "2"


def test_the_hook_ignores_what_git_takes_away(folder: Path) -> None:
    """Comments and the diff below the scissors are no part of the message."""
    message = folder / "MESSAGE"
    message.write_text(
        "PAY-2 retry on 503\n# Please enter the commit message\n"
        "# ------------------------ >8 ------------------------\ndiff --git a/x b/x\n+no empty line\n",
        encoding="utf-8",
    )
    assert check(folder, str(message)).returncode == 0


def test_an_override_travels_with_the_commit(folder: Path) -> None:
    """A reason lets the hook pass, is written below the message, and lets the gate pass, which says so."""
    install_hook(folder)
    env = {**os.environ, "PIPETRAIL_OVERRIDE_REASON": "customers are down"}
    command = ("git", "-C", str(folder), "commit", "--quiet", "--allow-empty", "--message", "Retry on 503 answers")
    subprocess.run(command, env=env, check=True, capture_output=True)
    assert "Policy-override: customers are down" in git(folder, "log", "-1", "--format=%B").stdout
    gate = check(folder, "--range", "HEAD^..HEAD")
    assert gate.returncode == 0
    assert "let through: customers are down" in gate.stdout
    assert "1 judged, 0 refused, 1 let through with a reason" in gate.stdout


def test_the_gate_judges_every_commit_of_a_range(folder: Path) -> None:
    """Each commit is judged, merges are let be, and one refusal is enough for exit code 1."""
    base = git(folder, "rev-parse", "HEAD").stdout.strip()
    git(folder, "checkout", "--quiet", "-b", "side")
    bad = commit(folder, "Retry on 503 answers")
    git(folder, "checkout", "--quiet", "main")
    commit(folder, "PAY-3 log what is retried")
    git(folder, "merge", "--quiet", "--no-ff", "--message", "Merge branch 'side'", "side")
    done = check(folder, "--range", f"{base}..HEAD", "--json")
    verdicts = {verdict["subject"]: verdict["passes"] for verdict in json.loads(done.stdout)}
    assert done.returncode == 1
    assert verdicts == {"Retry on 503 answers": False, "PAY-3 log what is retried": True, "Merge branch 'side'": True}
    assert bad[:9] in check(folder, "--range", f"{base}..HEAD").stderr


def test_a_ticket_in_a_notation_of_ones_own_stands_in_the_trail(folder: Path) -> None:
    """The gate's verdict carries the ticket, and so it is the trail's, though nobody else knows how it is written."""
    (folder / ".pipetrail-commits.toml").write_text(
        "ticket = 'required'\nticket_patterns = ['AB#<number>']\n", encoding="utf-8"
    )
    sha = commit(folder, "Retry on 503 answers, for AB#17")
    done = check(folder, "--range", "HEAD^..HEAD", "--events", "verdicts.ndjson")
    assert done.returncode == 0, done.stderr
    world = World(rules=RuleSet.of([]))
    world.take((folder / "verdicts.ndjson").read_bytes().splitlines())
    (trail,) = world.trails()
    assert (trail["vcs"]["ref"]["head"]["revision"], trail["pipetrail"]["ticket"]["id"]) == (sha, "AB#17")


def test_in_ci_the_range_is_that_of_the_change(folder: Path, tmp_path: Path) -> None:
    """On a pull request the commits that it would bring are judged, without being told which."""
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    commit(folder, "PAY-2 retry on 503")
    head = commit(folder, "Log what is retried")
    payload = tmp_path / "event.json"
    payload.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": head}}}), encoding="utf-8")
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_BASE_REF": "main",
        "GITHUB_HEAD_REF": "side",
        "GITHUB_SHA": "f" * 40,
        "GITHUB_RUN_ID": "99",
        "GITHUB_ACTOR": "ada",
        "GITHUB_EVENT_PATH": str(payload),
    }
    done = check(folder, "--events", "verdicts.ndjson", env=env)
    assert done.returncode == 1
    assert "2 judged, 1 refused" in done.stderr
    events = [codec.validate(json.loads(line)) for line in (folder / "verdicts.ndjson").read_bytes().splitlines()]
    assert [(event.kind.name, event.result, event.actor) for event in events] == [
        ("taskrun.finished", "success", "ada"),
        ("taskrun.finished", "failure", "ada"),
    ]
    assert events[1].commit == head
    assert events[1].repository == "https://github.com/acme/shop"


def test_an_override_in_the_gate_is_an_event_with_its_reason(folder: Path) -> None:
    """Who lets commits through leaves a bypass on record, beside the failure."""
    head = commit(folder, "Retry on 503 answers")
    done = check(folder, "--override", "customers are down", "--events", "verdicts.ndjson")
    assert done.returncode == 0
    judged, bypassed = (codec.validate(json.loads(line)) for line in (folder / "verdicts.ndjson").read_bytes().splitlines())
    assert (judged.kind.name, judged.result, judged.commit) == ("taskrun.finished", "failure", head)
    assert (bypassed.kind.name, bypassed.extra.control, bypassed.commit) == ("policy.bypassed", "commit-policy", head)
    assert bypassed.data.event is not None
    assert bypassed.data.event.reason == "customers are down"


def test_the_gate_tells_a_collector_its_verdicts(folder: Path) -> None:
    """Where there is a collector each verdict is an event; the exit code stays the verdict's."""
    bad = commit(folder, "Retry on 503 answers")
    env = {"PIPETRAIL_SPOOL": str(folder / "spool")}
    with stand_in() as collector:
        refused = check(folder, "--range", "HEAD^..HEAD", "--collector", collector.url, env=env)
        let = check(folder, "--range", "HEAD^..HEAD", "--override", "customers are down", "--collector", collector.url, env=env)
        silent = check(folder, "--range", "HEAD^..HEAD", "--collector", collector.url, "--no-record", env=env)
    assert (refused.returncode, let.returncode, silent.returncode) == (1, 0, 1)
    events = [codec.validate(event) for event in collector.taken]
    names = ["taskrun.finished", "taskrun.finished", "policy.bypassed"]
    assert [(event.kind.name, event.commit) for event in events] == [(name, bad) for name in names]
    assert events[2].data.event is not None
    assert events[2].data.event.reason == "customers are down"


def test_an_outage_neither_stops_the_gate_nor_loses_its_verdict(folder: Path) -> None:
    """Without an answer the verdict waits in the spool; where even that fails, a refused commit is not let through."""
    commit(folder, "Retry on 503 answers")
    away = ("--collector", "http://127.0.0.1:9", "--override", "customers are down")
    env = {"PIPETRAIL_SPOOL": str(folder / "spool"), "PIPETRAIL_TIMEOUT": "2"}
    kept = check(folder, *away, env=env)
    assert (kept.returncode, len(list((folder / "spool").glob("*.event")))) == (0, 2)
    assert "not delivered" in kept.stderr
    lost = check(folder, *away, env={**env, "PIPETRAIL_SPOOL": "/proc/no/spool"})
    assert (lost.returncode, "could not be recorded" in lost.stderr) == (2, True)


def test_a_verdict_holds_no_secret(folder: Path) -> None:
    """The reason of an override is redacted like every other text."""
    commit(folder, "Retry on 503 answers")
    env = {"MY_TOKEN": "s3same-open-up"}
    done = check(folder, "--override", "used s3same-open-up", "--events", "verdicts.ndjson", "--no-record", env=env)
    content = (folder / "verdicts.ndjson").read_text(encoding="utf-8")
    assert (done.returncode, "s3same" in content, "[redacted:environment:" in content) == (0, False, True)


def test_bots_and_reverts_are_exempted_with_a_reason(folder: Path) -> None:
    """The file names who and why; the reason is shown and on record."""
    exempt = "[[exempt]]\nauthor = '*[bot]'\nrules = ['ticket']\nreason = 'updates have no ticket'\n"
    reverts = "[[exempt]]\nsubject = 'Revert \"*'\nreason = 'git writes it'\n"
    (folder / ".pipetrail-commits.toml").write_text(RULES + exempt + reverts, encoding="utf-8")
    commit(folder, "Update dependencies", "--author", "renovate[bot] <renovate[bot]@users.noreply.acme.example>")
    commit(folder, 'Revert "Retry on 503 answers"', "--author", "Ada Lovelace <ada@acme.example>")
    done = check(folder, "--range", "HEAD~2..HEAD", "--events", "verdicts.ndjson")
    assert done.returncode == 0
    assert "exempted, updates have no ticket" in done.stdout
    assert "exempted, git writes it" in done.stdout
    first = codec.validate(json.loads((folder / "verdicts.ndjson").read_bytes().splitlines()[0]))
    assert first.extra.labels == {"exempted_1": "updates have no ticket"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--range", "nope..HEAD"), 1, "nope..HEAD"),
        (("absent-file",), 2, "absent-file"),
        (("--rules", "absent.toml"), 2, "absent.toml"),
        ((".pipetrail-commits.toml", "--range", "HEAD"), 2, "exclude each other"),
        (("--override", "customers are down"), 2, "must stay on record"),
    ],
)
def test_what_cannot_be_judged_is_named(folder: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    """A wrong range, file or combination stops with a word on what is wrong."""
    done = check(folder, *arguments)
    assert (done.returncode, said in done.stderr) == (code, True)


def test_the_pre_commit_entry_names_a_verb_that_there_is() -> None:
    """What pre-commit will call is what the front door knows."""
    (hook,) = yaml.safe_load((Path(__file__).parents[3] / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    run = subprocess.run((sys.executable, "-m", *hook["entry"].split(), "--help"), capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert hook["stages"] == ["commit-msg"]
