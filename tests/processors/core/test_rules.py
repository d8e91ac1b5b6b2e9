"""The built-in rules do what their labelled events say; a bad rule stops the program with file, line and reason."""

from pathlib import Path

import pytest
from pipetrail_processors.labelled import messages, run
from pipetrail_processors.rule import Labelled, Rule
from pipetrail_processors.ruleset import RuleSet, read_rule
from pipetrail_schemas.errors import SettingError
from support.world import World

BUILT_IN = [compiled.rule for compiled in RuleSet.load().rules]
LABELLED = [(rule, labelled) for rule in BUILT_IN for labelled in rule.tests]

GOOD = """\
id: friday
version: "1"
name: Friday
category: policy
severity: low
title: "{event.who} deployed to {event.environment}"
why: Nobody is there on Saturday.
runbook: [Wait for Monday.]
on: [deployment.started]
when: event.environment == "prod"
tests:
""" + "\n".join(
    f"  - {{says: case {number}, fires: {fires}, events: [{{type: deployment.started, deployment.environment.name: {place}}}]}}"
    for number, (fires, place) in enumerate([(1, "prod"), (0, "qa")] * 3)
)


@pytest.mark.parametrize(("rule", "labelled"), LABELLED, ids=[f"{rule.id}: {labelled.says}" for rule, labelled in LABELLED])
def test_a_built_in_rule_fires_as_its_labelled_events_say(rule: Rule, labelled: Labelled) -> None:
    """The number of open findings in the end is the number that stands in the rule."""
    assert labelled.fires == len(run(rule, labelled))


def test_the_first_rules_are_there() -> None:
    """The five rules that an audit starts with are built in."""
    wanted = ["commit-without-ticket", "deployed-although-failed", "required-stage-skipped", "self-approval"]
    assert [*wanted, "unknown-artifact-deployed"] == [rule.id for rule in BUILT_IN]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"prod"\n', '"prod" &&\n', "r.yaml:10: when: is no CEL expression"),
        ("event.environment ==", "event.enviroment ==", "r.yaml:10: when: 'event.enviroment' is no field; allowed: event.id"),
        ('event.environment == "prod"', "event.environment", "r.yaml:10: when: must say true or false"),
        ('event.environment == "prod"', 'environment == "prod"', "r.yaml:10: when: 'environment' is not known here"),
        ("severity: low", "severity: bad", "r.yaml:5: severity: 'bad' is not one of low, medium, high, critical"),
        (
            "severity: low",
            "severity: [{when: event.production, value: high}]",
            "r.yaml:5: severity: the last choice must have no",
        ),
        ("{event.who}", "{event.whom}", "r.yaml:6: title: 'event.whom' is no field"),
        ("[deployment.started]", "[deployment.begun]", "r.yaml:9: on: 'deployment.begun' is no event type; of deployment"),
        ("category: policy", "category: policy\ncolour: red", "r.yaml:5: colour: is not known here; allowed: id, version"),
        ("name: Friday", "name: Friday\nid: friday", "r.yaml:4: 'id' stands here a second time"),
        ("why: Nobody is there on Saturday.\n", "", "r.yaml:1: why: Field required"),
        ("fires: 1, ", "fires: 0, ", "tests: at least 3 must fire and 3 must not"),
        ("runbook: [Wait", "runbook: [[Wait", "r.yaml:9: expected ',' or ']'"),
    ],
)
def test_a_bad_rule_names_file_line_and_reason(old: str, new: str, problem: str) -> None:
    """Whatever is wrong, the message says where, and what is allowed."""
    text = GOOD.replace(old, new)
    assert text != GOOD
    with pytest.raises(SettingError) as caught:
        read_rule(text, name="r.yaml")
    assert problem in str(caught.value)


def test_a_folder_of_rules_adds_to_the_built_in_ones_and_replaces_them_by_id(tmp_path: Path) -> None:
    """A team's own rules come first."""
    (tmp_path / "friday.yaml").write_text(GOOD)
    (tmp_path / "own.yaml").write_text(GOOD.replace("id: friday", "id: self-approval"))
    rules = {compiled.rule.id: compiled.rule for compiled in RuleSet.load(tmp_path).rules}
    assert rules.keys() == {rule.id for rule in BUILT_IN} | {"friday"}
    assert rules["self-approval"].name == "Friday"


def test_two_rules_of_one_id_in_a_folder_are_refused(tmp_path: Path) -> None:
    """Which of them holds would be a matter of luck."""
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(SettingError, match=r"b\.yaml: rule friday stands in .*a\.yaml, too"):
        RuleSet.load(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Rules that are silently missing would look like a clean line."""
    with pytest.raises(SettingError, match="is no folder"):
        RuleSet.load(tmp_path / "nowhere")


def test_a_rule_that_cannot_judge_is_a_finding_itself() -> None:
    """Nothing is allowed because a rule broke on it."""
    text = GOOD.replace('event.environment == "prod"', "event.environment == '' || int(event.environment) > 1")
    world = World(rules=RuleSet.of([read_rule(text, name="r.yaml")]))
    world.take(messages([{"type": "deployment.started", "deployment.environment.name": "prod"}]))
    (finding,) = world.findings()
    assert finding["message"].startswith("Rule friday cannot be judged: ")
    assert finding["pipetrail"]["finding"]["severity"] == "high"
