"""What each kind of GitLab's deliveries becomes, and what of it is kept."""

import json

import pytest
from pipetrail_producers.importers.commit import Person, parse_commit
from pipetrail_producers.importers.commit_event import EventMaker, Tag
from pipetrail_producers.webhook.gitlab import SYSTEM
from pipetrail_producers.webhook.translation import Translation
from pipetrail_sinks.opensearch.duplicates import contradictions
from support import gitlab
from support.gitlab import ANN, BOB, HEAD, NONE, OLD, REPOSITORY, Json
from support.translator import RECEIVED, Event, delivery, short_types, translated


def told(payload: Json, headers: dict[str, str] | None = None) -> Translation:
    """The translation of a payload."""
    return SYSTEM.translate(delivery(payload, headers))


def types(payload: Json) -> list[str]:
    """The types of its events, which are valid."""
    return short_types(translated(SYSTEM, payload))


def last(payload: Json) -> Event:
    """The data of its last event."""
    data: Event = translated(SYSTEM, payload)[-1]["data"]
    return data


def test_a_listed_commit_is_the_commit_that_git_tells() -> None:
    """The hook's commit.recorded and the git importer's have one id."""
    people = b"author Ann Lee <ann@acme.example> 1 +0000\ncommitter Bob Ray <bob@acme.example> 1795424531 +0100\n"
    raw = b"tree " + b"0" * 40 + b"\n" + people + b"\nPAY-17 retry on 503\n"
    of_git = EventMaker(REPOSITORY, RECEIVED).commit(HEAD, parse_commit(raw))
    of_hook = told(gitlab.push()).facts[0]
    assert of_hook.id.encode() in of_git
    data = translated(SYSTEM, gitlab.push())[0]["data"]
    assert list(contradictions(json.loads(of_git)["data"], data)) == []
    assert data["pipetrail"]["ticket"]["id"] == "PAY-17"
    assert data["user"] == {"name": "Ann Lee", "email": "ann@acme.example"}


def test_a_pushed_tag_is_the_tag_that_git_tells() -> None:
    """The hook's tag.created and the git importer's have one id; its commit is checkout_sha."""
    of_git = EventMaker(REPOSITORY, RECEIVED).tag(Tag("v1.2.0", HEAD, gitlab.MERGED, Person("A", "a@b", 1)))
    fact = told(gitlab.tag_push()).facts[-1]
    assert fact.id.encode() in of_git
    assert last(gitlab.tag_push())["vcs"]["ref"]["head"] == {"name": "v1.2.0", "type": "tag", "revision": HEAD}
    assert types(gitlab.tag_push(commits=[])) == ["push.received", "tag.created"]
    assert translated(SYSTEM, gitlab.tag_push(commits=[]))[0]["data"]["user"]["name"] == "ann"
    assert list(contradictions(json.loads(of_git)["data"], last(gitlab.tag_push()))) == []
    assert types(gitlab.tag_push(before=gitlab.MERGED, after=NONE, commits=[])) == ["tag.deleted"]


def test_branches_come_and_go() -> None:
    """The null id before is a new branch, after it a deleted one."""
    assert types(gitlab.push(before=NONE)) == ["commit.recorded", "branch.created", "push.received"]
    assert types(gitlab.push(after=NONE, commits=[], total_commits_count=0)) == ["branch.deleted"]


@pytest.mark.parametrize(
    ("action", "type_"),
    [
        ("open", "change.created"),
        ("update", "change.updated"),
        ("reopen", "change.updated"),
        (None, "change.updated"),
        ("approved", "change.reviewed"),
        ("approval", "change.reviewed"),
        ("unapproved", "change.reviewed"),
        ("unapproval", "change.reviewed"),
        ("merge", "change.merged"),
        ("close", "change.abandoned"),
    ],
)
def test_merge_requests(action: str | None, type_: str) -> None:
    """Each action has its type, the request's number, branches, head, ticket and who did it."""
    payload = gitlab.merge_request(action)
    assert types(payload) == [type_]
    data = last(payload)
    assert (data["vcs"]["change"]["id"], data["pipetrail"]["ticket"]["id"], data["user"]["name"]) == ("17", "PAY-17", "ann")
    assert data["vcs"]["ref"]["head"] == {"name": "retry", "type": "branch", "revision": HEAD}
    assert data["vcs"]["ref"]["base"]["name"] == "main"


