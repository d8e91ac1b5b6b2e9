"""CDEvents as pipetrail's events."""

import json
from typing import Any

import pytest
from hypothesis import given
from pipetrail_producers.webhook.cdevents import SYSTEM
from pipetrail_producers.webhook.translation import UntranslatableError
from support import translator
from support.translator import delivery, short_types, translated

DIGEST = "sha256:" + "5e" * 32
PURL = "pkg:oci/shop@sha256%3A" + "5e" * 32 + "?tag=1.4.2"
REPOSITORY = {"id": "pay/shop", "source": "https://forge.example"}


def cdevent(kind: str, content: dict[str, Any] | None = None, *, subject: str = "run-7", **context: Any) -> dict[str, Any]:
    """A CDEvent of a kind (`build.started`)."""
    return {
        "context": {
            "version": "0.5.1",
            "id": "6f0d1f6e-0d50-4a39-9d6c-4b1a4d3a5f10",
            "source": "https://ci.example/pay",
            "type": f"dev.cdevents.{kind}.0.3.0",
            "timestamp": "2026-11-23T09:02:11.500Z",
            **context,
        },
        "subject": {"id": subject, "source": "https://ci.example/pay", "content": content or {}},
    }


SAMPLES = [
    cdevent(
        "pipelinerun.finished", {"pipelineName": "ship", "uri": "https://ci.example/7", "outcome": "cancel", "errors": "no"}
    ),
    cdevent("taskrun.finished", {"taskName": "unit-test", "pipelineRun": {"id": "run-7"}, "outcome": "success"}),
    cdevent("build.finished", {"artifactId": PURL}),
    cdevent(
        "testsuiterun.finished", {"outcome": "failure", "environment": {"id": "dev"}, "testSuite": {"id": "1", "name": "api"}}
    ),
    cdevent("testcaserun.skipped", {"reason": "no browser", "testCase": {"id": "3", "name": "login"}}),
    cdevent("change.merged", {"repository": REPOSITORY}, subject="17"),
    cdevent("branch.created", {"repository": REPOSITORY}, subject="refs/heads/topic"),
    cdevent("artifact.packaged", {"change": {"id": "ab" * 20, "source": "https://forge.example/pay/shop"}}, subject=PURL),
    cdevent("service.deployed", {"environment": {"id": "prod"}, "artifactId": PURL}, subject="shop"),
    cdevent("environment.modified", {"name": "prod", "uri": "https://prod.example"}),
    cdevent("approval.closed", {"responder": "urn:user:ann", "decision": "approved", "status": "approved"}),
    cdevent(
        "incident.reported", {"description": "slow", "environment": {"id": "prod"}, "ticketURI": "https://t.example/PAY-3"}
    ),
    cdevent("ticket.closed", {"summary": "slow", "uri": "https://t.example/PAY-3", "updatedBy": "Ann"}, subject="PAY-3"),
]


def one(payload: dict[str, Any]) -> dict[str, Any]:
    """The data of the only event of a payload."""
    (event,) = translated(SYSTEM, payload)
    data: dict[str, Any] = event["data"]
    return data


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: str(sample["context"]["type"]))
def test_every_kind_says_in_the_table_what_it_becomes(sample: dict[str, Any]) -> None:
    """What the documentation's table lists for a kind is what the translator makes of it."""
    told = SYSTEM.translate(delivery(sample))
    assert told.facts
    translator.assert_table_is_true(SYSTEM, told, SYSTEM.kind(delivery(sample)))


def test_a_finished_run_keeps_its_outcome_and_its_own_word() -> None:
    """`cancel` is OpenTelemetry's cancellation, and the origin's word is kept beside it."""
    data = one(SAMPLES[0])
    assert data["pipetrail"]["result"] == "cancellation"
    assert data["pipetrail"]["result_raw"] == "cancel"
    assert data["cicd"]["pipeline"] == {"name": "ship", "run": {"id": "run-7", "url": {"full": "https://ci.example/7"}}}
    assert data["event"]["reason"] == "no"


def test_a_run_that_ended_without_an_outcome_is_no_success() -> None:
    """An end whose outcome is not told is counted and not recorded: nothing is guessed."""
    assert SYSTEM.translate(delivery(cdevent("pipelinerun.finished", {"pipelineName": "ship"}))).silent
    assert SYSTEM.translate(delivery(cdevent("build.finished"))).silent


def test_a_build_that_brought_its_artifact_forth_gives_the_digest_that_deployments_join_by() -> None:
    """build.finished with an artifact is an artifact.packaged as well, with the digest of the package URL."""
    made = translated(SYSTEM, SAMPLES[2])
    assert short_types(made) == ["build.finished", "artifact.packaged"]
    assert [event["data"]["artifact"]["hash"] for event in made] == [DIGEST, DIGEST]
    assert made[1]["data"]["artifact"]["version"] == "1.4.2"
    assert made[0]["id"] != made[1]["id"]


def test_an_artifact_without_a_digest_is_not_recorded() -> None:
    """A package URL with a version proves no content."""
    assert SYSTEM.translate(delivery(cdevent("artifact.published", subject="pkg:pypi/shop@1.4"))).silent


def test_an_artifact_names_the_commit_it_was_made_of() -> None:
    """A change whose id is a commit's is that commit of the repository that is its source."""
    data = one(SAMPLES[7])
    assert data["vcs"]["repository"]["url"]["full"] == "https://forge.example/pay/shop"
    assert data["vcs"]["ref"]["head"]["revision"] == "ab" * 20


