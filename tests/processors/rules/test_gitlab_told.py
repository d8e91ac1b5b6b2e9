"""What GitLab tells is what the rules look for: from its payloads, through its translator and the core, to the findings."""

from typing import Any

import pytest
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_producers.message import message_of
from pipetrail_producers.webhook.gitlab import SYSTEM
from support import gitlab
from support.translator import delivery, events
from support.world import World

RULES = RuleSet.load()
MERGED = gitlab.merge_request("merge", state="merged", merge_commit_sha=gitlab.MERGED)


def found(*told: Any) -> set[str]:
    """The rules that deliveries set off."""
    world = World(rules=RULES)
    for payload in told:
        facts = SYSTEM.translate(delivery(payload, {}, instance=gitlab.INSTANCE))
        world.take(message_of(event).value for event in events(facts))
    return {finding["rule"]["id"] for finding in world.findings()}


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("protected_branch_removed", "protection-weakened"),
        ("approval_rule_deleted", "protection-weakened"),
        ("environment_unprotected", "protection-weakened"),
        ("security_policy_user_push_bypass", "protection-bypassed"),
        ("merge_request_merged_with_dismissed_security_policy", "protection-bypassed"),
        ("security_policy_pipeline_skipped", "gate-overridden"),
        ("destroy_event_streaming_destination", "event-source-removed"),
        ("ci_runner_created", "runner-registered"),
        ("security_policy_delete", "policy-edited"),
    ],
)
def test_an_audit_event_sets_off_the_rule_that_it_is_about(kind: str, rule: str) -> None:
    """GitLab names its controls in its own words."""
    assert rule in found(gitlab.audit(kind))


@pytest.mark.parametrize(
    ("setting", "old", "new", "expected"),
    [
        ("project_merge_requests_author_approval_updated", "false", "true", True),
        ("project_merge_requests_author_approval_updated", "true", "false", False),
        ("allow_merge_on_skipped_pipeline_updated", "false", "true", True),
        ("allow_merge_on_skipped_pipeline_updated", "true", "false", False),
        ("project_require_password_to_approve_updated", "true", "false", True),
        ("project_push_rules_reject_unsigned_commits_updated", "true", "false", True),
        ("project_push_rules_reject_unsigned_commits_updated", "false", "true", False),
    ],
)
def test_a_setting_is_weaker_or_not_by_its_values(setting: str, old: str, new: str, *, expected: bool) -> None:
    """The same setting, switched one way and the other."""
    payload = gitlab.audit(setting)
    payload["details"] = {**payload.get("details", {}), "from": old, "to": new}
    assert expected is ("protection-weakened" in found(payload))


@pytest.mark.parametrize("kind", ["protected_branch_created", "ci_variable_created", "a_setting_of_a_later_version_updated"])
def test_what_weakens_nothing_sets_off_nothing(kind: str) -> None:
    """Most changes are work as usual."""
    assert found(gitlab.audit(kind)) == set()


def test_an_owner_is_found_and_a_developer_is_not() -> None:
    """Who may switch every other control off."""
    assert "owner-added" in found(gitlab.member(access_level="Owner"))
    assert "owner-added" not in found(gitlab.member(access_level="Developer"))
