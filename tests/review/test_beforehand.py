"""What the gate asks of the trails: the rules' own question, before the deed."""

from typing import Any

import orjson
import pytest
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.directory.reference import no_reference
from pipetrail_processors.guard.policy import Policy
from pipetrail_review.beforehand import Judges, judged

POLICY = """\
environments:
  - {match: [prod], production: true, require: [build, test, approval]}
reviews:
  - {approvals: 1}
"""
JUDGES = Judges(Policy.parse(POLICY, name="policy.yaml"), RuleSet.load(), no_reference())
BUILT = {"type": "build.finished", "pipetrail.result": "success", "user.name": "Ann"}
TESTED = {"type": "testsuiterun.finished", "pipetrail.result": "success"}
APPROVED = {
    "type": "approval.decided",
    "pipetrail.decision": "approved",
    "user.name": "Bob",
    "deployment.environment.name": "prod",
}
DEPLOY = {"type": "deployment.started", "deployment.environment.name": "prod", "user.name": "Cem", "key": "deed", "minute": 60}
CREATED = {"type": "change.created", "vcs.change.id": "7", "vcs.ref.base.name": "main", "user.name": "Ann"}
REVIEWED = {"type": "change.reviewed", "vcs.change.id": "7", "pipetrail.decision": "approved", "user.name": "Bob"}
MERGE = {"type": "change.merged", "vcs.change.id": "7", "user.name": "Ann", "key": "deed", "minute": 60}


def _asked(*events: dict[str, Any]) -> list[str]:
    *before, deed = messages(events)
    return judged(before, orjson.loads(deed), JUDGES)


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ((BUILT, TESTED, APPROVED, DEPLOY), []),
        ((BUILT, TESTED, DEPLOY), ["no approval before Cem deployed to prod: acme/shop (required-stage-skipped)"]),
        (
            (BUILT, {**TESTED, "pipetrail.result": "failure"}, APPROVED, DEPLOY),
            ["deployed to prod by Cem although test failed: acme/shop (deployed-although-failed)"],
        ),
        ((DEPLOY,), ["build", "test", "approval"]),
        (({**DEPLOY, "deployment.environment.name": "staging"},), []),
        ((CREATED, REVIEWED, MERGE), []),
        ((CREATED, MERGE), ["merged"]),
        ((CREATED, {**REVIEWED, "user.name": "Ann"}, MERGE), ["Ann"]),
    ],
)
def test_it_finds_before_the_deed_what_the_rules_would_find_after_it(
    events: tuple[dict[str, Any], ...], found: list[str]
) -> None:
    """A stage that did not run or failed, approvals that are missing or the author's own; and nothing where all is there."""
    told = _asked(*events)
    assert len(told) == len(found), told
    assert all(any(words in one for one in told) for words in found), told


def test_an_artifact_that_nobody_built_is_found() -> None:
    """Known by its digest alone; built, it is the trail of its commit that is asked."""
    artifact = {"type": "artifact.packaged", "artifact.hash": "d1", "artifact.filename": "shop.tar"}
    deed = {**DEPLOY, "vcs.ref": None, "artifact.hash": "d1", "partitionkey": "d1", "vcs.repository": None}
    (unknown,) = _asked(deed)
    assert "unknown-artifact-deployed" in unknown
    assert _asked(BUILT, TESTED, APPROVED, artifact, deed) == []


def test_what_the_policy_was_asked_itself_is_not_found_again() -> None:
    """Roles and freezes are the policy's matter, and what others did before is not about the deed."""
    text = "{environments: [{match: [staging]}], allow: [{roles: [developer], actions: [merge]}]}"
    policy = Policy.parse(text, name="policy.yaml")
    bypass = {"type": "policy.bypassed", "pipetrail.control": "branch protection", "user.name": "Eve"}
    values = list(messages([bypass, {**DEPLOY, "deployment.environment.name": "staging"}]))
    assert judged(values[:1], orjson.loads(values[1]), JUDGES._replace(policy=policy)) == []
