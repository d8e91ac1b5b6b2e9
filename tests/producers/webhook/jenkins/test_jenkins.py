"""Jenkins' notifications, of three plugins, as pipetrail's events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_producers.webhook.fact import event
from pipetrail_producers.webhook.jenkins import SYSTEM, rest
from pipetrail_producers.webhook.translation import UntranslatableError
from support import translator
from support.translator import RECEIVED, delivery, short_types, translated

COMMIT = "ab" * 20
STARTED_MS = 1_795_424_531_000  # 2026-11-23T09:02:11Z
LASTED_MS = 5_583


def notification(phase: str, status: str | None = None, job: str = "job/pay/job/shop/", **build: Any) -> dict[str, Any]:
    """What the Notification plugin sends of build 13 of pay/shop."""
    ended = phase in {"COMPLETED", "FINALIZED"}
    return {
        "name": "shop",
        "display_name": "shop",
        "url": job,
        "build": {
            "full_url": f"https://ci.example/{job}13/",
            "number": 13,
            "queue_id": 25,
            "timestamp": STARTED_MS + (LASTED_MS if ended else 0),
            "duration": LASTED_MS if ended else 0,
            "phase": phase,
            "status": status,
            "url": f"{job}13/",
            "scm": {"url": "https://forge.example/pay/shop.git", "branch": "origin/main", "commit": COMMIT},
            **build,
        },
    }


def saved_build(**more: Any) -> dict[str, Any]:
    """The same build as the REST API shows it."""
    return {
        "_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun",
        "number": 13,
        "url": "https://ci.example/job/pay/job/shop/13/",
        "queueId": 25,
        "timestamp": STARTED_MS,
        "duration": LASTED_MS,
        "result": "SUCCESS",
        "actions": [
            {"_class": "hudson.model.CauseAction", "causes": [cause("Cause$UserIdCause", userId="ann", userName="Ann Lee")]},
            {},
            checkout(COMMIT, 13),
        ],
        **more,
    }


def cause(kind: str, **more: Any) -> dict[str, Any]:
    """A cause of a class."""
    return {"_class": f"hudson.model.{kind}", "shortDescription": f"Started by {kind}", **more}


def checkout(commit: str, build: int, url: str = "https://forge.example/pay/shop.git") -> dict[str, Any]:
    """The action that says that a build checked a commit out."""
    revision = {"SHA1": commit, "branch": [{"SHA1": commit, "name": "refs/remotes/origin/main"}]}
    return {
        "_class": "hudson.plugins.git.util.BuildData",
        "buildsByBranchName": {"refs/remotes/origin/main": {"buildNumber": build, "revision": revision}},
        "lastBuiltRevision": revision,
        "remoteUrls": [url],
    }


def told(found: Any) -> list[dict[str, Any]]:
    """The events of a REST object."""
    return [event(fact, recorded=RECEIVED) for fact in rest.facts(rest.build(found))]


def cloud_event(kind: str) -> dict[str, str]:
    """The headers of the CloudEvents plugin."""
    return {"ce-type": f"org.jenkinsci.{kind}", "ce-id": "x", "ce-source": "job/pay/job/shop", "ce-specversion": "1.0"}


def test_a_build_names_its_run_and_the_commit_it_checked_out() -> None:
    """Job path, number, page as the run's id, and the commit with its repository and branch."""
    made = translated(SYSTEM, notification("COMPLETED", "SUCCESS"))
    assert short_types(made) == ["pipelinerun.started", "pipelinerun.finished"]
    data = made[1]["data"]
    assert data["cicd"]["pipeline"]["name"] == "pay/shop"
    assert data["cicd"]["pipeline"]["run"]["id"] == "https://ci.example/job/pay/job/shop/13/"
    assert data["vcs"]["repository"]["url"]["full"] == "https://forge.example/pay/shop"
    assert data["vcs"]["ref"]["head"] == {"name": "main", "type": "branch", "revision": COMMIT}
    assert data["event"]["duration"] == LASTED_MS * 10**6
    assert made[0]["time"] == "2026-11-23T09:02:11.000Z"


