"""`pipetrail gate` and `pipetrail policy`: the same answer before the deed and afterwards, and overrides that leave a trace."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy_commands import policy
from pipetrail_processors.guard.roles import Action
from pipetrail_review.gate import gate
from support.world import World

POLICY = """\
people: {ann: [developer], bob: [release_manager]}
allow:
  - {roles: [developer], actions: [commit, merge]}
  - {roles: [release_manager], actions: [deploy, override_gate]}
freezes:
  - {name: audit, from: 2026-06-01T00:00:00Z, until: 2026-07-01T00:00:00Z, environments: [prod]}
"""
ASKED = ["--environment", "prod", "--repository", "https://git.example/acme/shop"]


@pytest.fixture(autouse=True)
def place(on_ones_own: Path) -> Path:
    """Such a folder, with a policy."""
    (on_ones_own / "pipetrail-policy.yaml").write_text(POLICY, encoding="utf-8")
    return on_ones_own


def _gate(*arguments: str) -> Result:
    return CliRunner().invoke(gate, [*arguments, *ASKED])


def test_the_gate_lets_pass_what_the_policy_allows() -> None:
    """Exit 0, and the line that decides."""
    answer = _gate("deploy", "--actor", "bob", "--time", "2026-05-01T09:00:00Z")
    assert answer.exit_code == 0
    assert answer.stderr.startswith("yes: pipetrail-policy.yaml:4: bob is release_manager")


@pytest.mark.parametrize(
    ("actor", "time", "why"),
    [
        ("ann", "2026-05-01T09:00:00Z", "no: pipetrail-policy.yaml:2: ann is developer; nothing allows deploy in prod"),
        ("bob", "2026-06-15T09:00:00Z", "no: pipetrail-policy.yaml:6: in the freeze audit"),
        ("eve", "2026-05-01T09:00:00Z", "no: pipetrail-policy.yaml:2: eve is nobody that the policy gives a role"),
    ],
)
def test_the_gate_stops_what_the_policy_does_not_allow(actor: str, time: str, why: str) -> None:
    """Exit 1, for the wrong role, the wrong time, and for somebody whom the policy does not know."""
    answer = _gate("deploy", "--actor", actor, "--time", time)
    assert answer.exit_code == 1
    assert answer.stderr.startswith(why)


def test_the_gate_says_what_it_did_not_ask() -> None:
    """A yes is about roles and freezes; whether the stages passed that the environment requires, nobody looked."""
    deployed = _gate("deploy", "--actor", "bob", "--time", "2026-05-01T09:00:00Z")
    assert "not asked here: whether build, test, approval passed" in deployed.stderr
    refused = _gate("deploy", "--actor", "ann", "--time", "2026-05-01T09:00:00Z")
    assert "not asked" not in refused.stderr


def test_a_gate_that_cannot_ask_the_trails_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSearch is away, or nobody says which commit it is about: it goes on, and says what it did not ask and why."""
    asked = ("deploy", "--actor", "bob", "--time", "2026-05-01T09:00:00Z")
    unnamed = _gate(*asked)
    assert (unnamed.exit_code, "(neither commit nor artifact is named" in unnamed.stderr) == (0, True)
    unset = _gate(*asked, "--commit", "a" * 40)
    assert (unset.exit_code, "(no OpenSearch is set)" in unset.stderr) == (0, True)
    monkeypatch.setenv("PIPETRAIL_OPENSEARCH_URL", "http://127.0.0.1:9")
    away = _gate(*asked, "--commit", "a" * 40)
    assert (away.exit_code, "(OpenSearch at http://127.0.0.1:9 cannot be reached" in away.stderr) == (0, True)
    left_out = _gate(*asked, "--commit", "a" * 40, "--no-trails")
    assert (left_out.exit_code, "(--no-trails)" in left_out.stderr) == (0, True)


def test_before_a_merge_the_gate_wants_to_know_which_change() -> None:
    """Approvals are a change's."""
    answer = _gate("merge", "--actor", "ann")
    assert "not asked here: whether the change has the approvals that it needs (no change is named" in answer.stderr


def test_an_override_goes_through_is_recorded_and_found() -> None:
    """What is let through is an event, and a rule finds it."""
    answer = _gate("deploy", "--actor", "ann", "--override", "--reason", "outage", "--dry-run")
    assert answer.exit_code == 0
    event = json.loads(answer.stdout)
    assert event["data"]["pipetrail"]["control"] == "role matrix"
    world = World(rules=RuleSet.load())
    world.take([answer.stdout.encode()])
    (finding,) = world.findings()
    assert finding["rule"]["id"] == "gate-overridden"
    assert finding["message"] == "ann passed over role matrix, “outage”: acme/shop"