def test_a_deployed_service_is_a_deployment_of_its_artifact() -> None:
    """service.deployed is a deployment that succeeded, with environment, service and digest."""
    data = one(SAMPLES[8])
    assert data["deployment"]["environment"]["name"] == "prod"
    assert data["service"]["name"] == "shop"
    assert data["artifact"]["hash"] == DIGEST
    assert data["pipetrail"]["result"] == "success"


def test_a_responder_decides_and_whoever_hands_the_question_on_does_not() -> None:
    """An approval is decided by the responder with the decision; an escalation is no decision."""
    data = one(SAMPLES[10])
    assert data["user"] == {"id": "urn:user:ann", "name": "ann"}
    assert data["pipetrail"]["decision"] == "approved"
    escalated = cdevent("approval.updated", {"responder": "urn:user:ann", "decision": "escalated"})
    assert SYSTEM.translate(delivery(escalated)).silent
    expired = cdevent("approval.closed", {"decision": "deferred", "status": "expired", "responder": "urn:system:clock"})
    assert short_types(translated(SYSTEM, expired)) == ["approval.closed"]


def test_a_case_of_a_suite_is_not_counted_beside_its_suite() -> None:
    """A test case that belongs to a suite's run is left to the suite."""
    case = cdevent("testcaserun.finished", {"outcome": "failure", "testSuiteRun": {"id": "s"}, "testCase": {"id": "3"}})
    assert SYSTEM.translate(delivery(case)).silent


def test_all_modes_and_relays_give_one_event() -> None:
    """A CDEvent by itself, in a binary and in a structured CloudEvent is one fact with one id."""
    plain = SAMPLES[8]
    envelope = {"specversion": "1.0", "type": plain["context"]["type"], "id": "x", "source": "/relay", "data": plain}
    binary = {"ce-type": plain["context"]["type"], "ce-id": "y", "content-type": "application/json"}
    structured = {"content-type": "application/cloudevents+json; charset=utf-8"}
    ids = {
        translated(SYSTEM, plain)[0]["id"],
        translated(SYSTEM, plain, binary)[0]["id"],
        translated(SYSTEM, envelope, structured)[0]["id"],
    }
    assert len(ids) == 1


def test_two_events_of_one_subject_are_two_facts() -> None:
    """Producers that give every run the same subject lose none of them."""
    first, second = (cdevent("build.started", id=f"event-{number}") for number in (1, 2))
    assert translated(SYSTEM, first)[0]["id"] != translated(SYSTEM, second)[0]["id"]


def test_a_relative_source_becomes_an_absolute_one() -> None:
    """An event's source is an absolute URI: a relative one is below the instance that the settings name, else a URN."""
    relative = cdevent("build.started", source="/event/source/123")
    assert translated(SYSTEM, relative)[0]["source"] == "urn:cdevents:event/source/123"
    assert translated(SYSTEM, relative, instance="https://ci.example")[0]["source"] == "https://ci.example/event/source/123"


@pytest.mark.parametrize("version", ["0.3.0", "0.4.1", "0.5.1", "0.6.0-draft"])
def test_versions_are_taken_alike(version: str) -> None:
    """The version stands in `version` or `specversion`; the meaning is the same."""
    by_field = (cdevent("build.started", version=version), cdevent("build.started", specversion=version))
    ids = {translated(SYSTEM, payload)[0]["id"] for payload in by_field}
    assert ids == {translated(SYSTEM, cdevent("build.started"))[0]["id"]}


def test_what_is_missing_is_named() -> None:
    """An error names the kind and the field, so that a dead letter can be understood."""
    broken = cdevent("build.started")
    del broken["context"]["timestamp"]
    with pytest.raises(UntranslatableError, match=r"cdevents build\.started: context\.timestamp"):
        SYSTEM.translate(delivery(broken))
    with pytest.raises(UntranslatableError, match=r"subject\.content\.repository"):
        SYSTEM.translate(delivery(cdevent("change.merged")))
    with pytest.raises(UntranslatableError, match=r"dev\.cdevents\.nothing|nothing\.happened"):
        SYSTEM.translate(delivery(cdevent("nothing.happened")))


def test_a_tools_own_events_are_counted_only() -> None:
    """Custom events (dev.cdeventsx) have no meaning that is agreed upon."""
    assert SYSTEM.translate(delivery({"context": {"type": "dev.cdeventsx.tool-thing.created.0.1.0"}})).silent


@given(translator.damaged(SAMPLES))
def test_any_damage_is_taken(payload: Any) -> None:
    """Whatever stands in whatever place, a delivery becomes valid events, a sentence or an UntranslatableError."""
    translator.assert_is_total(SYSTEM, delivery(payload))


def test_the_conformance_examples() -> None:
    """Every example of CDEvents' own conformance suite becomes valid events, or is counted for a reason."""
    silent = {}
    for file in translator.saved("cdevents"):
        payload = json.loads(file.read_bytes())
        if "conformance" in file.parts[-2:][0] or file.name == "conformance.json":
            if "context" not in payload:
                continue
            told = SYSTEM.translate(delivery(payload))
            translator.events(told)
            if told.facts:
                translator.assert_table_is_true(SYSTEM, told, SYSTEM.kind(delivery(payload)))
            else:
                silent[SYSTEM.kind(delivery(payload))] = told.silent
    assert "service.deployed" not in silent
    assert "pipelinerun.finished" not in silent
    assert silent["service.published"]
