"""Runs, jobs, checks and statuses: results, the four meanings of skip, attempts, and what people did by hand."""

from typing import Any

import pytest
from pipetrail_producers.webhook.github import SYSTEM
from pipetrail_schemas.check import lookup
from support import github, translator
from support.translator import short_types


def told(kind: str, payload: Any) -> list[translator.Event]:
    """The events of a webhook."""
    return translator.translated(SYSTEM, payload, {"x-github-event": kind, "x-github-delivery": "72d3162e"})


def at(one: translator.Event, path: str) -> Any:
    """A value of an event's data."""
    return lookup(one["data"], path)


def run(action: str = "completed", **changed: Any) -> list[translator.Event]:
    """The events of a run's webhook."""
    return told("workflow_run", github.hook(action, workflow_run=github.run(**changed)))


def job(**changed: Any) -> list[translator.Event]:
    """The events of a job's webhook."""
    return told("workflow_job", github.hook("completed", workflow_job=github.job(**changed)))


@pytest.mark.parametrize(
    ("conclusion", "result"),
    [
        ("success", "success"),
        ("failure", "failure"),
        ("startup_failure", "error"),
        ("timed_out", "timeout"),
        ("stale", "timeout"),
        ("cancelled", "cancellation"),
    ],
)
def test_a_conclusion_is_one_of_six_results(conclusion: str, result: str) -> None:
    """GitHub's word is kept beside the result that it means."""
    started, finished = run(conclusion=conclusion)
    assert short_types([started, finished]) == ["pipelinerun.started", "pipelinerun.finished"]
    assert (at(finished, "pipetrail.result"), at(finished, "pipetrail.result_raw")) == (result, conclusion)


def test_a_skipped_job_is_skipped_and_never_a_success() -> None:
    """GitHub counts it as passed, and does not say whether a condition was false or an earlier job failed."""
    (one,) = job(conclusion="skipped")
    assert short_types([one]) == ["taskrun.skipped"]
    assert (at(one, "pipetrail.skip"), at(one, "pipetrail.result")) == ("never_ran", "skip")


def test_neutral_ran_and_declines_to_judge() -> None:
    """It has a start and an end, and is no success."""
    _, finished = job(conclusion="neutral")
    assert short_types([finished]) == ["taskrun.finished"]
    assert (at(finished, "pipetrail.skip"), at(finished, "pipetrail.result")) == ("neutral", "skip")


def test_a_start_told_twice_is_one_start() -> None:
    """What `in_progress` told, `completed` tells again with the same id and the same words: a lost delivery is healed."""
    (early,) = run("in_progress", status="in_progress")
    late, _ = run()
    assert early == late
    (early_job,) = told("workflow_job", github.hook("in_progress", workflow_job=github.job("in_progress")))
    late_job, _ = job()
    assert early_job["id"] == late_job["id"]
    assert early_job["time"] == late_job["time"]


def test_a_rerun_is_an_intervention_of_who_reran_it() -> None:
    """The same run, the next attempt: another person may have set it off."""
    first, again = run(), run(run_attempt=2, triggering_actor=github.BOB, run_started_at="2026-11-23T10:00:00Z")
    assert short_types(again) == ["intervention.recorded", "pipelinerun.started", "pipelinerun.finished"]
    by_hand = again[0]
    assert (at(by_hand, "event.action"), at(by_hand, "user.name"), by_hand["time"]) == (
        "rerun",
        "bob",
        "2026-11-23T10:00:00.000Z",
    )
    assert at(by_hand, "cicd.pipeline.run") == {"id": "31", "url": {"full": f"{github.REPOSITORY}/actions/runs/31/attempts/2"}}
    assert {one["id"] for one in first}.isdisjoint(one["id"] for one in again)


def test_a_dispatched_run_is_an_intervention() -> None:
    """Who asked for a run by hand is told with the run's id."""
    by_hand = run("requested", status="queued", event="workflow_dispatch")[0]
    assert (at(by_hand, "event.action"), at(by_hand, "cicd.pipeline.run.id"), at(by_hand, "user.name")) == (
        "dispatch",
        "31",
        "ann",
    )


def test_a_run_that_waits_for_a_maintainer_has_not_ended() -> None:
    """`action_required` is no conclusion: the same attempt goes on once it is let run, and then ends under its own id."""
    (waits,) = run(conclusion="action_required")
    assert short_types([waits]) == ["approval.requested"]
    assert waits["id"] not in {one["id"] for one in run()}