def test_an_approval_is_one_fact_however_it_is_called() -> None:
    """`approved` and `approval` by one person at one head are the same; at another head it is another."""
    first, same, other, later = (
        told(gitlab.merge_request(action, **changed)).facts[0].id
        for action, changed in (
            ("approved", {}),
            ("approval", {}),
            ("approved", {"user": BOB}),
            ("approved", {"last_commit": {"id": OLD}}),
        )
    )
    assert first == same
    assert len({first, other, later}) == 3


def test_an_approval_that_is_given_again_after_it_was_taken_back_is_another_one() -> None:
    """At the same head, by the same person: three deeds; each delivery told again is the same."""
    deeds = [
        gitlab.merge_request(action, updated_at=f"2026-11-23 09:3{minute}:00 UTC")
        for minute, action in enumerate(("approved", "unapproved", "approved"))
    ]
    made = [told(deed).facts[0].id for deed in deeds]
    assert len(set(made)) == 3
    assert made == [told(deed).facts[0].id for deed in deeds]


def test_approvals_that_gitlab_takes_back_say_why() -> None:
    """A push that resets approvals is the system's dismissal, with its own reason, on behalf of who pushed."""
    data = last(gitlab.merge_request("unapproved", system=True, system_action="approvals_reset_on_push"))
    assert data["pipetrail"]["decision"] == "dismissed"
    assert data["event"]["reason"] == "approvals_reset_on_push"
    assert data["user"] == {"name": "GitLab"}
    assert data["pipetrail"]["actor"]["type"] == "system"
    assert data["pipetrail"]["actor"]["on_behalf_of"]["name"] == "ann"


def test_an_approval_that_somebody_takes_back_is_that_persons_deed() -> None:
    """Without a word of the system it is who did it."""
    data = last(gitlab.merge_request("unapproved", system=False))
    assert (data["user"]["name"], data["pipetrail"]["actor"]["type"]) == ("ann", "user")


def test_a_reviewer_who_asks_for_changes_rejects() -> None:
    """A reviewer's new state is that reviewer's decision, beside the update; an old state is none."""
    asked = {"reviewers": {"previous": [{**BOB, "state": "unreviewed"}], "current": [{**BOB, "state": "requested_changes"}]}}
    payload = gitlab.merge_request("update", changes=asked)
    assert types(payload) == ["change.updated", "change.reviewed"]
    assert (last(payload)["pipetrail"]["decision"], last(payload)["user"]["name"]) == ("rejected", "bob")
    again = {"reviewers": {"previous": [{**BOB, "state": "reviewed"}], "current": [{**BOB, "state": "reviewed"}]}}
    assert types(gitlab.merge_request("update", changes=again)) == ["change.updated"]


def test_new_commits_of_a_request_are_a_push() -> None:
    """`oldrev` makes an update the fact that this head came; what else changed is named."""
    data = last(gitlab.merge_request("update", oldrev=OLD, changes={"title": {}, "updated_at": {}}))
    assert data["event"]["action"] == "push"
    assert data["pipetrail"]["labels"] == {"changed": "title", "previous_revision": OLD}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("created", ["pipelinerun.queued"]),
        ("pending", ["pipelinerun.queued"]),
        ("running", ["pipelinerun.started"]),
        ("manual", []),
        ("success", ["pipelinerun.started", "pipelinerun.finished"]),
        ("canceled", ["pipelinerun.started", "pipelinerun.finished"]),
    ],
)
def test_pipelines(status: str, expected: list[str]) -> None:
    """Each status has its types; a hook of the end tells the start as well, in case its hook was lost."""
    made = translated(SYSTEM, gitlab.pipeline(status, builds=[]))
    assert short_types(made) == expected
    assert bool(told(gitlab.pipeline(status, builds=[])).silent) == (not expected)
    for one in made:
        run = one["data"]["cicd"]["pipeline"]
        assert run == {"name": "pay/shop", "run": {"id": "31", "url": {"full": f"{REPOSITORY}/-/pipelines/31"}}}
        assert one["data"]["pipetrail"]["trigger"] == "push"


def test_times_are_read_in_gitlabs_spelling() -> None:
    """`2026-11-23 09:06:40 UTC` and offsets are understood; the start is the making and the wait."""
    started, finished = translated(SYSTEM, gitlab.pipeline(builds=[]))
    assert (started["time"], finished["time"]) == ("2026-11-23T09:03:20.000Z", "2026-11-23T09:06:40.000Z")
    assert finished["data"]["event"]["duration"] == 200_000_000_000
    assert translated(SYSTEM, gitlab.deployment())[0]["time"] == "2026-11-23T09:20:00.000Z"


