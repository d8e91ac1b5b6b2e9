"""Roles that the reference data give count in the policy's matrix: as of the event, whatever file tells them."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.directory.reference import load_reference
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.guard.policy_commands import policy as command
from support.world import World

POLICY = """
roles: [code_owner]
allow:
  - {roles: [release_manager], actions: [deploy], environments: [prod]}
  - {roles: [code_owner], actions: [deploy], environments: [staging]}
"""
CSV = "id,login,role,from,to\nann,annie,Release Manager,2026-01-05T09:05:00Z,2026-01-05T09:10:00Z\nbob,bobby,developer,,\n"
SCIM = """{"Resources": [{"userName": "annie", "externalId": "ann", "active": true, "roles": [{"value": "release_manager"}]},
  {"userName": "bobby", "externalId": "bob", "active": false, "roles": [{"value": "release_manager"}]}]}"""
YAML = "people: [{id: ann, logins: [annie], roles: [{role: release-manager}]}, {id: bob, logins: [bobby], teams: [payments]}]"
CLAIMS = "claims: [{issuer: 'https://ci.example', when: {user_access_level: [owner]}, role: release_manager}]"
TOKEN = {"oidc_iss": "https://ci.example", "oidc_user_access_level": "owner", "oidc_user_login": "annie"}
OWNERS = "* @acme/payments\n"


def _folder(at: Path, **files: str) -> Path:
    for name, text in files.items():
        path = at / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return at


def _deploys(who: str, minute: int = 6, environment: str = "prod") -> dict[str, Any]:
    place = {"deployment.environment.name": environment}
    return {"type": "deployment.started", **place, "user.name": who, "minute": minute}


def _overstepped(folder: Path, event: dict[str, Any], **envelope: str) -> list[str]:
    reference = load_reference(folder)
    world = World(Policy.parse(POLICY, name="p.yaml"), reference=lambda: reference)
    (value,) = messages([event])
    world.take([orjson.dumps(orjson.loads(value) | envelope)])
    return [finding["message"] for finding in world.findings() if finding["rule"]["id"] == "role-overstepped"]


@pytest.mark.parametrize("files", [{"people_yaml": YAML}, {"staff_csv": CSV}, {"all_scim_json": SCIM}])
def test_a_role_of_the_directory_counts_and_that_of_somebody_else_does_not(tmp_path: Path, files: dict[str, str]) -> None:
    """By hand, or as a directory exports it, under the name that the forge knows; who left has none."""
    folder = _folder(tmp_path, **files)
    assert _overstepped(folder, _deploys("annie")) == []
    assert len(_overstepped(folder, _deploys("bobby"))) == 1
    assert len(_overstepped(folder, _deploys("zoe"))) == 1


@pytest.mark.parametrize(("minute", "findings"), [(4, 1), (5, 0), (9, 0), (10, 1)])
def test_a_role_counts_while_it_was_held(tmp_path: Path, minute: int, findings: int) -> None:
    """By the event's time, not by today's: before and after, the same deed was too much."""
    assert len(_overstepped(_folder(tmp_path, staff_csv=CSV), _deploys("annie", minute))) == findings


def test_a_role_by_claims_counts_where_they_were_proven(tmp_path: Path) -> None:
    """The labels alone prove nothing."""
    folder = _folder(tmp_path, claims_yaml=CLAIMS)
    event = _deploys("annie") | {"pipetrail.labels": TOKEN}
    assert _overstepped(folder, event, authtype="oidc", authid="https://ci.example/project_id:7") == []
    assert len(_overstepped(folder, event)) == 1


def test_who_is_named_in_codeowners_is_a_code_owner(tmp_path: Path) -> None:
    """Bob by his team; Ann is in none; and it is one role, not all of them."""
    folder = _folder(tmp_path, people_yaml=YAML, codeowners__git_example__acme__shop=OWNERS)
    assert _overstepped(folder, _deploys("bobby", environment="staging")) == []
    assert len(_overstepped(folder, _deploys("annie", environment="staging"))) == 1
    assert len(_overstepped(folder, _deploys("bobby"))) == 1


def test_a_bot_has_the_roles_of_whom_it_acts_for(tmp_path: Path) -> None:
    """Ann may, Bob may not, whichever bot does it for them."""
    folder = _folder(tmp_path, people_yaml=YAML, bots_yaml="bots: [{match: [deployer], human: annie}]")

    def told(human: str) -> dict[str, Any]:
        return {"pipetrail.actor": {"type": "app", "on_behalf_of": {"name": human}}}

    assert _overstepped(folder, _deploys("robot") | told("annie")) == []
    assert len(_overstepped(folder, _deploys("robot") | told("bobby"))) == 1
    assert _overstepped(folder, _deploys("deployer")) == []


def test_events_alone_give_no_role(tmp_path: Path) -> None:
    """Whoever writes events could write any."""
    event = _deploys("zoe") | {"user.roles": ["release_manager"]}
    assert len(_overstepped(_folder(tmp_path, people_yaml=YAML), event)) == 1


@pytest.mark.parametrize(("actor", "exit_code", "why"), [("annie", 0, "the reference data"), ("bobby", 1, "nothing allows")])
def test_policy_explain_gives_the_same_answer(tmp_path: Path, actor: str, exit_code: int, why: str) -> None:
    """Before the deed as afterwards."""
    folder = _folder(tmp_path / "reference", people_yaml=YAML)
    (tmp_path / "p.yaml").write_text(POLICY, encoding="utf-8")
    asked = ["--actor", actor, "--action", "deploy", "--environment", "prod", "--json"]
    options = ["--policy", str(tmp_path / "p.yaml"), "--reference", str(folder)]
    answer = CliRunner().invoke(command, ["explain", *options, *asked])
    assert answer.exit_code == exit_code
    assert why in json.loads(answer.stdout)["why"]
