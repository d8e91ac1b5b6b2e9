"""`pipetrail rules`: what is looked for, whether it does what it says, and what it would have found."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_review.rules_commands import rules

IDS = [compiled.rule.id for compiled in RuleSet.load().rules]
BYPASS = {"type": "policy.bypassed", "pipetrail.control": "branch protection"}


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Three bypasses of two people, as a file."""
    path = tmp_path / "history.ndjson"
    path.write_bytes(b"\n".join(messages([{**BYPASS, "user.name": name} for name in ("Ann", "Bob", "Bob")])))
    return path


@pytest.fixture
def narrower(tmp_path: Path) -> Path:
    """A rule of the same id as a built-in one, which leaves Bob alone."""
    fires = "{says: a, fires: 1, events: [{type: policy.bypassed, pipetrail.control: branch protection, user.name: Ann}]}"
    silent = "{says: b, fires: 0, events: [{type: policy.bypassed, pipetrail.control: branch protection, user.name: Bob}]}"
    lines = "\n".join(f"  - {case}" for case in [fires, silent] * 3)
    path = tmp_path / "own.yaml"
    path.write_text(
        'id: protection-bypassed\nversion: "2"\nname: Bypassed\ncategory: override\nseverity: high\ntitle: "{event.who}"\n'
        'why: Because.\nrunbook: [Look.]\non: [policy.bypassed]\nwhen: event.who == "Ann"\ntests:\n' + lines + "\n",
        encoding="utf-8",
    )
    return path


def test_list_and_show_tell_of_every_rule() -> None:
    """Each rule can be shown, for people and as JSON."""
    listed = CliRunner().invoke(rules, ["list", "--json"])
    assert [json.loads(line)["id"] for line in listed.stdout.splitlines()] == IDS
    for name in IDS:
        shown = CliRunner().invoke(rules, ["show", name])
        assert shown.exit_code == 0
        assert "What to do" in shown.stdout
        assert json.loads(CliRunner().invoke(rules, ["show", name, "--json"]).stdout)["id"] == name


def test_show_says_who_can_tell_of_a_rule_and_why_others_cannot() -> None:
    """By system and format."""
    shown = CliRunner().invoke(rules, ["show", "runner-registered"], env={"COLUMNS": "200"}).stdout
    assert "github audit log: 5 histories fire, 4 must not" in shown
    assert "github webhook: not at all: no webhook tells of runners" in shown


def test_show_tells_what_a_rule_measures_and_counts() -> None:
    """Thresholds, windows, what is one finding, and which rules it stands for."""
    measured = CliRunner().invoke(rules, ["show", "unusual-deployment-hour"]).stdout
    assert "measure   deployment_hour, threshold 0.04, silent until 60 samples" in measured
    assert "stands    for unusual-deployment-hour-of-actor" in measured
    counted = CliRunner().invoke(rules, ["show", "many-overrides"]).stdout
    assert "threshold 5\nwindow    7 d\n" in counted
    assert "each      required" in CliRunner().invoke(rules, ["show", "required-stage-skipped"]).stdout


def test_a_rule_that_there_is_not_is_a_usage_error() -> None:
    """It names those that there are."""
    answer = CliRunner().invoke(rules, ["show", "nothing"])
    assert answer.exit_code == 2
    assert "self-approval" in answer.stderr


def test_test_fails_where_a_rule_does_not_do_what_it_says(narrower: Path) -> None:
    """Exit 1, and the history that went wrong."""
    assert CliRunner().invoke(rules, ["test", "protection-bypassed"]).exit_code == 0
    narrower.write_text(narrower.read_text().replace('== "Ann"', '== "Cem"'))
    answer = CliRunner().invoke(rules, ["test", "--rules", str(narrower.parent), "protection-bypassed"])
    assert answer.exit_code == 1
    assert "protection-bypassed: a: fires 0 times, not 1" in answer.stdout


def test_a_rule_may_be_named_by_its_file(narrower: Path) -> None:
    """As it is written, before it has a folder: shown and tested, with what stands in `told/` beside it."""
    shown = CliRunner().invoke(rules, ["show", str(narrower)])
    assert (shown.exit_code, "Bypassed, version 2" in shown.stdout) == (0, True)
    tested = CliRunner().invoke(rules, ["test", str(narrower)])
    assert (tested.exit_code, tested.stdout) == (0, "1 rule, 6 labelled histories, 0 failed\n")