def test_a_pipeline_hook_tells_the_jobs_that_the_job_hook_tells() -> None:
    """A project that sends pipeline hooks only has its jobs, and one that sends both has each job once."""
    by_pipeline = {fact.id for fact in told(gitlab.pipeline()).facts if fact.type.startswith("taskrun")}
    assert by_pipeline == {fact.id for fact in told(gitlab.job()).facts}
    assert len(by_pipeline) == 2


def test_a_job_that_cannot_be_told_costs_no_pipeline() -> None:
    """A job without a name, or with a status of a later version, is left out of its pipeline's facts."""
    broken = [gitlab.build(name=None), gitlab.build(status="daydreaming"), "no job"]
    assert types(gitlab.pipeline(builds=broken)) == ["pipelinerun.started", "pipelinerun.finished"]


def test_what_a_person_set_going_is_an_intervention() -> None:
    """A manual job with who played it; a job that another person retried; a pipeline that was run from its form."""
    played = gitlab.pipeline("running", builds=[gitlab.build(manual=True, user=BOB)])
    assert types(played) == ["pipelinerun.started", "intervention.recorded"]
    assert (last(played)["event"]["action"], last(played)["user"]["name"]) == ("manual_job", "bob")
    assert last(gitlab.pipeline("running", builds=[gitlab.build(user=BOB)]))["event"]["action"] == "job_retried"
    assert types(gitlab.pipeline("running", builds=[gitlab.build(user=ANN)])) == ["pipelinerun.started"]
    assert types(gitlab.pipeline("created", source="web")) == ["intervention.recorded", "pipelinerun.queued"]
    waiting = gitlab.build(manual=True, status="manual", started_at=None)
    assert types(gitlab.pipeline("running", builds=[waiting])) == ["pipelinerun.started"]


@pytest.mark.parametrize(
    ("status", "reason", "result"),
    [
        ("success", "unknown_failure", "success"),
        ("failed", "script_failure", "failure"),
        ("failed", "job_execution_timeout", "timeout"),
        ("failed", "runner_system_failure", "error"),
        ("canceled", None, "cancellation"),
    ],
)
def test_jobs(status: str, reason: str | None, result: str) -> None:
    """A job ends with a result that tells a script's failure from the runner's, in its stage, on its runner."""
    data = last(gitlab.job(status, build_failure_reason=reason))
    assert (data["pipetrail"]["result"], data["pipetrail"]["result_raw"]) == (result, status)
    assert data["pipetrail"]["stage"] == "test"
    assert data["cicd"]["worker"] == {"id": "5", "name": "runner-1"}
    assert data["cicd"]["pipeline"]["task"]["type"] == "test"


def test_a_stopped_environment_is_removed() -> None:
    """A job that stops an environment and succeeds removes what was deployed there."""
    stopped = gitlab.job(environment={"name": "review/17", "action": "stop"})
    assert types(stopped) == ["taskrun.started", "taskrun.finished", "deployment.removed"]
    assert last(stopped)["deployment"]["environment"]["name"] == "review/17"


@pytest.mark.parametrize(
    ("status", "type_", "result"),
    [
        ("created", "deployment.requested", None),
        ("blocked", "approval.requested", None),
        ("running", "deployment.started", None),
        ("success", "deployment.finished", "success"),
        ("failed", "deployment.finished", "failure"),
        ("canceled", "deployment.finished", "cancellation"),
        ("skipped", "deployment.finished", "skip"),
    ],
)
def test_deployments(status: str, type_: str, result: str | None) -> None:
    """Each status has its type, the environment and who deploys."""
    assert types(gitlab.deployment(status)) == [type_]
    data = last(gitlab.deployment(status))
    assert data["deployment"]["environment"]["name"] == "production"
    assert data["pipetrail"].get("result") == result
    assert data["user"]["name"] == "bob"


def test_releases() -> None:
    """A release has its tag and commit; a deleted one is an intervention, an edited one says nothing."""
    data = last(gitlab.release())
    assert (data["artifact"]["version"], data["vcs"]["ref"]["head"]["revision"]) == ("v1.2.0", HEAD)
    assert types(gitlab.release("delete")) == ["intervention.recorded"]
    assert told(gitlab.release("update")).silent


