"""What a control is and what an alteration does to it is told by meaning, in the words of every system."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_processors.guard import control


@pytest.mark.parametrize(
    ("name", "action", "kind"),
    [
        ("branch protection", "", "protection"),
        ("protected_branch", "", "protection"),
        ("repositoryRuleset", "", "protection"),
        ("merge request approval rule", "", "protection"),
        ("secret scanning push protection", "", "secrets"),
        ("audit log stream", "", "audit"),
        ("project hook", "", "webhook"),
        ("self-hosted runners", "", "runner"),
        ("deploy key", "", "key"),
        ("freeze_period", "", "calendar"),
        ("environment protection", "", "environment"),
        ("default_workflow_permissions", "", "token"),
        ("Actions settings", "repo.set_default_workflow_permissions", "token"),
        ("Actions secrets", "repo.remove_actions_secret", "credential"),
        ("pipetrail policy", "", "policy"),
        ("licence scan", "", "other"),
        ("", "ssh_key_created", "key"),
        ("", "", ""),
    ],
)
def test_the_kind_of_a_control_is_told_by_its_words(name: str, action: str, kind: str) -> None:
    """However a system spells it."""
    assert kind == control.kind_of(name, action)


@pytest.mark.parametrize(
    ("labels", "effect"),
    [
        ({"old.approvals": "2", "new.approvals": "1"}, "weaker"),
        ({"approvals_from": "1", "approvals_to": "2"}, "stricter"),
        ({"enforcement_from": "active", "enforcement": "evaluate"}, "weaker"),
        ({"enforcement_from": "disabled", "enforcement": "active"}, "stricter"),
        ({"allow_force_pushes_from": "off", "allow_force_pushes_to": "everyone"}, "weaker"),
        ({"enforce_admins_from": "true", "enforce_admins_to": "false"}, "weaker"),
        ({"checks_from": "lint, unit", "checks_to": "unit"}, "weaker"),
        ({"bypass_actors_from": "a", "bypass_actors_to": "a, b"}, "weaker"),
        ({"only_allow_merge_if_pipeline_succeeds_from": "true", "only_allow_merge_if_pipeline_succeeds_to": "false"}, "weaker"),
        ({"allow_merge_on_skipped_pipeline_from": "true", "allow_merge_on_skipped_pipeline_to": "false"}, "stricter"),
        ({"name_from": "a", "name": "b"}, "changed"),
        ({"enforcement_from": "active"}, "changed"),
        ({"weakened": "true"}, "weaker"),
        ({"strengthened": "true"}, "stricter"),
        ({"weakened": "true", "strengthened": "true"}, "weaker"),
        ({"active": "false", "active_was": "true"}, "weaker"),
        ({"events": "push, release", "events_were": "push"}, "stricter"),
        ({}, "changed"),
    ],
)
def test_an_edit_is_judged_by_the_values_before_and_after(labels: dict[str, str], effect: str) -> None:
    """What nobody can tell is neither weaker nor stricter."""
    assert effect == control.effect_of("branch protection", "edited", labels)


@pytest.mark.parametrize(
    ("action", "verb"),
    [
        ("protected_branch.destroy", "removed"),
        ("protected_branch.create", "added"),
        ("protected_branch.update_admin_enforced", "edited"),
        ("repository_secret_scanning_push_protection.disable", "removed"),
        ("personal_access_token.access_granted", "added"),
        ("deleted", "removed"),
        ("protect", "added"),
        ("", "edited"),
    ],
)
def test_the_verb_of_an_action_is_what_was_done_and_not_what_it_was_done_to(action: str, verb: str) -> None:
    """A protected branch whose setting was altered is not protected anew."""
    assert verb == control.verb_of(action)


@given(st.text(max_size=30), st.text(max_size=30), st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=4))
def test_whatever_a_system_says_is_understood_somehow(name: str, action: str, labels: dict[str, str]) -> None:
    """Foreign words never break a rule."""
    assert control.effect_of(name, action, labels) in {"weaker", "stricter", "changed"}
    control.bypass_always(name, labels)


@given(st.sampled_from(["required_approvals", "bypass_actors", "allow_deletions"]), st.integers(0, 9), st.integers(0, 9))
def test_the_way_back_has_the_opposite_effect(name: str, old: int, new: int) -> None:
    """What weakens in one direction strengthens in the other."""
    there = control.effect_of("ruleset", "edited", {f"{name}_from": str(old), f"{name}_to": str(new)})
    back = control.effect_of("ruleset", "edited", {f"{name}_from": str(new), f"{name}_to": str(old)})
    assert {there, back} == ({"changed"} if old == new else {"weaker", "stricter"})