def test_trap_jenkins_most_builds_carry_no_commit() -> None:
    """A build without a commit is linked to nothing, not even to the repository that its job is configured with."""
    scm = {"url": "https://forge.example/pay/shop.git", "branch": None, "commit": None}
    (started,) = translated(SYSTEM, notification("STARTED", scm=scm))
    assert "vcs" not in started["data"]
    assert started["source"] == "https://ci.example"


def test_trap_jenkins_the_last_built_revision_may_be_an_earlier_builds() -> None:
    """Jenkins hands the checkout of an earlier build on: only a revision that this build checked out is its commit."""
    inherited = told(saved_build(actions=[checkout(COMMIT, 12)]))
    assert all("vcs" not in one["data"] for one in inherited)
    own = told(saved_build(actions=[checkout(COMMIT, 13)]))
    assert own[0]["data"]["vcs"]["ref"]["head"]["revision"] == COMMIT


def test_trap_jenkins_a_shared_library_is_not_what_was_built() -> None:
    """Of several checkouts none is taken for the commit; all of them are kept as a label."""
    library = checkout("cd" * 20, 13, "https://forge.example/ops/library.git")
    made = told(saved_build(actions=[library, checkout(COMMIT, 13)]))
    assert "vcs" not in made[0]["data"]
    assert COMMIT in made[0]["data"]["pipetrail"]["labels"]["checkouts"]


def test_all_channels_of_a_build_give_the_same_ids() -> None:
    """Notification, CloudEvents and Generic Event plugin, both ends of a build, and the REST import: one start, one end."""
    plugin = notification("FINALIZED", "SUCCESS")
    camel = {"url": plugin["url"], "build": {**plugin["build"], "fullUrl": plugin["build"]["full_url"]}}
    generic = {"type": "run.completed", "source": "job/pay/job/shop/", "data": saved_build()}
    channels = [
        translated(SYSTEM, notification("COMPLETED", "SUCCESS")),
        translated(SYSTEM, plugin),
        translated(SYSTEM, camel, cloud_event("job.finalzed")),
        translated(SYSTEM, generic),
        told(saved_build()),
    ]
    runs = [{one["type"]: one["id"] for one in channel if "pipelinerun" in one["type"]} for channel in channels]
    assert all(found == runs[0] for found in runs)
    assert translated(SYSTEM, notification("STARTED"))[0]["id"] in runs[0].values()


def test_the_same_number_of_another_job_or_jenkins_is_another_build() -> None:
    """A build is known by instance, job path and number together."""
    ids = {translated(SYSTEM, notification("STARTED", job=job))[0]["id"] for job in ("job/a/", "job/b/", "job/a/job/b/")}
    elsewhere = translated(SYSTEM, notification("STARTED", job="job/a/"), instance="https://other.example")[0]["id"]
    assert len(ids | {elsewhere}) == 4


@pytest.mark.parametrize(
    ("word", "result", "skip"),
    [
        ("SUCCESS", "success", None),
        ("UNSTABLE", "failure", None),
        ("FAILURE", "failure", None),
        ("FAILED", "failure", None),
        ("ABORTED", "cancellation", None),
        ("NOT_BUILT", "skip", "never_ran"),
    ],
)
def test_results(word: str, result: str, skip: str | None) -> None:
    """Each of Jenkins' results has its meaning; an unstable build is no success, and one that was not built never ran."""
    own = translated(SYSTEM, notification("COMPLETED", word))[1]["data"]["pipetrail"]
    assert own["result"] == result
    assert own["result_raw"] == word
    assert own.get("skip") == skip


def test_who_began_a_build_by_hand_is_an_intervention_once() -> None:
    """The queue and the REST import tell the same dispatch, of the person who did it."""
    waiting = {"ciUrl": "https://ci.example/", "displayName": "shop", "entryTime": STARTED_MS, "startedBy": "Ann Lee"}
    (queued,) = translated(SYSTEM, {**waiting, "jenkinsQueueId": 25}, cloud_event("queue.entered_waiting"))
    imported = told(saved_build())
    assert short_types(imported) == ["intervention.recorded", "pipelinerun.started", "pipelinerun.finished"]
    assert imported[0]["id"] == queued["id"]
    assert imported[0]["data"]["event"]["action"] == "dispatch"
    assert imported[0]["data"]["user"] == {"id": "ann", "name": "ann"}
    assert imported[1]["data"]["pipetrail"]["trigger"] == "user"
    nobody = {**waiting, "jenkinsQueueId": 26, "startedBy": "SYSTEM"}
    assert SYSTEM.translate(delivery(nobody, cloud_event("queue.entered_waiting"))).silent


