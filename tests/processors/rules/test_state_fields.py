"""What rules may ask of a repository's and an actor's state: the answers as of the event, whatever the order of arrival."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet, read_rule
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.lifecycle import exclusions
from pipetrail_schemas.errors import SettingError
from support.world import World

RULE = """\
id: of-state
version: "1"
name: Of the state
category: policy
severity: low
title: "{title}"
why: It is tried.
runbook: [Look.]
over: {over}
on: [push.received]
when: {when}
tests:
  - {{says: a, fires: 1, events: [{{type: push.received}}]}}
  - {{says: b, fires: 1, events: [{{type: push.received}}]}}
  - {{says: c, fires: 1, events: [{{type: push.received}}]}}
  - {{says: d, fires: 0, events: [{{type: push.received}}]}}
  - {{says: e, fires: 0, events: [{{type: push.received}}]}}
  - {{says: f, fires: 0, events: [{{type: push.received}}]}}
"""
DAY = 1440
OFF = {"type": "policy.changed", "vcs.ref": None, "pipetrail.control": "branch protection", "event.action": "disabled"}
ON = {**OFF, "event.action": "enabled"}
PUSH = {"type": "push.received", "vcs.ref.head.name": "main", "user.name": "Ann", "key": "push"}
BYPASS = {"type": "policy.bypassed", "pipetrail.control": "branch protection", "user.name": "Ann"}
SKIP = {
    "type": "taskrun.skipped", "cicd.pipeline.task.name": "test", "pipetrail.stage": "test", "pipetrail.skip": "on_purpose",
    "user.name": "Ann",
}  # fmt: skip
GRANT: dict[str, Any] = {
    "type": "role.changed", "vcs.ref": None, "event.action": "added",
    "user": {"name": "Eve", "target": {"name": "ann"}, "changes": {"roles": ["maintainer"]}},
}  # fmt: skip


def _rules(when: str, over: str = "repository", title: str = "x") -> RuleSet:
    return RuleSet.of([read_rule(RULE.format(when=when, over=over, title=title), name="rule.yaml")])


def _at(minute: int, event: dict[str, Any]) -> dict[str, Any]:
    return {"key": f"at {minute}", **event, "minute": minute}


def _found(rules: RuleSet, *events: dict[str, Any], policy: Policy | None = None) -> list[str]:
    world = World(rules=rules, policy=policy)
    world.take(messages(events))
    return [one["message"] for one in world.findings()]


@pytest.mark.parametrize(
    ("when", "before", "holds"),
    [
        ('repository.protection == "off"', [_at(0, OFF)], True),
        ('repository.protection == "off"', [_at(0, OFF), _at(1, ON)], False),
        ('repository.protection == "on"', [_at(0, OFF), _at(1, ON)], True),
        ('repository.protection == "off"', [], False),
        ("repository.overrides == 2", [_at(0, {**BYPASS, "user.name": "Bob"}), _at(1, SKIP)], True),
        ("repository.overrides == 2", [_at(0, SKIP), _at(1, {**SKIP, "pipetrail.skip": "never_ran"})], False),
        ("actor.overrides == 1", [_at(0, {**BYPASS, "user.name": "Bob"}), _at(1, SKIP)], True),
        ("actor.overrides == 0", [_at(0, {**BYPASS, "user.name": "Bob"})], True),
        ('actor.granted == "maintainer"', [_at(0, GRANT)], True),
        ('actor.granted != ""', [_at(0, {**GRANT, "event.action": "removed"})], False),
        ('actor.granted != ""', [_at(0, {**GRANT, "user": {**GRANT["user"], "target": {"name": "Bob"}}})], False),
        ("repository.overrides > 0", [_at(0 - 8 * DAY, BYPASS)], False),  # longer ago than the state reaches
    ],
)
def test_the_state_before_an_event_can_be_asked(when: str, before: list[dict[str, Any]], holds: bool) -> None:  # noqa: FBT001
    """Of a repository and of an actor in it, up to the event and not beyond; what is not known is neither yes nor no."""
    after = [_at(20, BYPASS), _at(21, OFF), _at(22, GRANT)]
    assert bool(_found(_rules(when), *before, _at(10, PUSH), *after)) is holds


def test_the_state_is_the_same_in_any_order() -> None:
    """What came late alters what was found; the finding that no longer holds is taken back."""
    rules = _rules('repository.protection == "off" && actor.overrides == 1', title="{actor.overrides} {repository.protection}")
    told = [_at(0, OFF), _at(5, BYPASS), _at(10, PUSH), _at(15, ON)]
    assert {tuple(_found(rules, *order)) for order in permutations(told)} == {("1 off",)}
    assert {tuple(_found(rules, *order)) for order in permutations([*told, _at(7, ON)])} == {()}


def test_a_finding_stays_when_what_it_rests_on_is_no_longer_kept() -> None:
    """A dossier forgets; what was found by it is not taken back for that, and nothing is found by what is missing."""
    events = [_at(0, OFF), _at(DAY * 5, PUSH), *(_at(DAY * day, OFF) for day in (10, 12, 15, 16))]
    world = World(rules=_rules('repository.protection == "off"'))
    world.take(messages(events))
    assert len(world.findings()) == 1
    assert not world.findings("withdrawn")
    quiet = _rules("repository.overrides == 0")
    assert not _found(quiet, _at(0, BYPASS), _at(DAY * 3, PUSH), *(_at(DAY * day, BYPASS) for day in (10, 16)))


def test_the_roles_of_an_actor_can_be_asked_everywhere() -> None:
    """By the policy, as of the event; also by a rule over trails."""
    policy = Policy.parse("people: {ann: [developer, release_manager]}", name="policy.yaml")
    for over in ("trail", "repository", "actor"):
        rules = _rules('actor.roles.contains("release_manager")', over, title="{actor.roles}")
        assert _found(rules, PUSH, policy=policy) == ["developer, release_manager"]
        assert not _found(rules, {**PUSH, "user.name": "Bob"}, policy=policy)


@pytest.mark.parametrize(("over", "field"), [("trail", "repository.overrides"), ("actor", "actor.granted")])
def test_a_rule_that_asks_where_the_state_is_not_known_is_refused(over: str, field: str) -> None:
    """Nothing fires, and nothing is allowed, because nobody knows."""
    with pytest.raises(SettingError, match=rf"{field} can be asked by rules over [a-z ]*repository"):
        _rules(f"{field} != {field}", over)


def test_an_exclusion_may_not_ask_for_the_state(tmp_path: Path) -> None:
    """An exclusion is for rules of all kinds."""
    text = "- {rules: [forced-push], when: actor.overrides == 0, owner: a, reason: b, expires: 2026-03-01T00:00:00Z}\n"
    path = tmp_path / "exclusions.yaml"
    path.write_text(f"exclusions:\n  {text}", encoding="utf-8")
    with pytest.raises(SettingError, match=r"actor\.overrides can be asked by rules alone"):
        exclusions.load(path, ["forced-push"])
