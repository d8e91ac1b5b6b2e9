"""What different systems tell of one delivery meets in one trail: translated, then run through the core."""

import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_producers import provenance
from pipetrail_producers.webhook.argocd import SYSTEM as ARGOCD
from pipetrail_producers.webhook.cdevents import SYSTEM as CDEVENTS
from pipetrail_producers.webhook.fact import event
from pipetrail_producers.webhook.jenkins import SYSTEM as JENKINS
from pipetrail_producers.webhook.tekton import SYSTEM as TEKTON
from support.translator import RECEIVED, Event, translated
from support.world import World

COMMIT = "ab" * 20
HEX = "5e" * 32
DIGEST = f"sha256:{HEX}"
REPOSITORY = "https://forge.example/pay/shop"
LONG_AFTER = datetime(2026, 12, 24, tzinfo=UTC)


def tekton_build(commit: str = COMMIT, uid: str = "0b8f2f0c") -> list[Event]:
    """A task of a run that Pipelines-as-Code began for the commit, and that made the image."""
    run = {
        "metadata": {
            "name": "ship-build",
            "uid": uid,
            "labels": {"tekton.dev/pipelineTask": "build"},
            "annotations": {"pipelinesascode.tekton.dev/sha": commit, "pipelinesascode.tekton.dev/repo-url": REPOSITORY},
        },
        "status": {
            "startTime": "2026-11-23T09:02:11Z",
            "completionTime": "2026-11-23T09:04:11Z",
            "conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded"}],
            "results": [
                {"name": "IMAGE_URL", "value": "registry.example/pay/shop"},
                {"name": "IMAGE_DIGEST", "value": DIGEST},
            ],
        },
    }
    return translated(TEKTON, {"taskRun": run}, {"ce-type": "dev.tekton.event.taskrun.successful.v1"})


def provenance_of_build() -> list[Event]:
    """The provenance of the same image."""
    source = {"uri": f"git+{REPOSITORY}@refs/heads/main", "digest": {"gitCommit": COMMIT}}
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "registry.example/pay/shop", "digest": {"sha256": HEX}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {"buildType": "https://ci.example/type", "resolvedDependencies": [source]},
            "runDetails": {"builder": {"id": "https://ci.example"}, "metadata": {"startedOn": "2026-11-23T09:02:11Z"}},
        },
    }
    return [event(one, recorded=RECEIVED) for one in provenance.facts(json.dumps(statement).encode(), recorded=RECEIVED)]


def cdevents_package() -> list[Event]:
    """The same artifact, packaged, as a CDEvent."""
    return [*cdevent("artifact.packaged", f"pkg:oci/shop@sha256%3A{HEX}", {"change": {"id": COMMIT, "source": REPOSITORY}})]


def argocd_sync(*images: str) -> list[Event]:
    """A sync, by the controller, of an application whose configuration is in another repository."""
    app = {
        "metadata": {"name": "shop", "uid": "18b9", "labels": {"environment": "prod"}},
        "spec": {"source": {"repoURL": "https://forge.example/ops/config"}, "destination": {"name": "eu", "namespace": "pay"}},
        "status": {
            "health": {"status": "Healthy"},
            "summary": {"images": list(images)},
            "operationState": {
                "phase": "Succeeded",
                "startedAt": "2026-11-23T09:07:30Z",
                "finishedAt": "2026-11-23T09:07:45Z",
                "operation": {"initiatedBy": {"automated": True}},
                "syncResult": {"revision": "cd" * 20},
            },
        },
    }
    return translated(ARGOCD, {"app": app})


def cdevent(kind: str, subject: str, content: dict[str, Any]) -> list[Event]:
    """The events of a CDEvent."""
    context = {
        "version": "0.5.1",
        "id": f"{kind} {subject}",
        "source": "https://ci.example",
        "type": f"dev.cdevents.{kind}.0.3.0",
        "timestamp": "2026-11-23T09:07:45Z",
    }
    return translated(CDEVENTS, {"context": context, "subject": {"id": subject, "content": content}})


