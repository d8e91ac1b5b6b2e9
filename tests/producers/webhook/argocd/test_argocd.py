"""Argo CD's notifications as pipetrail's events."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from pipetrail_producers.webhook.argocd import SYSTEM
from pipetrail_producers.webhook.translation import UntranslatableError
from support import translator
from support.translator import delivery, short_types, translated

COMMIT = "ab" * 20
EARLIER = "cd" * 20
DIGEST = "sha256:" + "5e" * 32
CONFIGURATION = "https://forge.example/ops/config"


def notification(phase: str = "Succeeded", **operation: Any) -> dict[str, Any]:
    """A notification of an application that a git repository configures, synced by Ann."""
    state: dict[str, Any] = {
        "phase": phase,
        "startedAt": "2026-11-23T09:07:30Z",
        "message": "successfully synced (all tasks run)",
        "operation": {"initiatedBy": {"username": "ann"}, "sync": {"revision": COMMIT}},
        **operation,
    }
    if phase != "Running":
        state.setdefault("finishedAt", "2026-11-23T09:07:45Z")
        state.setdefault("syncResult", {"revision": COMMIT, "source": {"repoURL": f"{CONFIGURATION}.git"}})
    return {
        "context": {"argocdUrl": "https://argocd.example/"},
        "app": {
            "kind": "Application",
            "metadata": {"name": "shop", "namespace": "argocd", "uid": "18b9-app", "labels": {}},
            "spec": {
                "project": "pay",
                "destination": {"namespace": "pay", "server": "https://kubernetes.default.svc"},
                "source": {"repoURL": f"{CONFIGURATION}.git", "path": "shop", "targetRevision": "main"},
            },
            "status": {
                "health": {"status": "Healthy", "lastTransitionTime": "2026-11-23T09:07:44Z"},
                "summary": {"images": [f"registry.example/pay/shop:1.4@{DIGEST}", "registry.example/proxy:3"]},
                "operationState": state,
            },
        },
    }


def test_a_sync_tells_the_configurations_commit_and_the_images_digest() -> None:
    """One sync is told once for the commit of the configuration and once for each image known by digest, as one deployment."""
    made = translated(SYSTEM, notification())
    finished = [one["data"] for one in made if short_types([one]) == ["deployment.finished"]]
    assert short_types(made) == ["intervention.recorded", "deployment.started", "deployment.finished", "deployment.finished"]
    assert finished[0]["vcs"]["repository"]["url"]["full"] == CONFIGURATION
    assert finished[0]["vcs"]["ref"]["head"]["revision"] == COMMIT
    assert "vcs" not in finished[1]
    assert finished[1]["artifact"]["hash"] == DIGEST
    assert len({one["deployment"]["id"] for one in finished}) == 1
    assert finished[1]["deployment"]["environment"]["name"] == "in-cluster/pay"
    assert finished[1]["deployment"]["url"]["full"] == "https://argocd.example/applications/argocd/shop"


def test_trap_argocd_the_revision_of_a_helm_chart_is_no_commit() -> None:
    """A chart's version links to no commit, even where it looks like one; it is kept as a label."""
    payload = notification(syncResult={"revision": "1.4.2", "source": {"repoURL": "ghcr.io/pay/charts", "chart": "shop"}})
    finished = [one for one in translated(SYSTEM, payload) if short_types([one]) == ["deployment.finished"]]
    assert all("vcs" not in one["data"] for one in finished)
    assert finished[0]["data"]["pipetrail"]["labels"]["revision"] == "1.4.2"
    assert finished[0]["data"]["artifact"]["hash"] == DIGEST


