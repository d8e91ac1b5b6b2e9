"""Roles by what a job's token claims: for whom it was made out, while it was proven, and for nobody else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.directory.reference import Reference, load_reference
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.topics import RECORDS
from support.world import World

CLAIMS = """
claims:
  - issuer: https://gitlab.example
    when: {user_access_level: [Maintainer, owner], namespace_path: [acme, acme/*]}
    role: release_manager
    from: "2026-01-05T09:02:00Z"
  - issuer: https://token.actions.githubusercontent.com
    when: {environment: [prod*], repository: [acme/*]}
    role: deployer
"""
GITLAB = {
    "iss": "https://gitlab.example",
    "user_access_level": "maintainer",
    "namespace_path": "acme/shop",
    "user_login": "ann42",
}
GITHUB = {
    "iss": "https://token.actions.githubusercontent.com",
    "environment": "prod-eu",
    "repository": "acme/shop",
    "actor": "ann",
}


@pytest.fixture
def reference(tmp_path: Path) -> Reference:
    """Two lines of claims, and a person with a role of her own."""
    (tmp_path / "claims.yaml").write_text(CLAIMS, encoding="utf-8")
    people = "people: [{id: ann, logins: [ann42], roles: [{role: developer}]}]"
    (tmp_path / "people.yaml").write_text(people, encoding="utf-8")
    return load_reference(tmp_path)


def roles(
    reference: Reference,
    claims: dict[str, str],
    *,
    user: dict[str, Any] | None = None,
    minute: int = 5,
    envelope: Mapping[str, str] | None = None,
) -> list[str]:
    """The roles in the record of an event with these claims, sent by a proven job unless `envelope` says otherwise."""
    labels = {f"oidc_{name}": text for name, text in claims.items()}
    actor = user or {"name": claims.get("user_login") or claims.get("actor")}
    fields = {"type": "build.finished", "pipetrail.result": "success", "user": actor, "pipetrail.labels": labels}
    (value,) = messages([{**fields, "minute": minute}])
    proven = {"authtype": "oidc", "authid": f"{claims.get('iss')}/project_id/7"}
    world = World(rules=RuleSet.of([]), reference=lambda: reference)
    world.take([orjson.dumps(orjson.loads(value) | proven | dict(envelope or {}))])
    found: list[str] = orjson.loads(world.published[RECORDS][0].value or b"")["user"].get("roles", [])
    return found


def test_proven_claims_give_roles_beside_those_of_the_person(reference: Reference) -> None:
    """GitLab's access level, GitHub's environment; in any case of letters."""
    assert roles(reference, GITLAB) == ["developer", "release_manager"]
    assert roles(reference, GITHUB) == ["deployer", "developer"]


def test_the_roles_are_those_of_the_time(reference: Reference) -> None:
    """A line counts from when it is in force, by the event's time."""
    assert roles(reference, GITLAB, minute=1) == ["developer"]
    assert roles(reference, GITLAB, minute=2) == ["developer", "release_manager"]


@pytest.mark.parametrize(
    "changed",
    [
        {"user_access_level": "developer"},
        {"namespace_path": "other"},
        {"namespace_path": None},
        {"iss": "https://gitlab.example.evil"},
        {"iss": "https://token.actions.githubusercontent.com"},
    ],
)
def test_every_claim_of_a_line_must_match_and_so_must_the_issuer(reference: Reference, changed: dict[str, str | None]) -> None:
    """One that does not, or is missing, gives nothing."""
    claims = {name: text for name, text in {**GITLAB, **changed}.items() if text}
    assert roles(reference, claims) == ["developer"]


@pytest.mark.parametrize(
    "envelope", [{"authtype": "token"}, {"authtype": "unauthenticated"}, {"authid": "https://other.example/project_id/7"}]
)
def test_what_is_not_proven_gives_no_role(reference: Reference, envelope: dict[str, str]) -> None:
    """Labels can be written by anybody; the stamp of the collector is what counts."""
    assert roles(reference, GITLAB, envelope=envelope) == ["developer"]


def test_a_token_proves_nothing_of_somebody_else(reference: Reference) -> None:
    """A job may write any name into its events; the role stays with whom the token names, by id before name."""
    assert roles(reference, GITLAB, user={"name": "bob"}) == []
    with_id = {**GITLAB, "user_id": "42"}
    assert "release_manager" in roles(reference, with_id, user={"id": "42", "name": "Ann Ask"})
    assert "release_manager" not in roles(reference, with_id, user={"id": "43", "name": "ann42"})


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "{issuer: https://a.example, when: {user_acces_level: [owner]}, role: x}",
            r"claims.yaml:2: .*user_acces_level.* is no claim",
        ),
        ("{issuer: a.example, when: {ref: [main]}, role: x}", r"claims.yaml:2: claims.0.issuer"),
        ("{issuer: https://a.example, when: {}, role: x}", r"claims.yaml:2: claims.0.when"),
        ("{issuer: https://a.example, role: x}", r"claims.yaml:2: claims.0.when"),
        ("{issuer: https://a.example, when: {ref: []}, role: x}", r"claims.yaml:2: claims.0.when.ref"),
        ("{issuer: https://a.example, when: {ref: [main]}, rol: x}", r"claims.yaml:2: claims.0"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    """By file, line and field."""
    (tmp_path / "claims.yaml").write_text(f"claims:\n  - {line}\n", encoding="utf-8")
    with pytest.raises(SettingError, match=complaint):
        load_reference(tmp_path)
