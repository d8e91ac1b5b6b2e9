"""Tekton's CloudEvents as pipetrail's events."""

import copy
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_producers.webhook.tekton import SYSTEM
from pipetrail_producers.webhook.translation import UntranslatableError
from support import translator
from support.translator import delivery, short_types, translated

DIGEST = "sha256:" + "c4" * 32
TASKRUN: dict[str, Any] = {
    "taskRun": {
        "metadata": {
            "name": "ship-build-x7",
            "namespace": "pay",
            "uid": "0b8f2f0c-6d3c-4b0e-8d2b-0c4f3a1e9d11",
            "labels": {
                "tekton.dev/pipelineTask": "build",
                "tekton.dev/pipeline": "ship",
                "tekton.dev/pipelineRunUID": "77aa51f2-7a86-4f3c-a1f2-3d0f9fb2c0de",
            },
            "annotations": {
                "pipelinesascode.tekton.dev/sha": "ab" * 20,
                "pipelinesascode.tekton.dev/repo-url": "https://forge.example/pay/shop.git",
                "pipelinesascode.tekton.dev/source-branch": "refs/heads/topic",
                "pipelinesascode.tekton.dev/pull-request": "17",
                "pipelinesascode.tekton.dev/sender": "ann",
            },
        },
        "spec": {"serviceAccountName": "builder", "params": [{"name": "url", "value": "https://elsewhere.example/a/b"}]},
        "status": {
            "startTime": "2026-11-23T09:02:11Z",
            "completionTime": "2026-11-23T09:04:11Z",
            "conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded", "message": "All Steps ran"}],
            "results": [
                {"name": "IMAGE_URL", "value": "registry.example/pay/shop:1.4"},
                {"name": "IMAGE_DIGEST", "value": DIGEST},
            ],
        },
    }
}
PIPELINERUN: dict[str, Any] = {
    "pipelineRun": {
        "metadata": {"name": "ship-x7", "namespace": "pay", "uid": "77aa51f2-7a86-4f3c-a1f2-3d0f9fb2c0de"},
        "spec": {"pipelineRef": {"name": "ship"}},
        "status": {
            "startTime": "2026-11-23T09:02:00Z",
            "completionTime": "2026-11-23T09:10:00Z",
            "conditions": [{"type": "Succeeded", "status": "False", "reason": "Failed", "message": "Tasks failed: 1"}],
            "skippedTasks": [
                {"name": "test", "reason": "When Expressions evaluated to false"},
                {"name": "deploy", "reason": "Parent Tasks were skipped"},
            ],
        },
    }
}


def headers(kind: str) -> dict[str, str]:
    """The headers of a binary CloudEvent of a kind (`taskrun.started`)."""
    return {
        "ce-type": f"dev.tekton.event.{kind}.v1",
        "ce-id": "77f7",
        "ce-source": "/apis/tekton.dev/v1/namespaces/pay/taskruns/ship-build-x7",
        "ce-time": "2026-11-23T09:04:12.5Z",
        "content-type": "application/json",
    }


def ended(status: str, reason: str) -> dict[str, Any]:
    """The TaskRun with another end."""
    changed = copy.deepcopy(TASKRUN)
    changed["taskRun"]["status"]["conditions"] = [{"type": "Succeeded", "status": status, "reason": reason}]
    return changed


def test_a_task_that_succeeded_tells_its_commit_and_what_it_made() -> None:
    """Start, end and the image of a TaskRun, each with run, commit and the person that Pipelines-as-Code names."""
    made = translated(SYSTEM, TASKRUN, headers("taskrun.successful"))
    assert short_types(made) == ["taskrun.started", "taskrun.finished", "artifact.packaged"]
    data = made[1]["data"]
    assert data["vcs"]["repository"]["url"]["full"] == "https://forge.example/pay/shop"
    assert data["vcs"]["ref"]["head"] == {"revision": "ab" * 20, "name": "topic", "type": "branch"}
    assert data["vcs"]["change"]["id"] == "17"
    assert data["cicd"]["pipeline"]["run"]["id"] == PIPELINERUN["pipelineRun"]["metadata"]["uid"]
    assert data["event"]["duration"] == 120 * 10**9
    assert data["pipetrail"]["stage"] == "build"
    assert data["user"]["name"] == "ann"
    assert made[2]["data"]["artifact"]["hash"] == DIGEST


def test_trap_tekton_events_are_unordered_and_may_repeat() -> None:
    """Whatever the order and however often, the same events come out: they are keyed by the run's uid."""
    kinds = ("taskrun.started", "taskrun.running", "taskrun.successful")
    told = [{one["id"] for one in translated(SYSTEM, TASKRUN, headers(kind))} for kind in kinds]
    unions = {frozenset().union(*order) for order in itertools.permutations([*told, told[2]])}
    assert len(unions) == 1
    assert len(next(iter(unions))) == 3