def test_trap_argocd_the_revision_is_a_list_where_there_are_several_sources() -> None:
    """Of a chart and a repository of values, the repository's commit is taken with its own repository, in their order."""
    sources = [{"repoURL": "ghcr.io/pay/charts", "chart": "shop"}, {"repoURL": CONFIGURATION, "ref": "values"}]
    result = {"revision": "", "revisions": ["1.4.2", COMMIT], "source": {"repoURL": ""}, "sources": sources}
    data = translated(SYSTEM, notification(syncResult=result))[2]["data"]
    assert data["vcs"]["ref"]["head"]["revision"] == COMMIT
    assert data["vcs"]["repository"]["url"]["full"] == CONFIGURATION
    assert data["pipetrail"]["labels"]["revision"] == f"1.4.2, {COMMIT}"


def test_images_are_those_of_the_sync_and_not_the_former_ones() -> None:
    """Two references of one name run side by side in a rollout: neither is taken, unless the sync says which it brought."""
    former = "sha256:" + "0f" * 32
    payload = notification()
    payload["app"]["status"]["summary"]["images"] = [f"registry.example/pay/shop@{one}" for one in (former, DIGEST)]
    assert all("artifact" not in one["data"] for one in translated(SYSTEM, payload))
    payload["app"]["status"]["operationState"]["syncResult"]["resources"] = [
        {"images": [f"registry.example/pay/shop@{DIGEST}"]}
    ]
    assert translated(SYSTEM, payload)[-1]["data"]["artifact"]["hash"] == DIGEST


def test_what_runs_is_not_what_was_deployed_while_it_is_unhealthy_or_failed() -> None:
    """Before the application is healthy the images that run may still be the former ones."""
    progressing = notification()
    progressing["app"]["status"]["health"]["status"] = "Progressing"
    failed = notification("Failed", message="one or more objects failed to apply")
    for payload in (progressing, failed, notification("Running")):
        assert all("artifact" not in one["data"] for one in translated(SYSTEM, payload))


def test_start_and_end_have_one_id_each_however_often_they_are_told() -> None:
    """The start that a later notification repeats is the same event, and a repeated end too."""
    running = {one["id"] for one in translated(SYSTEM, notification("Running"))}
    ended = {one["id"] for one in translated(SYSTEM, notification())}
    assert running < ended
    again = notification(startedAt="2026-11-23T10:00:00Z")
    assert ended.isdisjoint({one["id"] for one in translated(SYSTEM, again)})


@pytest.mark.parametrize(
    ("phase", "message", "result"),
    [
        ("Succeeded", "successfully synced", "success"),
        ("Failed", "one or more objects failed", "failure"),
        ("Failed", "Operation terminated", "cancellation"),
        ("Error", "ComparisonError: no such path", "error"),
    ],
)
def test_results(phase: str, message: str, result: str) -> None:
    """A phase becomes a result; an operation that somebody ended is a cancellation; the reason of a failure is kept."""
    data = translated(SYSTEM, notification(phase, message=message))[2]["data"]
    assert data["pipetrail"]["result"] == result
    assert data["event"].get("reason") == (None if result == "success" else message)


def test_a_sync_by_the_controller_is_nobodys() -> None:
    """An automated sync is the system's own doing and no intervention; a project's token is no person."""
    automated = translated(SYSTEM, notification(operation={"initiatedBy": {"automated": True}}))
    assert "intervention.recorded" not in short_types(automated)
    assert automated[0]["data"]["pipetrail"]["actor"]["type"] == "system"
    token = translated(SYSTEM, notification(operation={"initiatedBy": {"username": "proj:pay:ci"}}))
    assert "intervention.recorded" not in short_types(token)
    assert token[0]["data"]["pipetrail"]["actor"]["type"] == "api_key"
    by_hand = translated(SYSTEM, notification())[0]["data"]
    assert by_hand["user"]["name"] == "ann"
    assert by_hand["event"]["action"] == "sync"