@cache
def rules() -> RuleSet:
    """The built-in rules, read once: they do not matter here."""
    return RuleSet.load()


def deployments(*deliveries: Sequence[Event]) -> dict[str, set[str]]:
    """The environments that each commit's trail says it was deployed to."""
    world = World(rules=rules())
    world.take(json.dumps(one).encode() for delivery in deliveries for one in delivery)
    world.wait_until(LONG_AFTER)
    found: dict[str, set[str]] = {}
    for trail in world.trails():
        commit = trail.get("vcs", {}).get("ref", {}).get("head", {}).get("revision")
        entries = trail["pipetrail"]["trail"]["entries"]
        environments = {one["environment"] for one in entries if one["type"] == "deployment.finished"}
        if commit:
            found.setdefault(commit, set()).update(environments)
    return found


@pytest.mark.parametrize("made", [tekton_build, provenance_of_build, cdevents_package])
def test_trap_argocd_the_image_digest_is_the_join(made: Any) -> None:
    """A sync in the configuration's repository reaches the trail of the commit that the image was built of, in any order."""
    image = f"registry.example/pay/shop@{DIGEST}"
    for order in itertools.permutations([made(), argocd_sync(image)]):
        found = deployments(*order)
        assert found[COMMIT] == {"prod"}
        assert found["cd" * 20] == {"prod"}


def test_trap_argocd_a_tag_is_no_join() -> None:
    """An image that was deployed by tag says nothing of which build it is."""
    found = deployments(tekton_build(), argocd_sync("registry.example/pay/shop:latest"))
    assert found[COMMIT] == set()


def test_trap_artifact_a_digest_that_many_runs_made_proves_no_commit() -> None:
    """Runs of two commits made the same bytes (an empty file, say): a deployment of them is of neither, in any order."""
    other = "ef" * 20
    sync = argocd_sync(f"registry.example/pay/shop@{DIGEST}")
    for order in itertools.permutations([tekton_build(), tekton_build(other, "77aa"), sync]):
        found = deployments(*order)
        assert (found[COMMIT], found[other]) == (set(), set())


def test_trap_artifact_a_digest_that_a_commit_made_twice_is_of_that_commit() -> None:
    """A build that was run again gave the same bytes: many runs, one commit, and the link holds."""
    sync = argocd_sync(f"registry.example/pay/shop@{DIGEST}")
    for order in itertools.permutations([tekton_build(), tekton_build(uid="77aa"), sync]):
        assert deployments(*order)[COMMIT] == {"prod"}


def test_cdevents_join_by_the_digest_of_the_package_url() -> None:
    """service.deployed names the artifact by its package URL; the build of its digest is the one of the commit."""
    deployed = cdevent(
        "service.deployed", "shop", {"environment": {"id": "prod"}, "artifactId": f"pkg:oci/shop@sha256%3A{HEX}"}
    )
    assert deployments(tekton_build(), deployed)[COMMIT] == {"prod"}


def test_trap_jenkins_a_build_without_a_commit_joins_no_trail() -> None:
    """A build whose commit Jenkins does not tell stays where it is, also beside one of the same job that has one."""

    def build(number: int, scm: dict[str, str]) -> list[Event]:
        told = {
            "full_url": f"https://ci.example/job/shop/{number}/",
            "number": number,
            "phase": "STARTED",
            "timestamp": 1_795_424_531_000,
        }
        return translated(JENKINS, {"url": "job/shop/", "build": {**told, "scm": scm}})

    world = World(rules=rules())
    known, unknown = build(7, {"url": REPOSITORY, "commit": COMMIT}), build(8, {"url": REPOSITORY})
    world.take(json.dumps(one).encode() for one in (*known, *unknown))
    world.wait_until(LONG_AFTER)
    of_commit = [one for one in world.trails() if one.get("vcs", {}).get("ref", {}).get("head", {}).get("revision") == COMMIT]
    entries = {entry["event_id"] for trail in of_commit for entry in trail["pipetrail"]["trail"]["entries"]}
    assert entries == {one["id"] for one in known}
