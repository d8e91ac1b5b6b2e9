"""What holds of GitHub's translator whatever is sent."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.github import SYSTEM
from pipetrail_producers.webhook.translation import UntranslatableError
from support import github, translator
from support.translator import delivery

# The header by which GitHub names the kind; audit log entries have none.
EVENT = "x-github-event"
# Kinds without payloads among the samples that are saved; each has one of ours.
SAMPLED = {kind for kind, _ in github.SAMPLES}


def sent(kind: str, payload: Any) -> Delivery:
    """A delivery of a kind."""
    headers = {"x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
    return delivery(payload, headers if kind == "audit_log" else {EVENT: kind, **headers})


@pytest.mark.parametrize(("kind", "payload"), github.SAMPLES)
def test_the_table_is_true(kind: str, payload: Any) -> None:
    """What the documentation's table lists for a kind is what the translator makes of it."""
    one = sent(kind, payload)
    assert SYSTEM.kind(one) == kind
    told = SYSTEM.translate(one)
    assert told.facts
    translator.assert_table_is_true(SYSTEM, told, kind)
    translator.events(told)


def test_every_kind_is_decided_on() -> None:
    """A kind either becomes events, and then there is a sample of it here, or it says why it says nothing."""
    for kind, decided in SYSTEM.kinds.items():
        assert decided.takes
        assert bool(decided.events) == (kind in SAMPLED), kind


def test_every_event_says_who() -> None:
    """Every event has an actor, but for what no payload names one for: the jobs of GitHub Actions that a check run tells."""
    for kind, payload in github.SAMPLES:
        for event in translator.events(SYSTEM.translate(sent(kind, payload))):
            data = event["data"]
            assert data["user"].get("name") or data["user"].get("id"), (kind, event["type"])
            assert data["pipetrail"]["actor"]["type"] in {"user", "app"}, (kind, event["type"])


@given(translator.damaged([{"kind": kind, "payload": payload} for kind, payload in github.SAMPLES]))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_damage_is_taken(broken: Any) -> None:
    """Whatever stands in whatever place, a delivery becomes valid events, a sentence or an UntranslatableError."""
    whole = broken if isinstance(broken, dict) else {}
    kind = whole.get("kind")
    translator.assert_is_total(SYSTEM, sent(kind if isinstance(kind, str) else "push", whole.get("payload")))


@given(translator.JSON, st.sampled_from(sorted(SYSTEM.kinds)))
def test_any_payload_under_any_name_is_taken(payload: Any, kind: str) -> None:
    """A payload that has nothing but its kind is refused by name, or says nothing."""
    translator.assert_is_total(SYSTEM, sent(kind, payload))
    translator.assert_is_total(SYSTEM, sent(kind, github.hook("created", **{kind: payload, "alert": payload, "key": payload})))


def test_the_saved_hooks() -> None:
    """Every saved webhook of GitHub's is of a known kind, and becomes valid events or is counted."""
    for file in translator.saved("github/webhooks"):
        if file.name == "INDEX.json":
            continue
        one = sent(file.parent.name, json.loads(file.read_bytes()))
        assert SYSTEM.kind(one) in SYSTEM.kinds
        told = SYSTEM.translate(one)
        assert told.facts or told.silent, file
        translator.assert_table_is_true(SYSTEM, told, file.parent.name)
        translator.events(told)


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("deployment_protection_rule.requested.ost-environment-gate.json", "deployment_protection_rule"),
        ("published.docker.payload.json", "registry_package"),
        ("reopened.payload.json", "secret_scanning_alert"),
    ],
)
def test_the_saved_hooks_of_other_projects(file: str, kind: str) -> None:
    """What others saved of kinds that GitHub's own examples lack is read, too."""
    found = next(saved for saved in translator.saved("github") if saved.name == file)
    told = SYSTEM.translate(sent(kind, json.loads(found.read_bytes())))
    translator.assert_table_is_true(SYSTEM, told, kind)
    assert told.facts or told.silent
    translator.events(told)


def test_a_redelivery_is_the_same_facts() -> None:
    """A redelivery makes the same ids, and no two facts of a delivery share one."""
    for kind, payload in github.SAMPLES:
        first, second = (SYSTEM.translate(sent(kind, payload)).facts for _ in range(2))
        assert [fact.id for fact in first] == [fact.id for fact in second]
        assert len({fact.id for fact in first}) == len(first)


@pytest.mark.parametrize(
    ("kind", "payload", "said"),
    [
        ("frobnicate", {}, "github: 'frobnicate' is no kind"),
        ("push", [], "github push: repository.html_url is missing"),
        ("push", github.push(after=None), "github push: after is missing"),
        ("push", github.push(ref=17.5), "github push: ref is missing"),
        ("create", github.hook(ref="x", ref_type="note"), "github create: ref_type is missing"),
        ("pull_request", github.hook("opened"), "github pull_request: pull_request is missing"),
        ("pull_request", github.hook("opened", pull_request=github.request(id=None)), "github pull_request: id is missing"),
        (
            "workflow_run",
            github.hook("completed", workflow_run=github.run(conclusion="lost")),
            "conclusion is missing, or not what",
        ),
        ("deployment_status", github.hook(deployment_status={}, deployment={}), "github deployment_status: state is missing"),
        ("member", github.hook("added"), "github member: member is missing"),
        ("audit_log", [{"action": "repo.access", "created_at": "soon"}], "github: 'unknown' is no kind"),
    ],
)
def test_what_is_missing_is_named(kind: str, payload: Any, said: str) -> None:
    """A refusal names the system, the kind and the field."""
    with pytest.raises(UntranslatableError) as refusal:
        SYSTEM.translate(sent(kind, payload))
    assert said in str(refusal.value)
