"""What reference data add to records and trails: who it was and in which role, who stands behind a bot, whose it is."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.directory.reference import Reference, load_reference
from pipetrail_schemas.topics import RECORDS
from support.world import World

ANN = {"id": "ann", "name": "Ann Ask", "email": "ann@acme.example"}
PEOPLE = """
people:
  - id: ann
    name: Ann Ask
    emails: [ann@acme.example]
    logins: [annie]
    roles: [{role: developer, to: "2026-01-05T09:02:00Z"}, {role: release-manager, from: "2026-01-05T09:02:00Z"}]
  - {id: bob, name: Bob, emails: [bob@acme.example]}
"""
BOT = {"user": {"name": "renovate[bot]"}, "pipetrail.actor.type": "app"}


@pytest.fixture
def reference(tmp_path: Path) -> Reference:
    """Two people, a bot of Bob's, a service and its team, and what production is."""
    (tmp_path / "people.yaml").write_text(PEOPLE, encoding="utf-8")
    (tmp_path / "bots.yaml").write_text('bots: [{match: ["deployer*"], human: bob}]', encoding="utf-8")
    services = 'services: [{name: shop, repositories: ["*/acme/shop"], team: payments}]'
    (tmp_path / "services.yaml").write_text(services, encoding="utf-8")
    (tmp_path / "environments.yaml").write_text("environments: [{match: [live], tier: production}]", encoding="utf-8")
    return load_reference(tmp_path)


def _records(reference: Reference, *events: dict[str, Any]) -> list[dict[str, Any]]:
    world = World(rules=RuleSet.of([]), reference=lambda: reference)
    world.take(messages(events))
    return [orjson.loads(output.value or b"") for output in world.published[RECORDS]]


def _entries(reference: Reference, *events: dict[str, Any]) -> list[dict[str, Any]]:
    world = World(rules=RuleSet.of([]), reference=lambda: reference)
    world.take(messages(events))
    (trail,) = world.trails()
    entries: list[dict[str, Any]] = trail["pipetrail"]["trail"]["entries"]
    return entries


def test_an_actor_is_resolved_with_the_roles_of_then(reference: Reference) -> None:
    """The same login a minute later acts in another role; what the origin says of roles stays."""
    event = {"type": "build.finished", "pipetrail.result": "success", "user": {"name": "Annie", "roles": ["owner"]}}
    before, after = _records(reference, {**event, "minute": 1}, {**event, "minute": 2})
    assert before["user"] == {"name": "Annie", "roles": ["developer", "owner"]}
    assert after["user"]["roles"] == ["owner", "release-manager"]
    assert before["pipetrail"]["person"] == ANN
    assert {"Annie", "ann", "ann@acme.example"} <= set(before["related"]["user"])


def test_what_was_proven_comes_before_what_is_said(reference: Reference) -> None:
    """The subject of an OIDC token says who it was, whatever name the event carries."""
    (value,) = messages([{"type": "build.started", "user.name": "somebody"}])
    event = orjson.loads(value) | {"authtype": "user", "authid": "ann@acme.example"}
    world = World(rules=RuleSet.of([]), reference=lambda: reference)
    world.take([orjson.dumps(event)])
    assert orjson.loads(world.published[RECORDS][0].value or b"")["pipetrail"]["person"] == ANN


def test_service_team_and_tier_are_added(reference: Reference) -> None:
    """The service where there is only one; what the event itself says of it stays."""
    deployment = {"type": "deployment.started", "deployment.environment.name": "LIVE"}
    added, told = _records(reference, deployment, {**deployment, "service.name": "web"})
    assert added["service"] == {"name": "shop"}
    assert (added["pipetrail"]["team"], added["pipetrail"]["tier"]) == ("payments", "production")
    assert told["service"] == {"name": "web"}
    assert "team" not in told["pipetrail"]


@pytest.mark.parametrize(
    ("fields", "human", "by"),
    [
        ({**BOT, "pipetrail.actor.on_behalf_of": {"email": "ann@acme.example"}}, ANN, "origin"),
        ({**BOT, "pipetrail.actor.on_behalf_of": {"name": "Zoe"}}, {"name": "Zoe"}, "origin"),
        ({**BOT, "pipetrail.commit.trailers": {"Co-authored-by": ["Ann <ann@acme.example>"]}}, ANN, "trailer"),
        ({"user.name": "deployer-7"}, {"id": "bob", "name": "Bob", "email": "bob@acme.example"}, "reference"),
        (BOT, None, "unresolved"),
    ],
)
def test_a_bot_is_resolved_to_its_human_or_said_to_be_unresolved(
    reference: Reference, fields: dict[str, Any], human: dict[str, str] | None, by: str
) -> None:
    """By what the origin says, else a trailer, else who answers for the bot; in the record and in the trail."""
    event = {"type": "commit.recorded", "pipetrail.commit.message": "Bump", **fields}
    (record,) = _records(reference, event)
    assert (record["pipetrail"].get("human"), record["pipetrail"]["human_by"]) == (human, by)
    (entry,) = _entries(reference, event)
    assert (entry.get("on_behalf_of"), entry["human_by"]) == (human, by)


def test_a_bot_that_works_on_a_change_works_for_who_proposed_it(reference: Reference) -> None:
    """Where nothing else says for whom: known in the trail, since another event tells it."""
    proposed = {"type": "change.created", "vcs.change.id": "7", "user.name": "annie"}
    merged = {"type": "change.merged", "vcs.change.id": "7", **BOT}
    entries = _entries(reference, proposed, merged)
    assert entries[1]["on_behalf_of"] == ANN
    assert entries[1]["human_by"] == "change"


def test_two_names_of_one_person_are_one_in_a_trail(reference: Reference) -> None:
    """Who approves under a login what they wrote under an address approves their own change."""
    said = {"message": "Faster", "author": {"name": "A. Ask", "email": "ann@acme.example"}}
    world = World(reference=lambda: reference)
    world.take(
        messages(
            [
                {"type": "commit.recorded", "pipetrail.commit": said, "user": {"name": "A. Ask", "email": "ann@acme.example"}},
                {"type": "approval.decided", "pipetrail.decision": "approved", "user.name": "annie"},
            ]
        )
    )
    assert [finding["rule"]["id"] for finding in world.findings()].count("self-approval") == 1


def test_nobody_can_tell_pipetrail_what_it_derives(reference: Reference) -> None:
    """What an event claims to be derived is dropped."""
    (record,) = _records(reference, {"type": "build.started", "user": None, "pipetrail": {"person": {"id": "x"}, "tier": "y"}})
    assert "person" not in record["pipetrail"]
    assert "tier" not in record["pipetrail"]