def test_test_runs_what_systems_tell_of_a_rule_of_the_users_own(narrower: Path) -> None:
    """What stands beside the user's rule, not beside the built-in one of the same id; what is wrong with it is told."""
    beside = narrower.parent / "told" / "github" / "protection-bypassed.yaml"
    beside.parent.mkdir(parents=True)
    history = "audit log: [{{says: by the log, fires: {}, deliveries: [{{send: override, with: {{actor: Ann}}}}]}}]"
    asked = ["test", "--rules", str(narrower.parent), "protection-bypassed"]
    beside.write_text(history.format(1), encoding="utf-8")
    answer = CliRunner().invoke(rules, asked)
    assert (answer.exit_code, answer.stdout) == (0, "1 rule, 7 labelled histories, 0 failed\n")
    beside.write_text(history.format(2), encoding="utf-8")
    assert "by the log (github, audit log): fires 1 times, not 2" in CliRunner().invoke(rules, asked).stdout
    beside.write_text(history.format(1).replace("override, with: {actor: Ann}", "entry, without: [action]"), encoding="utf-8")
    assert "delivery 0: github: 'unknown'" in str(CliRunner().invoke(rules, asked).exception)


def test_replay_says_how_often_a_rule_would_have_fired_and_on_whom(history: Path) -> None:
    """Over a file, without any service."""
    answer = CliRunner().invoke(rules, ["replay", "protection-bypassed", "--file", str(history), "--json"])
    told = json.loads(answer.stdout)
    assert (told["events"], told["fired"], told["people"]) == (3, 3, [["Bob", 2], ["Ann", 1]])
    assert (
        "would have fired 3 times"
        in CliRunner().invoke(rules, ["replay", "protection-bypassed", "--file", str(history)]).stdout
    )


def test_replay_compares_two_versions(history: Path, narrower: Path) -> None:
    """What the new one finds no more."""
    asked = ["replay", str(narrower), "--file", str(history), "--against", "built-in", "--json"]
    told = json.loads(CliRunner().invoke(rules, asked).stdout)
    assert (told["fired"], len(told["difference"]["gone"]), told["difference"]["both"]) == (1, 2, 1)


def test_replay_proposes_a_threshold(history: Path) -> None:
    """For a rule that has one; for another it is a usage error."""
    asked = ["replay", "many-overrides", "--file", str(history), "--threshold", "--json"]
    told = json.loads(CliRunner().invoke(rules, asked).stdout)
    assert told["thresholds"]["rows"][0] == {"threshold": 2, "findings": 1}
    assert CliRunner().invoke(rules, ["replay", "self-approval", "--file", str(history), "--threshold"]).exit_code == 2


def test_rates_and_thresholds_are_of_the_time_that_is_asked_about(tmp_path: Path) -> None:
    """What was found before --since counts for nothing, and neither do the weeks before it."""
    bypass = {"type": "policy.bypassed", "pipetrail.control": "branch protection", "user.name": "Ann"}
    week = 7 * 1440
    early = [{**bypass, "minute": minute, "key": minute} for minute in range(8)]
    late = [{**bypass, "minute": 10 * week + minute, "key": f"late {minute}"} for minute in range(5)]
    path = tmp_path / "history.ndjson"
    path.write_bytes(b"\n".join(messages([*early, *late, {**bypass, "minute": 12 * week, "user.name": "Bob"}])))
    asked = ["replay", "many-overrides", "--file", str(path), "--threshold", "--json"]
    told = json.loads(CliRunner().invoke(rules, asked).stdout)
    assert (told["fired"], told["a_week"], told["thresholds"]["rows"][0]["findings"]) == (2, round(2 / 12, 2), 2)
    since = json.loads(CliRunner().invoke(rules, [*asked, "--since", "2026-03-09T09:00:00Z"]).stdout)
    assert (since["fired"], since["a_week"], since["thresholds"]["rows"][0]["findings"]) == (1, round(1 / 3, 2), 1)


def test_replay_proposes_a_threshold_for_what_is_out_of_the_ordinary(tmp_path: Path) -> None:
    """The rule is replayed with each of some thresholds, over one of its own labelled histories, which fires."""
    rule = next(compiled.rule for compiled in RuleSet.load().rules if compiled.rule.id == "unusual-failure-rate")
    labelled = next(one for one in rule.tests if one.fires)
    path = tmp_path / "history.ndjson"
    path.write_bytes(b"\n".join(messages(labelled.events)))
    asked = ["replay", rule.id, "--file", str(path), "--threshold", "--json"]
    told = json.loads(CliRunner().invoke(rules, asked).stdout)
    rows = {row["threshold"]: row["findings"] for row in told["thresholds"]["rows"]}
    assert rule.measure is not None
    assert rows[rule.measure.threshold] == told["fired"] == labelled.fires
    assert told["thresholds"]["proposed"] in rows
