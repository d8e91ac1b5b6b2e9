"""The exclusions file: what it hides, what comes back, and what is wrong with it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.finding import Finding
from pipetrail_schemas.topics import FINDINGS
from support.world import World

OVERRIDE: dict[str, Any] = {"type": "policy.bypassed", "pipetrail.control": "gate", "user.name": "Ann", "event.reason": "x"}
BEFORE, AFTER = "2026-01-05T08:00:00Z", "2027-01-01T00:00:00Z"


def excluding(tmp_path: Path, *entries: str) -> RuleSet:
    """The rules with a file of these exclusions."""
    path = tmp_path / "pipetrail-exclusions.yaml"
    path.write_text("exclusions:\n" + "".join(f"  - {one}\n" for one in entries), encoding="utf-8")
    return RuleSet.load(excluding=path)


def entry(about: str, *, expires: str = AFTER, rules: str = "gate-overridden") -> str:
    """A line of the file."""
    return f"{{rules: [{rules}], {about}, owner: bea, reason: known, expires: {expires}}}"


def found(rules: RuleSet, *events: dict[str, Any], rule: str = "gate-overridden") -> dict[str, Any]:
    """The state of the only finding of the rule."""
    world = World(rules=rules)
    world.take(messages(events or [OVERRIDE]))
    return the_state(world, rule)


def the_state(world: World, rule: str = "gate-overridden") -> dict[str, Any]:
    """The state of the only finding of the rule, as it was published last."""
    findings = [Finding.model_validate_json(value, extra="forbid") for value in world.latest(FINDINGS).values()]
    (state,) = (one.pipetrail.finding for one in findings if one.rule.id == rule)
    return dict(orjson.loads(state.model_dump_json(exclude_none=True)))


@pytest.mark.parametrize(
    ("about", "hides"),
    [
        ("actors: [ann]", True),
        ("actors: [bob]", False),
        ('repositories: ["*/acme/*"]', True),
        ('repositories: ["*/other/*"]', False),
        ("environments: [prod]", False),
        ('when: event.reason == "x"', True),
        ('when: "true"', True),
        ('actors: [ann], when: event.reason == "y"', False),
    ],
)
def test_an_exclusion_hides_what_it_is_about(tmp_path: Path, about: str, *, hides: bool) -> None:
    """By actor, repository, environment and whatever rules can say; all parts must hold."""
    state = found(excluding(tmp_path, entry(about)))
    assert state["status"] == ("excluded" if hides else "open")
    if hides:
        assert state["exclusion"] == {"owner": "bea", "reason": "known", "expires": "2027-01-01T00:00:00.000Z"}


def test_what_happens_after_the_end_is_found_and_names_the_exclusion(tmp_path: Path) -> None:
    """Whoever reads it learns that it was accepted until then, by whom and why."""
    state = found(excluding(tmp_path, entry("actors: [ann]", expires=BEFORE)))
    assert (state["status"], state["exclusion"]["owner"]) == ("open", "bea")
    assert "exclusion" not in found(RuleSet.load())


def test_of_two_exclusions_the_later_end_counts(tmp_path: Path) -> None:
    """One that has ended does not open what another one still hides."""
    rules = excluding(tmp_path, entry("actors: [ann]", expires=BEFORE), entry("actors: [ann]"))
    assert found(rules)["status"] == "excluded"


def test_a_burst_that_goes_on_after_the_end_comes_back(tmp_path: Path) -> None:
    """It is as new as the latest of its events."""
    burst = [{**OVERRIDE, "key": f"override {number}", "minute": number} for number in range(9)]
    rules = excluding(tmp_path, entry("actors: [ann]", expires="2026-01-05T09:07:00Z", rules="many-overrides"))
    assert found(rules, *burst[:6], rule="many-overrides")["status"] == "excluded"
    assert found(rules, *burst, rule="many-overrides")["status"] == "open"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (entry("actors: [ann]", rules="no-such-rule"), r"exclusions.yaml:3: exclusions.1.rules.0: 'no-such-rule' is no rule"),
        (entry("when: event.nothing == 1"), "exclusions.yaml:3: exclusions.1.when: .*event.nothing"),
        (entry("actors: []"), "exclusions.yaml:3: exclusions.1: says nothing of what is excluded"),
        (entry("actor: [ann]"), "exclusions.yaml:3: exclusions.1.actor: is not known here; allowed: rules, actors"),
        (entry("actors: [ann]", expires="tomorrow"), "exclusions.yaml:3: exclusions.1.expires"),
        ("{rules: [gate-overridden], actors: [ann], reason: known, expires: 2027-01-01T00:00:00Z}", "owner"),
        ("{rules: [gate-overridden], actors: [ann], owner: bea, expires: 2027-01-01T00:00:00Z}", "reason"),
        ("{rules: [gate-overridden], actors: [ann], owner: bea, reason: known}", "expires"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, line: str, says: str) -> None:
    """And stops the program: nothing is hidden by accident."""
    with pytest.raises(SettingError, match=says):
        excluding(tmp_path, entry("actors: [ann]"), line)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The setting names it."""
    with pytest.raises(SettingError, match="cannot be read"):
        RuleSet.load(excluding=tmp_path / "nowhere.yaml")