def test_an_override_that_cannot_be_delivered_is_spooled_and_goes_through(place: Path) -> None:
    """The audit stops no delivery."""
    answer = _gate("deploy", "--actor", "ann", "--override", "--reason", "outage")
    assert answer.exit_code == 0
    (spooled,) = (place / "spool").glob("*.event")
    assert b"role matrix" in spooled.read_bytes()


def test_a_role_that_does_not_count_is_said() -> None:
    """Who asks with --role, and is told no, learns that the policy does not go by what events say."""
    asked = ["explain", "--actor", "eve", "--action", "deploy", "--environment", "prod", "--role", "release_manager"]
    answer = CliRunner().invoke(policy, asked)
    assert (answer.exit_code, "roles_from: events" in answer.stderr) == (1, True)


def test_the_help_of_the_gate_names_every_action() -> None:
    """As the policy knows them."""
    told = CliRunner().invoke(gate, ["--help"]).stdout
    assert [action.value for action in Action if action.value not in told] == []


@pytest.mark.parametrize("action", ["deploy", "roll_back"])
def test_a_deed_to_an_environment_wants_its_name(action: str) -> None:
    """Without one no freeze and no grant for production would be asked: that is no yes, but wrong usage."""
    answer = CliRunner().invoke(gate, [action, "--actor", "bob", "--time", "2026-06-15T09:00:00Z"])
    assert (answer.exit_code, "wants --environment" in answer.stderr) == (2, True)
    answer = CliRunner().invoke(policy, ["explain", "--actor", "bob", "--action", action])
    assert (answer.exit_code, "wants --environment" in answer.stderr) == (2, True)


def test_an_override_wants_a_reason() -> None:
    """An override without one is what pipetrail is there to find."""
    assert _gate("deploy", "--actor", "ann", "--override").exit_code == 2


def test_nothing_is_recorded_where_there_is_nothing_to_override(place: Path) -> None:
    """An override of what is allowed anyway would be a lie."""
    answer = _gate("deploy", "--actor", "bob", "--time", "2026-05-01T09:00:00Z", "--override", "--reason", "x")
    assert answer.exit_code == 0
    assert "nothing to override" in answer.stderr
    assert not (place / "spool").exists()


def test_a_missing_or_broken_policy_lets_nothing_pass(place: Path) -> None:
    """Nothing is allowed because something is missing."""
    (place / "pipetrail-policy.yaml").write_text("allow: [{roles: [boss], actions: [deploy]}]", encoding="utf-8")
    assert _gate("deploy", "--actor", "bob").exit_code != 0
    (place / "pipetrail-policy.yaml").unlink()
    assert _gate("deploy", "--actor", "bob").exit_code != 0


def test_explain_names_the_line_that_decides() -> None:
    """The question of the gate, without a deed."""
    asked = "explain --actor bob --action deploy --environment prod --at 2026-06-15T09:00:00Z --json"
    answer = CliRunner().invoke(policy, asked)
    assert answer.exit_code == 1
    told = json.loads(answer.stdout)
    assert (told["allowed"], told["control"], told["line"]) == (False, "freeze", 6)


def test_check_finds_a_broken_calendar_and_an_expired_exception(place: Path) -> None:
    """What would deny by surprise, and what is there in vain."""
    text = """\
freezes:
  - {name: a, calendar: nowhere.ics}
  - name: b
    from: 2026-01-01T00:00:00Z
    until: 2026-02-01T00:00:00Z
    exceptions:
      - {reason: r, expires: 2026-01-05T00:00:00Z}
"""
    (place / "pipetrail-policy.yaml").write_text(text, encoding="utf-8")
    answer = CliRunner().invoke(policy, ["check"])
    assert answer.exit_code == 1
    assert "pipetrail-policy.yaml:2: freezes.0: calendar nowhere.ics cannot be read" in answer.stderr
    assert "pipetrail-policy.yaml:7: freezes.1.exceptions.0: has expired" in answer.stderr
    (place / "pipetrail-policy.yaml").write_text(POLICY, encoding="utf-8")
    assert CliRunner().invoke(policy, ["check"]).exit_code == 0