@pytest.mark.parametrize(
    ("kind", "trigger", "action"),
    [
        ("TimerTrigger$TimerTriggerCause", "timer", None),
        ("BranchEventCause", "branch_event", None),
        ("replay.ReplayCause", "replay", "rerun"),
        ("RebuildCause", "rebuild", "rerun"),
        ("SomeOtherCause", "SomeOtherCause", None),
    ],
)
def test_a_rerun_by_hand_is_told_from_what_runs_by_itself(kind: str, trigger: str, action: str | None) -> None:
    """A replay is an intervention, also beside the cause that began the original; a timer is none."""
    actions = [{"causes": [cause(kind)]}]
    made = told(saved_build(actions=actions))
    assert made[-1]["data"]["pipetrail"]["trigger"] == trigger
    assert ("intervention.recorded" in short_types(made)) == (action is not None)
    if action:
        assert made[0]["data"]["event"]["action"] == action


def test_who_stopped_a_build_is_an_intervention() -> None:
    """An aborted build names the person who aborted it, as well as the one who began it."""
    by_bob = cause(
        "CauseOfInterruption$UserInterruption", user={"absoluteUrl": "https://ci.example/user/bob", "fullName": "Bob"}
    )
    build = saved_build(result="ABORTED")
    build["actions"].append({"_class": "jenkins.model.InterruptedBuildAction", "causes": [by_bob]})
    made = {one["data"].get("event", {}).get("action"): one["data"] for one in told(build)}
    assert made["cancel"]["user"]["id"] == "bob"
    assert made["dispatch"]["user"]["id"] == "ann"


def test_a_test_report_is_a_test_run_with_its_counts() -> None:
    """Failed cases make the test run fail; skipped ones are counted, and are no passed ones."""
    summary = {"total": 10, "failed": 2, "passed": 5, "skipped": 3}
    by_plugin = translated(SYSTEM, notification("COMPLETED", "UNSTABLE", test_summary=summary))
    by_rest = told(saved_build(actions=[{"failCount": 2, "skipCount": 3, "totalCount": 10, "urlName": "testReport"}]))
    for made in (by_plugin, by_rest):
        (report,) = [one for one in made if short_types([one]) == ["testsuiterun.finished"]]
        assert report["data"]["pipetrail"]["test"] == {"total": 10, "failed": 2, "skipped": 3, "passed": 5}
        assert report["data"]["pipetrail"]["result"] == "failure"
    assert {one["id"] for one in by_plugin if "testsuite" in one["type"]} <= {one["id"] for one in by_rest}


def test_a_request_built_as_a_merge_is_not_its_head() -> None:
    """A job PR-17-merge built a temporary merge: it is no commit of the repository's history, but the request is known."""
    data = translated(SYSTEM, notification("STARTED", job="job/pay/job/shop/job/PR-17-merge/"))[0]["data"]
    assert data["vcs"]["change"]["id"] == "17"
    assert "ref" not in data["vcs"]
    assert data["pipetrail"]["change"]["test_merge_revision"] == COMMIT
    assert data["cicd"]["pipeline"]["name"] == "pay/shop"


def test_an_altered_job_is_an_altered_control() -> None:
    """Who changed what a pipeline does is recorded with a digest of the configuration, not the configuration."""
    payload = {"userId": "ann", "userName": "Ann Lee", "url": "job/pay/job/shop/", "updatedDate": STARTED_MS}
    secret = "<token>hunter2-hunter2</token>"
    (made,) = translated(SYSTEM, {**payload, "configFile": secret}, cloud_event("job.updated"))
    assert made["data"]["pipetrail"]["control"] == "pipeline_definition"
    assert made["data"]["event"]["action"] == "edited"
    assert made["data"]["user"]["name"] == "ann"
    assert "hunter2" not in json.dumps(made)