def test_a_job_says_its_stage_only_where_its_name_leaves_no_doubt() -> None:
    """`test (3.11)` is a test; `lint` is nothing that a trail has."""
    assert at(job()[0], "pipetrail.stage") == "test"
    assert at(job(name="lint")[0], "pipetrail.stage") is None


def test_a_failed_job_names_the_step() -> None:
    """The first step that failed is what people look for."""
    assert at(job(conclusion="failure")[1], "pipetrail.labels.failed_step") == "Run tests"


def test_an_actions_check_run_is_its_job() -> None:
    """GitHub Actions tells a job as check run, too, under the same number: one fact, and nothing contradicts."""
    same = {"name": "test (3.11)", "details_url": f"{github.REPOSITORY}/actions/runs/31/job/380"}
    times = {"started_at": "2026-11-23T09:03:20Z", "completed_at": "2026-11-23T09:05:00Z"}
    check = told(
        "check_run", github.hook("completed", check_run=github.check_run(app="github-actions", id=380, **same, **times))
    )
    jobs = job()
    assert [one["id"] for one in check] == [one["id"] for one in jobs]
    assert [one["time"] for one in check] == [one["time"] for one in jobs]
    assert [at(one, "cicd.pipeline.run.id") for one in check] == ["31", "31"]


def test_an_apps_check_is_the_apps() -> None:
    """The actor of a check is the app that reports it."""
    _, finished = told("check_run", github.hook("completed", check_run=github.check_run()))
    assert (at(finished, "user.name"), at(finished, "cicd.pipeline.name")) == ("sonar[bot]", "Sonar")
    assert at(finished, "event.reason") == "No new issues"


@pytest.mark.parametrize(
    ("kind", "payload", "action"),
    [
        ("check_run", github.hook("rerequested", check_run=github.check_run()), "rerun"),
        (
            "check_run",
            github.hook("requested_action", check_run=github.check_run(), requested_action={"identifier": "fix"}),
            "requested_action",
        ),
        ("check_suite", github.hook("rerequested", check_suite={"id": 650, "head_sha": github.HEAD}), "rerun"),
    ],
)
def test_asking_again_is_an_intervention(kind: str, payload: Any, action: str) -> None:
    """Whoever asks an app to check again, or to act, steps in by hand."""
    (one,) = told(kind, payload)
    assert short_types([one]) == ["intervention.recorded"]
    assert (at(one, "event.action"), at(one, "user.name")) == (action, "ann")


def test_a_status_is_pending_and_then_decided() -> None:
    """Each change of a commit status has its own number; its context is the task."""
    status = next(payload for kind, payload in github.SAMPLES if kind == "status")
    (started,) = told("status", {**status, "id": 659, "state": "pending"})
    (finished,) = told("status", status)
    assert short_types([started, finished]) == ["taskrun.started", "taskrun.finished"]
    assert (at(finished, "cicd.pipeline.task.name"), at(finished, "pipetrail.result")) == ("ci/legacy", "failure")


def test_a_status_of_several_branches_is_of_none() -> None:
    """A commit can be the head of more than one branch."""
    status = next(payload for kind, payload in github.SAMPLES if kind == "status")
    (one,) = told("status", {**status, "branches": [{"name": "main"}, {"name": "dev"}]})
    assert at(one, "vcs.ref.head") == {"revision": github.HEAD}


@pytest.mark.parametrize(
    ("commit", "account"),
    [({"author": None}, "none"), ({"author": github.ANN}, None), ({"author": {}}, None), ({}, None), (None, None)],
)
def test_a_status_says_that_nobody_is_known_to_have_written_the_commit(commit: Any, account: str | None) -> None:
    """Where GitHub says so with a null; what is left out says nothing."""
    status = next(payload for kind, payload in github.SAMPLES if kind == "status")
    for state in ("pending", "success"):
        (one,) = told("status", {**status, "state": state, "commit": commit})
        assert at(one, "pipetrail.commit.account") == account


def test_one_decision_about_several_environments_is_one_for_each() -> None:
    """Reviewers let through several environments at once."""
    payload = next(
        payload for kind, payload in github.SAMPLES if kind == "deployment_review" and payload["action"] == "approved"
    )
    made = told("deployment_review", payload)
    assert short_types(made) == ["approval.decided", "approval.decided"]
    assert {at(one, "deployment.environment.name") for one in made} == {"production", "canary"}
    assert {(at(one, "user.name"), at(one, "event.reason"), at(one, "pipetrail.decision")) for one in made} == {
        ("bob", "go", "approved")
    }
