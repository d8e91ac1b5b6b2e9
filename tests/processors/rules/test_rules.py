"""The built-in rules do what their labelled events say; a bad rule stops the program with file, line and reason."""

from pathlib import Path

import orjson
import pytest
from pipetrail_processors.detect.labelled import messages, run
from pipetrail_processors.detect.rule import Labelled, Rule
from pipetrail_processors.detect.ruleset import RuleSet, read_rule
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.types import EVENT_TYPES
from support.world import World

BUILT_IN = [compiled.rule for compiled in RuleSet.load().rules]
LABELLED = [(rule, labelled) for rule in BUILT_IN for labelled in rule.tests]

# What the types require, and nothing more.
SMALLEST = {
    "vcs.repository.url.full": "https://git.example/acme/shop",
    "vcs.ref.head.name": "main",
    "vcs.ref.head.revision": "c1",
    "vcs.change.id": "7",
    "cicd.pipeline.run.id": "1",
    "cicd.pipeline.task.name": "x",
    "pipetrail.result": "success",
    "pipetrail.skip": "on_purpose",
    "pipetrail.decision": "approved",
    "pipetrail.control": "x",
    "pipetrail.ticket.id": "PAY-1",
    "artifact.hash": "d1",
    "deployment.environment.name": "qa",
    "user.target.name": "x",
    "pipetrail.squash.head": "c2",
    "pipetrail.finding.id": "00000000-0000-5000-8000-000000000001",
    "event.action": "x",
    "event.reason": "x",
}

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
    """The numbers of open findings and of those taken back in the end are the numbers that stand in the rule."""
    outcome = run(rule, labelled)
    assert labelled.fires == len(outcome.open)
    assert labelled.withdrawn in (None, len(outcome.withdrawn))


def test_every_rule_says_what_to_do() -> None:
    """A finding that nobody can act on is noise: each rule has a reason, and steps that are sentences."""
    for rule in BUILT_IN:
        assert rule.why.endswith(".")
        assert all(step.endswith(".") for step in rule.runbook), rule.id


def test_no_rule_fires_on_an_event_that_says_only_what_its_type_needs() -> None:
    """Nothing fires on a missing field, but what the event's own type says: that it happened."""
    said_by_the_type = {
        "source.gap": {"deliveries-lost"},
        "source.silent": {"fell-silent"},
        "branch.deleted": {"forced-push"},
        "policy.bypassed": {"gate-overridden"},
        "deployment.finished": {"required-stage-skipped"},
        "deployment.started": {"required-stage-skipped"},
    }
    for kind in EVENT_TYPES.values():
        required = {path: value for path, value in SMALLEST.items() if path in kind.required}
        world = World()
        world.take(messages([{"type": kind.name, **required}]))
        assert {finding["rule"]["id"] for finding in world.findings()} <= said_by_the_type.get(kind.name, set()), kind.name


def test_what_is_seen_of_one_repository_says_nothing_of_another() -> None:
    """A burst over two repositories is two half bursts: each is judged where it happened."""
    rule = next(rule for rule in BUILT_IN if rule.id == "many-overrides")
    events = rule.tests[0].events
    other = "https://git.example/acme/other"
    world = World()
    world.take(
        messages([*events[:3], *({**event, "vcs.repository.url.full": other, "partitionkey": other} for event in events[3:])])
    )
    assert "many-overrides" not in {finding["rule"]["id"] for finding in world.findings()}


def test_a_corrected_finding_says_what_corrected_it() -> None:
    """A verdict that a late event takes back is published as withdrawn, with the event that did it."""
    rule = next(rule for rule in BUILT_IN if rule.id == "merged-without-review")
    labelled = next(labelled for labelled in rule.tests if labelled.withdrawn)
    world = World()
    told = list(messages(labelled.events))
    world.take(told)
    (finding,) = (one for one in world.findings("withdrawn") if one["rule"]["id"] == rule.id)
    late = orjson.loads(told[-1])
    correction = finding["pipetrail"]["finding"]["correction"]
    assert correction == f"withdrawn after change.reviewed of {late['time']} was told (event {late['id']})"


def test_a_finding_that_only_goes_on_is_not_called_corrected() -> None:
    """That a failed build's deployment ends joins the evidence: no verdict was corrected, and nobody is told that one was."""
    said = {"source": "https://ci.example", "vcs.repository.url.full": "https://git.example/acme/shop"}
    commit = {**said, "vcs.ref.head.revision": "4" * 40}
    deployment = {**commit, "deployment.id": "7", "deployment.environment.name": "prod", "service.name": "shop"}
    failed = {**commit, "pipetrail.result": "failure", "cicd.pipeline.run.id": "1", "cicd.pipeline.name": "build"}
    told = list(
        messages(
            [
                {"type": "build.finished", **failed},
                {"type": "deployment.started", **deployment},
                {"type": "deployment.finished", **deployment, "pipetrail.result": "success"},
            ]
        )
    )
    world = World()
    seen = []
    for message in told:
        world.take([message])
        seen += [one for one in world.findings() if one["rule"]["id"] == "deployed-although-failed"]
    states = [one["pipetrail"]["finding"] for one in seen]
    assert [(state["revision"], len(state["evidence"])) for state in states] == [(1, 2), (2, 3)]
    assert all("correction" not in state for state in states)


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
        ("why: Nobody is there on Saturday.\n", "", "r.yaml:1: why: is missing"),
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


@pytest.mark.parametrize(
    ("told", "title"),
    [
        ((0, 1, 2), "nobody knows who wrote commit 1111111, which says it is by root: acme/shop"),
        ((2, 1, 0), "nobody knows who wrote commit 1111111, which says it is by root: acme/shop"),
        ((1, 2), "nobody knows who wrote commit 1111111: acme/shop"),
    ],
)
def test_an_author_without_an_account_is_named_as_far_as_anybody_told(told: tuple[int, ...], title: str) -> None:
    """Two checks say it, of a commit that a push told, before, after or not at all: one finding, and neither is its author."""
    check = {
        "type": "taskrun.finished",
        "cicd.pipeline.task.name": "lint",
        "user.name": "bot",
        "pipetrail.actor.type": "app",
        "pipetrail.result": "success",
        "pipetrail.stage": "test",
        "vcs.ref.head.name": "main",
        "pipetrail.commit.account": "none",
    }
    push = {"type": "commit.recorded", "user.name": "root", "pipetrail.actor.type": "user"}
    events = list(messages([push, check, {**check, "cicd.pipeline.task.name": "scan"}]))
    world = World()
    world.take(events[one] for one in told)
    (found,) = (one for one in world.findings() if one["rule"]["id"] == "author-unresolved")
    assert found["message"] == title
    (trail,) = world.trails()
    assert trail.get("user", {}).get("name") == ("root" if 0 in told else None)