def test_what_is_missing_is_named() -> None:
    """A build without number or with a result that is none, and what no plugin sends, are refused by name."""
    with pytest.raises(UntranslatableError, match=r"jenkins notification\.started: build\.number"):
        SYSTEM.translate(delivery({"build": {"phase": "STARTED", "url": "job/a/"}}))
    with pytest.raises(UntranslatableError, match=r"jenkins build: result GREEN"):
        SYSTEM.translate(delivery(notification("COMPLETED", "GREEN")))
    with pytest.raises(UntranslatableError, match=r"jenkins unknown"):
        SYSTEM.translate(delivery({"hello": 1}))


def described(*statuses: str) -> dict[str, Any]:
    """What the Pipeline REST API plugin says of a build with these stages."""
    names = ("Build", "Test", "Deploy to prod")
    stages = [
        {
            "id": str(5 + place),
            "name": names[place],
            "status": status,
            "startTimeMillis": STARTED_MS + place,
            "durationMillis": 7,
        }
        for place, status in enumerate(statuses)
    ]
    return {"id": "13", "status": "SUCCESS", "stages": stages}


def of_stages(description: Any) -> list[dict[str, Any]]:
    """The events of a build's stages."""
    made = [event(fact, recorded=RECEIVED) for fact in rest.facts(rest.build(saved_build()), description)]
    return [one for one in made if "taskrun" in one["type"]]


def test_a_stage_that_was_skipped_is_no_success() -> None:
    """In a build that succeeded a stage that was not executed was left out on purpose; the trail's stage was skipped."""
    made = of_stages(described("SUCCESS", "NOT_EXECUTED", "SUCCESS"))
    kinds = ["taskrun.started", "taskrun.finished", "taskrun.skipped", "taskrun.started", "taskrun.finished"]
    assert short_types(made) == kinds
    skipped = made[2]["data"]
    assert skipped["pipetrail"]["skip"] == "on_purpose"
    assert skipped["cicd"]["pipeline"]["task"]["name"] == "Test"
    assert skipped["vcs"]["ref"]["head"]["revision"] == COMMIT
    assert [one["data"]["pipetrail"].get("stage") for one in made] == ["build", "build", "test", "deploy", "deploy"]


def test_a_stage_after_a_failed_one_never_ran() -> None:
    """What an earlier failure prevented was nobody's decision."""
    made = of_stages(described("SUCCESS", "FAILED", "NOT_EXECUTED"))
    assert made[-1]["data"]["pipetrail"]["skip"] == "never_ran"
    assert made[-2]["data"]["pipetrail"]["result"] == "failure"


@given(translator.damaged([described("SUCCESS", "NOT_EXECUTED", "FAILED")]))
def test_any_description_is_taken(description: Any) -> None:
    """Whatever stands in whatever place, stages become valid events or none."""
    of_stages(description)


SAMPLES = [
    notification("COMPLETED", "UNSTABLE", test_summary={"total": 3, "failed": 1, "skipped": 0}),
    {"type": "run.finalized", "source": "job/pay/job/shop/", "data": saved_build()},
    {"ciUrl": "https://ci.example/", "displayName": "shop", "startedBy": "Ann", "jenkinsQueueId": 3, "entryTime": STARTED_MS},
    {"userId": "ann", "url": "job/pay/", "createdDate": STARTED_MS, "configFile": "<project/>"},
]


@given(translator.damaged(SAMPLES), st.sampled_from([None, *(one for one in SYSTEM.kinds if not one.startswith("event"))]))
def test_any_damage_is_taken(payload: Any, kind: str | None) -> None:
    """Whatever stands in whatever place, a delivery becomes valid events, a sentence or an UntranslatableError."""
    translator.assert_is_total(SYSTEM, delivery(payload, cloud_event(kind) if kind else {}))


def test_the_saved_events() -> None:
    """Every saved event of the CloudEvents plugin is taken, and becomes what the table says."""
    for file in translator.saved("jenkins/cloudevents-plugin"):
        whole = json.loads(file.read_bytes())
        given_ = delivery(whole["body"], whole["headers"])
        assert SYSTEM.kind(given_) in SYSTEM.kinds
        made = SYSTEM.translate(given_)
        translator.events(made)
        translator.assert_table_is_true(SYSTEM, made, SYSTEM.kind(given_))