@pytest.mark.parametrize(
    ("event_name", "action", "access"),
    [
        ("user_add_to_team", "added", "Maintainer"),
        ("user_update_for_team", "edited", "Maintainer"),
        ("user_remove_from_team", "removed", "Maintainer"),
        ("user_add_to_group", "added", "Owner"),
        ("user_remove_from_group", "removed", "Owner"),
    ],
)
def test_members(event_name: str, action: str, access: str) -> None:
    """A member's change names whom it concerns and the role; nobody is claimed to have done it."""
    data = last(gitlab.member(event_name))
    assert (data["event"]["action"], data["user"]["changes"]["permission"]) == (action, access)
    assert data["user"]["target"]["name"] == "eve"
    assert data["pipetrail"]["actor"]["type"] == "unknown"
    assert "name" not in data["user"]


def test_what_was_removed_has_the_time_of_receipt() -> None:
    """The hook's updated_at is when the membership last changed, not when it ended."""
    (added,) = translated(SYSTEM, gitlab.member())
    (removed,) = translated(SYSTEM, gitlab.member("user_remove_from_team"))
    assert (added["time"], removed["time"]) == ("2026-11-23T09:00:00.000Z", "2026-11-23T09:30:00.000Z")


def test_an_ssh_key_is_not_kept() -> None:
    """Whose key it is is kept, the key is not."""
    payload = {"event_name": "key_create", "id": 4, "username": "ann", "key": "ssh-ed25519 AAAAC3Nz ann@host"}
    (made,) = translated(SYSTEM, payload)
    assert made["data"]["user"]["target"]["name"] == "ann"
    assert "AAAAC3Nz" not in str(made)


def test_a_renamed_project_keeps_its_old_address() -> None:
    """The new repository's events are told apart from the old one's, and how they hang together is kept."""
    payload = {
        "event_name": "project_rename",
        "project_id": 3,
        "path_with_namespace": "pay/shop",
        "old_path_with_namespace": "a/b",
    }
    (made,) = translated(SYSTEM, payload, {"x-gitlab-instance": gitlab.INSTANCE})
    assert made["data"]["pipetrail"]["labels"] == {"project": "pay/shop", "previous_path": "a/b"}
    assert made["data"]["vcs"]["repository"]["url"]["full"] == REPOSITORY


def test_tickets() -> None:
    """An issue has the id that commit messages write; what changed beside its meaning says nothing."""
    assert types(gitlab.issue()) == ["ticket.created"]
    assert last(gitlab.issue())["pipetrail"]["ticket"] == {"id": "#23", "url": {"full": f"{REPOSITORY}/-/issues/23"}}
    assert types(gitlab.issue("close")) == ["ticket.closed"]
    assert types(gitlab.issue("update", changes={"title": {}})) == ["ticket.updated"]
    assert told(gitlab.issue("update", changes={"labels": {}, "updated_at": {}})).silent


def test_a_confidential_issue_stays_confidential() -> None:
    """Its title is not taken, not even as an incident's reason."""
    payload = gitlab.issue("open", confidential=True, type="Incident", title="customer data leaked")
    assert types(payload) == ["ticket.created", "incident.reported"]
    assert "leaked" not in str(translated(SYSTEM, payload))
    assert last(payload)["event"]["reason"] == "incident #23"


def test_vulnerabilities() -> None:
    """One that somebody dismissed is a finding passed over; the repository is read from its page."""
    data = last(gitlab.vulnerability("dismissed"))
    assert types(gitlab.vulnerability("dismissed")) == ["policy.bypassed"]
    assert (data["user"]["id"], data["vcs"]["repository"]["url"]["full"]) == ("7", REPOSITORY)
    assert types(gitlab.vulnerability("detected")) == ["incident.detected"]


def test_a_flag_that_is_switched_twice_is_two_facts() -> None:
    """The hook has neither time nor number: the idempotency key tells a second switching from a retry."""
    first, retry, second = (told(gitlab.feature_flag(), {"idempotency-key": key}).facts[0].id for key in ("k1", "k1", "k2"))
    assert first == retry != second


@pytest.mark.parametrize("kind", [name for name, described in SYSTEM.kinds.items() if not described.events])
def test_what_says_nothing_about_delivery_is_counted(kind: str) -> None:
    """Kinds that say nothing are acknowledged with a sentence, whatever is in them."""
    assert told({"object_kind": kind}).silent
