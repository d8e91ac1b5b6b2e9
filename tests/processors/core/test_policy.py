"""The policy file: what it decides, and how loud it is when it is wrong."""

from pathlib import Path
from typing import Any

import pytest
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.guard.policy import Policy
from pipetrail_schemas.errors import SettingError
from support.world import World

SHOP = "https://git.example/acme/shop"


@pytest.mark.parametrize("name", ["prod", "Production", "prod-eu", "eu-prod", "live"])
def test_without_a_file_production_needs_an_approval(name: str) -> None:
    """The default guesses by name which environments are production."""
    environment = Policy.load(None).environment(SHOP, name)
    assert environment
    assert environment.production
    assert environment.require == ("build", "test", "approval")


@pytest.mark.parametrize("name", ["staging", "qa", "product-demo"])
def test_without_a_file_every_other_environment_needs_build_and_test(name: str) -> None:
    """Whatever is deployed was built and tested."""
    environment = Policy().environment(SHOP, name)
    assert environment
    assert not environment.production
    assert environment.require == ("build", "test")


def test_the_first_environment_that_matches_decides() -> None:
    """The order in the file is the order in which people read it."""
    text = "environments:\n- {match: [qa], repositories: ['*/shop'], require: [scan]}\n- {match: ['*'], require: [build]}\n"
    policy = Policy.parse(text, name="p.yaml")
    found = [policy.environment(repository, "qa") for repository in (SHOP, "https://git.example/acme/other")]
    assert [environment.require for environment in found if environment] == [("scan",), ("build",)]


def test_an_environment_that_nothing_matches_requires_nothing() -> None:
    """A policy says what holds; it does not fall back to the default."""
    assert Policy.parse("environments: [{match: [prod]}]", name="p.yaml").environment(SHOP, "qa") is None


def test_tickets_are_required_from_a_day_on_and_where_the_policy_says() -> None:
    """What was made before the rule was agreed on is left alone."""
    text = "tickets: {required_since: 2026-01-05T00:00:00Z, repositories: ['*/shop']}"
    tickets = Policy.parse(text, name="p.yaml").tickets
    assert tickets.required(SHOP, "2026-01-05T00:00:00.000Z")
    assert not tickets.required(SHOP, "2026-01-04T23:59:59.999Z")
    assert not tickets.required("https://git.example/acme/other", "2026-01-06T00:00:00.000Z")


@pytest.mark.parametrize(
    ("tickets", "given", "shown"),
    [
        ("{}", {"id": "PAY-17"}, "PAY-17"),
        ("{projects: [OPS]}", {"id": "PAY-17"}, None),
        ("{projects: [OPS, PAY]}", {"id": "PAY-17"}, "PAY-17"),
        ("{projects: [OPS]}", {"id": "PAY-17", "url": {"full": "https://tickets.example/PAY-17"}}, "PAY-17"),
        ("{projects: [OPS]}", {"id": "change 42"}, "change 42"),
        ("{patterns: ['AB#<number>']}", {"id": "AB#7"}, "AB#7"),
    ],
)
def test_a_ticket_that_a_translator_guessed_counts_where_the_policy_knows_its_project(
    tickets: str, given: dict[str, Any], shown: str | None
) -> None:
    """Forges' translators know no policy; who names a ticket's page, or one that looks like nothing else, did not guess."""
    world = World(policy=Policy.parse(f"tickets: {tickets}", name="p.yaml"))
    commit: dict[str, Any] = {"type": "commit.recorded", "pipetrail.ticket": given, "pipetrail.commit.message": "PAY-17 retry"}
    world.take(messages([commit]))
    (trail,) = world.trails()
    assert trail["pipetrail"].get("ticket", {}).get("id") == shown


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "environments:\n- match: [prod]\n  requires: [test]\n",
            "p.yaml:3: environments.0.requires: is not known here; allowed: match",
        ),
        ("environments:\n- match: []\n", "p.yaml:2: environments.0.match: is too short: at least 1"),
        (
            "environments:\n- match: [prod]\n  require: [Unit Tests]\n",
            "p.yaml:3: environments.0.require.0: String should match",
        ),
        ("tickets:\n  patterns: ['AB#<number>', '(a+)+']\n", "p.yaml:2: tickets.patterns.1: has no <number>"),
        ("tickets:\n  projects: [pay]\n", "p.yaml:2: tickets.projects.0: String should match"),
        ("tickets:\n  required_since: 2026-01-05\n", "p.yaml:2: tickets.required_since: "),
        ("trunk: main\n", "p.yaml:1: trunk: "),
        ("trunk: [main\n", "p.yaml:2: expected ',' or ']'"),
        ("trunk: [a]\ntrunk: [b]\n", "p.yaml:2: 'trunk' stands here a second time"),
        ("- a\n", "p.yaml:1: is no mapping of names to values"),
        ("people: {ann: developer}\n", "p.yaml:1: people.ann: is no list"),
        ("trunk: &trunk [*trunk]\n", "p.yaml:1: is no YAML"),
        ("tickets:\n  required_since: 2026-99-99\n", "p.yaml:2: '2026-99-99': month must be in 1..12"),
        ("\x00", "p.yaml:1: is no YAML"),
    ],
)
def test_a_bad_policy_names_file_line_and_what_is_allowed(text: str, problem: str) -> None:
    """A policy that is not understood is not replaced by another one."""
    with pytest.raises(SettingError) as caught:
        Policy.parse(text, name="p.yaml")
    assert str(caught.value).startswith(f"setting policy: {problem}")


def test_a_policy_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    """A wrong path does not mean that there is no policy."""
    with pytest.raises(SettingError, match=r"setting policy: .*nowhere\.yaml cannot be read"):
        Policy.load(tmp_path / "nowhere.yaml")