def test_an_earlier_revision_put_back_is_a_rollback() -> None:
    """What was deployed before the replaced one is a rollback; the same again, or something new, is none."""
    payload = notification()
    payload["app"]["status"]["history"] = [{"revision": COMMIT}, {"revision": EARLIER}, {"revision": COMMIT}]
    assert "deployment.rolledback" in short_types(translated(SYSTEM, payload))
    for revisions in ([EARLIER, COMMIT], [COMMIT, COMMIT], [EARLIER, EARLIER, COMMIT], [COMMIT, EARLIER]):
        payload["app"]["status"]["history"] = [{"revision": one} for one in revisions]
        assert "deployment.rolledback" not in short_types(translated(SYSTEM, payload))


def test_a_degraded_application_is_an_incident() -> None:
    """Health is no part of a sync's result: what degraded after it is an incident of its own."""
    payload = notification()
    payload["app"]["status"]["health"] = {"status": "Degraded", "lastTransitionTime": "2026-11-23T09:20:00Z"}
    made = translated(SYSTEM, payload)
    assert short_types(made)[-1] == "incident.detected"
    assert made[-1]["data"]["event"]["reason"] == "shop is degraded"


def test_environments_are_called_as_people_say() -> None:
    """The settings' name of a destination beats a label, a label the notification's context, that the destination itself."""
    payload = notification()
    assert translated(SYSTEM, payload)[0]["data"]["deployment"]["environment"]["name"] == "in-cluster/pay"
    payload["context"]["environment"] = "staging"
    assert translated(SYSTEM, payload)[0]["data"]["deployment"]["environment"]["name"] == "staging"
    payload["app"]["metadata"]["labels"]["environment"] = "prod"
    assert translated(SYSTEM, payload)[0]["data"]["deployment"]["environment"]["name"] == "prod"
    settings = {"environments": {"in-cluster/pay": "prod-eu"}}
    assert translated(SYSTEM, payload, settings=settings)[0]["data"]["deployment"]["environment"]["name"] == "prod-eu"


def test_what_deploys_nothing_is_counted_only() -> None:
    """No operation, or a dry run, is no deployment."""
    fresh = notification()
    del fresh["app"]["status"]["operationState"]
    dry = notification(operation={"sync": {"dryRun": True}})
    assert SYSTEM.translate(delivery(fresh)).silent
    assert SYSTEM.translate(delivery(dry)).silent


def test_a_deleted_application_is_removed() -> None:
    """A deletion is told once, whatever the last operation was."""
    payload = notification()
    payload["app"]["metadata"]["deletionTimestamp"] = "2026-11-23T11:00:00Z"
    assert short_types(translated(SYSTEM, payload)) == ["deployment.removed"]


def test_what_is_missing_is_named() -> None:
    """A template without the application, and an operation without its start, are refused by name."""
    with pytest.raises(UntranslatableError, match=r"argocd notification: app\.metadata\.name"):
        SYSTEM.translate(delivery({"titleLink": "https://argocd.example", "syncStatus": "Synced"}))
    with pytest.raises(UntranslatableError, match=r"argocd succeeded: .*startedAt"):
        SYSTEM.translate(delivery(notification(startedAt=None)))


@given(translator.damaged([notification(), notification("Failed"), notification("Running")]))
def test_any_damage_is_taken(payload: Any) -> None:
    """Whatever stands in whatever place, a delivery becomes valid events, a sentence or an UntranslatableError."""
    translator.assert_is_total(SYSTEM, delivery(payload))


def test_the_table_is_true() -> None:
    """What the documentation's table lists for a kind is what the translator makes of it."""
    for phase in ("Running", "Succeeded", "Failed", "Error"):
        payload = copy.deepcopy(notification(phase))
        translator.assert_table_is_true(SYSTEM, SYSTEM.translate(delivery(payload)), SYSTEM.kind(delivery(payload)))


def test_the_saved_notifications() -> None:
    """Every saved notification of Argo CD's becomes deployments."""
    for file in translator.saved("argocd"):
        payload = json.loads(file.read_bytes())
        assert SYSTEM.kind(delivery(payload)) in SYSTEM.kinds
        assert "deployment.started" in short_types(translated(SYSTEM, payload))