def test_trap_tekton_unknown_is_no_outcome() -> None:
    """`unknown` is sent while a run goes on, and becomes nothing."""
    assert SYSTEM.translate(delivery(TASKRUN, headers("taskrun.unknown"))).silent
    running = translated(SYSTEM, ended("Unknown", "Running"), headers("taskrun.running"))
    assert short_types(running) == ["taskrun.started"]


@pytest.mark.parametrize(
    ("reason", "result"),
    [
        ("Failed", "failure"),
        ("TaskRunTimeout", "timeout"),
        ("PipelineRunTimeout", "timeout"),
        ("TaskRunCancelled", "cancellation"),
        ("Cancelled", "cancellation"),
        ("StoppedRunningFinally", "cancellation"),
        ("TaskRunImagePullFailed", "error"),
        ("CouldntGetTask", "error"),
        ("TaskRunValidationFailed", "error"),
    ],
)
def test_a_failure_says_which_kind_it_is(reason: str, result: str) -> None:
    """A timeout and a cancellation are no failures of the code; what could not run is an error."""
    made = translated(SYSTEM, ended("False", reason), headers("taskrun.failed"))
    assert short_types(made) == ["taskrun.started", "taskrun.finished"]
    assert made[1]["data"]["pipetrail"]["result"] == result
    assert made[1]["data"]["pipetrail"]["result_raw"] == reason


def test_skipped_tasks_are_told_with_what_the_skip_meant() -> None:
    """A condition that was not met was on purpose; a task whose parent was skipped never ran; neither is a success."""
    made = translated(SYSTEM, PIPELINERUN, headers("pipelinerun.failed"))
    assert short_types(made) == ["pipelinerun.started", "pipelinerun.finished", "taskrun.skipped", "taskrun.skipped"]
    assert [one["data"]["pipetrail"]["skip"] for one in made[2:]] == ["on_purpose", "never_ran"]
    assert made[2]["data"]["cicd"]["pipeline"]["task"]["name"] == "test"


def test_an_address_without_a_commit_is_no_commit() -> None:
    """A param named `url` that is no repository's, or a repository without a commit, links to nothing."""
    changed = copy.deepcopy(TASKRUN)
    changed["taskRun"]["metadata"]["annotations"] = {}
    data = translated(SYSTEM, changed, headers("taskrun.started"))[0]["data"]
    assert "ref" not in data["vcs"]


def test_tekton_can_send_cdevents() -> None:
    """A CDEvent that comes over Tekton's hook is translated as one."""
    event = {
        "context": {
            "version": "0.4.1",
            "id": "1",
            "source": "/tekton",
            "type": "dev.cdevents.taskrun.started.0.2.0",
            "timestamp": "2026-11-23T09:02:11Z",
        },
        "subject": {"id": "x", "content": {"taskName": "build"}},
    }
    assert short_types(translated(SYSTEM, event, {"ce-type": "dev.cdevents.taskrun.started.0.2.0"})) == ["taskrun.started"]


def test_triggers_are_counted_only() -> None:
    """What a trigger heard is no fact of the line."""
    assert SYSTEM.translate(delivery({}, headers("triggers.done"))).silent


def test_what_is_missing_is_named() -> None:
    """A run without a uid, an end without an outcome and a kind that is none are refused by name."""
    with pytest.raises(UntranslatableError, match=r"tekton taskrun: metadata\.uid"):
        SYSTEM.translate(delivery({"taskRun": {}}, headers("taskrun.started")))
    with pytest.raises(UntranslatableError, match=r"tekton taskrun\.failed: status\.conditions"):
        SYSTEM.translate(delivery(ended("Unknown", "Running"), headers("taskrun.failed")))
    with pytest.raises(UntranslatableError, match=r"tekton unknown"):
        SYSTEM.translate(delivery({"hello": 1}))


@given(translator.damaged([TASKRUN, PIPELINERUN]), st.sampled_from(sorted(SYSTEM.kinds)))
def test_any_damage_is_taken(payload: Any, kind: str) -> None:
    """Whatever stands in whatever place, a delivery becomes valid events, a sentence or an UntranslatableError."""
    translator.assert_is_total(SYSTEM, delivery(payload, headers(kind)))


@pytest.mark.parametrize("kind", ["taskrun.successful", "pipelinerun.failed"])
def test_the_table_is_true(kind: str) -> None:
    """What the documentation's table lists for a kind is what the translator makes of it."""
    payload = TASKRUN if kind.startswith("taskrun") else PIPELINERUN
    translator.assert_table_is_true(SYSTEM, SYSTEM.translate(delivery(payload, headers(kind))), kind)


def test_the_saved_events() -> None:
    """Every saved event of Tekton's is taken."""
    for file in translator.saved("tekton"):
        whole = json.loads(file.read_bytes())
        names = {name.lower(): value for name, value in whole["headers"].items()}
        assert SYSTEM.kind(delivery(whole["body"], names)) in SYSTEM.kinds
        translator.events(SYSTEM.translate(delivery(whole["body"], names)))
