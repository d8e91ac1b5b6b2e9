"""What GitHub tells is what the rules look for: from its payloads to the findings, through the core itself."""

from functools import cache
from typing import Any

import pytest
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_producers.message import message_of
from pipetrail_producers.webhook.github import SYSTEM
from support import github
from support.translator import delivery, events
from support.world import World

DELIVERY = [
    ("push", github.push(ref="refs/heads/retry")),
    ("pull_request", github.hook("opened", pull_request=github.request())),
    ("workflow_job", github.hook("completed", workflow_job=github.job())),
    ("pull_request_review", github.hook("submitted", review=github.review(), pull_request=github.request())),
]
MERGE = ("pull_request", github.hook("closed", pull_request=github.merged()))
TRUNK = github.commit(github.MERGED, "PAY-17 retry on 503 (#17)")
MERGED_PUSH = ("push", github.push(after=github.MERGED, commits=[TRUNK], head_commit=TRUNK))
DISMISSAL = (
    "pull_request_review",
    github.hook("dismissed", review=github.review("dismissed"), pull_request=github.request(updated_at="2026-11-23T09:30:00Z")),
)
NEW_HEAD = (
    "pull_request",
    github.hook(
        "synchronize",
        pull_request=github.request(updated_at="2026-11-23T09:35:00Z", head={"ref": "retry", "sha": github.TEMPORARY}),
    ),
)
QUEUED = next(sample for sample in github.SAMPLES if sample[0] == "merge_group")


@cache
def rules() -> RuleSet:
    """The built-in rules, compiled once."""
    return RuleSet.load()


def found(*told: tuple[str, Any]) -> set[str]:
    """The rules that deliveries set off."""
    world = World(rules=rules())
    for number, (kind, payload) in enumerate(told):
        headers = {"x-github-delivery": str(number), **({} if kind == "audit_log" else {"x-github-event": kind})}
        facts = SYSTEM.translate(delivery(payload, headers, instance=github.INSTANCE))
        world.take(message_of(event).value for event in events(facts))
    return {finding["rule"]["id"] for finding in world.findings()}


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        (("audit_log", [github.override()]), "protection-bypassed"),
        (("secret_scanning_alert", github.hook("created", alert=github.alert())), "secret-guard-bypassed"),
        (("branch_protection_rule", github.hook("deleted", rule=github.rule())), "protection-weakened"),
        (("branch_protection_configuration", github.hook("disabled")), "protection-weakened"),
        (("repository_ruleset", github.hook("deleted", repository_ruleset=github.ruleset())), "protection-weakened"),
        (("member", github.hook("edited", member=github.BOB, changes={"permission": {"to": "admin"}})), "owner-added"),
        (("audit_log", [github.entry("org.add_member", user="bob", permission="admin")]), "owner-added"),
        (("audit_log", [github.entry("repo.register_self_hosted_runner")]), "runner-registered"),
        (("audit_log", [github.entry("hook.destroy")]), "event-source-removed"),
        (("audit_log", [github.entry("audit_log_streaming.destroy")]), "event-source-removed"),
        (("meta", github.hook("deleted", hook_id=1, hook={"id": 1})), "deliveries-lost"),
        (("push", github.push(size=3)), "deliveries-lost"),
        (("push", github.push(forced=True)), "forced-push"),
        (("push", github.push(commits=[github.commit(github.HEAD, "hotfix [skip ci]")])), "ci-skipped"),
    ],
)
def test_the_ground_under_the_pipeline_moves(told: tuple[str, Any], rule: str) -> None:
    """Each of GitHub's ways to weaken, bypass or blind sets off the rule for it."""
    assert rule in found(told)


def test_a_reviewed_merge_is_a_merge_like_any_other() -> None:
    """An approval of the head that is merged counts; a merge queue's temporary commit does not make it stale."""
    about_reviews = {"merged-without-review", "self-approval", "stale-approval", "dismissed-approval"}
    assert found(*DELIVERY, QUEUED, MERGE, MERGED_PUSH).isdisjoint(about_reviews)


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ((*DELIVERY[:3], MERGE, MERGED_PUSH), "merged-without-review"),
        ((*DELIVERY, DISMISSAL, MERGE, MERGED_PUSH), "dismissed-approval"),
        ((*DELIVERY, NEW_HEAD, MERGE, MERGED_PUSH), "stale-approval"),
    ],
)
def test_a_merge_that_four_eyes_did_not_see_is_found(told: tuple[tuple[str, Any], ...], rule: str) -> None:
    """Without a review, with one that was taken back, or with one of an older head."""
    assert rule in found(*told)