def test_the_file_in_the_documentation_is_one(tmp_path: Path) -> None:
    """And so is the policy's part."""
    page = (Path(__file__).parents[3] / "docs" / "findings.md").read_text(encoding="utf-8")
    policy, file = (block.partition("```")[0] for block in page.split("```yaml\n")[1:])
    path = tmp_path / "exclusions.yaml"
    path.write_text(file, encoding="utf-8")
    assert RuleSet.load(excluding=path).rules
    assert Policy.parse(policy + "groups: {leads: {members: [Cem]}}\n", name="policy.yaml").findings.groups == ("leads",)


def test_what_was_hidden_comes_back_when_the_exclusion_ends(tmp_path: Path) -> None:
    """Though nothing happens: the finding is open, says whose exclusion ended when, and stays open."""
    world = World(rules=excluding(tmp_path, entry("actors: [ann]", expires="2026-01-06T00:00:00Z")))
    world.take(messages([OVERRIDE]))
    world.wait_until(datetime(2026, 1, 5, 23, 0, tzinfo=UTC))
    assert the_state(world)["status"] == "excluded"
    world.wait_until(datetime(2026, 1, 6, 0, 2, tzinfo=UTC))
    state = the_state(world)
    assert (state["status"], state["revision"], state["exclusion"]["owner"]) == ("open", 2, "bea")
    world.take(messages([OVERRIDE, {"type": "build.finished", "pipetrail.result": "success", "minute": 5}]))
    assert the_state(world)["status"] == "open"


def test_what_came_back_can_be_decided_about(tmp_path: Path) -> None:
    """Also by who decided before: what was said while it was hidden counts."""
    world = World(rules=excluding(tmp_path, entry("actors: [ann]", expires="2026-01-06T00:00:00Z")))
    world.take(messages([OVERRIDE]))
    decided = {"type": "finding.justified", "pipetrail.finding.id": the_state(world)["id"], "user.name": "Ben"}
    world.take(messages([{**decided, "event.reason": "known", "vcs.ref": None, "minute": 9}]))
    assert the_state(world)["status"] == "excluded"
    world.wait_until(datetime(2026, 1, 7, tzinfo=UTC))
    assert the_state(world)["status"] == "justified"


def test_a_renewed_exclusion_goes_on_hiding(tmp_path: Path) -> None:
    """The file was changed and the processor started again; the finding comes back at the new end."""
    world = World(rules=excluding(tmp_path, entry("actors: [ann]", expires="2026-01-06T00:00:00Z")))
    world.take(messages([OVERRIDE]))
    other = World(rules=excluding(tmp_path, entry("actors: [ann]", expires="2026-01-08T00:00:00Z")))
    other.states, other.published = world.states, world.published
    other.wait_until(datetime(2026, 1, 7, tzinfo=UTC))
    assert the_state(other)["status"] == "excluded"
    other.take(messages([OVERRIDE]))
    assert the_state(other)["exclusion"]["expires"] == "2026-01-08T00:00:00.000Z"
    other.wait_until(datetime(2026, 1, 9, tzinfo=UTC))
    assert the_state(other)["status"] == "open"


def test_a_finding_over_a_dossier_comes_back_too(tmp_path: Path) -> None:
    """Whatever holds it."""
    burst = [{**OVERRIDE, "key": f"override {number}", "minute": number} for number in range(6)]
    world = World(rules=excluding(tmp_path, entry("actors: [ann]", expires="2026-01-06T00:00:00Z", rules="many-overrides")))
    world.take(messages(burst))
    world.wait_until(datetime(2026, 1, 7, tzinfo=UTC))
    assert the_state(world, "many-overrides")["status"] == "open"
