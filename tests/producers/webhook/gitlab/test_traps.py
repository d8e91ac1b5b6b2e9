"""The traps of joining GitLab's facts (which key is whole, which list is cut, what "skipped" and "green" hide)."""

import pytest
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.gitlab import SYSTEM
from pipetrail_producers.webhook.translation import UntranslatableError
from support import gitlab
from support.gitlab import HEAD, OLD, REPOSITORY, Json
from support.translator import Event, delivery, short_types, translated


def events(payload: Json) -> list[Event]:
    """The events of a payload."""
    return translated(SYSTEM, payload)


def of_type(kind: str, made: list[Event]) -> Event:
    """The only event of a type; its data."""
    (found,) = [one for one in made if short_types([one]) == [kind]]
    data: Event = found["data"]
    return data


def test_a_deployment_hook_carries_an_8_character_sha_and_the_full_one_only_in_commit_url() -> None:
    """The commit of a deployment is the one of its commit_url; where that is gone the short one stays short."""
    whole = of_type("deployment.finished", events(gitlab.deployment()))
    assert whole["vcs"]["ref"]["head"]["revision"] == HEAD
    short = of_type("deployment.finished", events(gitlab.deployment(commit_url=None)))
    assert short["vcs"]["ref"]["head"]["revision"] == HEAD[:8]


def test_a_deployments_deployable_id_is_the_id_of_its_job() -> None:
    """The deployment and the job that deploys meet in the task run's id."""
    deployed = of_type("deployment.finished", events(gitlab.deployment()))
    ran = of_type("taskrun.finished", events(gitlab.job(build_id=796)))
    assert deployed["cicd"]["pipeline"]["task"]["run"] == ran["cicd"]["pipeline"]["task"]["run"]


def test_more_than_20_commits_are_cut_and_that_is_a_gap() -> None:
    """A push that lists fewer commits than it has is followed by source.gap, which says how many are missing."""
    listed = [gitlab.commit(f"{number:040x}", "one of many") for number in range(1, 21)]
    made = events(gitlab.push(commits=listed, total_commits_count=57))
    assert short_types(made) == ["commit.recorded"] * 20 + ["push.received", "source.gap"]
    assert of_type("source.gap", made)["event"]["reason"] == "GitLab listed 20 of the 57 commits of a push to main"
    assert "source.gap" not in short_types(events(gitlab.push(commits=listed, total_commits_count=20)))


def test_a_push_that_moves_a_branch_and_brings_no_commit_was_forced() -> None:
    """Nothing says `forced`: but without one the branch would hold what the push brought."""

    def label(**changed: object) -> str | None:
        pushed = of_type("push.received", events(gitlab.push(**changed)))
        found: str | None = pushed["pipetrail"].get("labels", {}).get("forced")
        return found

    assert label(commits=[], total_commits_count=0) == "true"
    assert label() is None
    assert label(commits=[], total_commits_count=None) is None
    assert label(before=gitlab.NONE, commits=[], total_commits_count=0) is None


@pytest.mark.parametrize("end", ["before", "after"])
@pytest.mark.parametrize("value", [None, "", "0000", 0, "deleted"])
def test_a_branch_is_new_or_gone_when_gitlab_says_so(end: str, value: object) -> None:
    """The null id says it; an end that is not told says nothing, and nobody deleted the trunk."""
    for payload in (gitlab.push(**{end: value}), gitlab.tag_push(**{end: value})):
        with pytest.raises(UntranslatableError, match=end):
            SYSTEM.translate(delivery(payload))
    update = gitlab.repository_update("refs/heads/main")
    update["changes"][0][end] = value
    with pytest.raises(UntranslatableError, match=end):
        SYSTEM.translate(delivery(update))


def test_more_than_3_refs_in_a_push_get_no_hook_and_that_is_a_gap() -> None:
    """The system hook that tells all refs of a push says so where there are too many of one kind for push hooks."""
    few = gitlab.repository_update("refs/heads/a", "refs/heads/b", "refs/heads/c", "refs/tags/d")
    assert "source.gap" not in short_types(events(few))
    many = events(gitlab.repository_update("refs/heads/a", "refs/heads/b", "refs/heads/c", "refs/heads/d"))
    assert short_types(many) == ["push.received"] * 4 + ["source.gap"]
    assert "4 refs of one kind" in of_type("source.gap", many)["event"]["reason"]


def test_the_push_hook_and_the_system_hook_of_one_push_are_one_fact() -> None:
    """repository_update tells the same push.received as the push hook, and a tag as tag_push does."""
    pushed = [fact.id for fact in _facts(gitlab.push()) if fact.type == "push.received"]
    assert pushed == [fact.id for fact in _facts(gitlab.repository_update("refs/heads/main"))]
    tag = {
        **gitlab.repository_update(),
        "changes": [{"before": gitlab.NONE, "after": gitlab.MERGED, "ref": "refs/tags/v1.2.0"}],
    }
    assert [fact.id for fact in _facts(gitlab.tag_push(commits=[]))] == [fact.id for fact in _facts(tag)]


def test_merge_commit_sha_is_trusted_only_when_merged() -> None:
    """An open request that names a merge commit has none; a merged one has."""
    opened = of_type("change.updated", events(gitlab.merge_request("update", merge_commit_sha=gitlab.MERGED)))
    assert "change" not in opened["pipetrail"]
    merged = of_type("change.merged", events(gitlab.merge_request("merge", state="merged", merge_commit_sha=gitlab.MERGED)))
    assert merged["pipetrail"]["change"]["merge_revision"] == gitlab.MERGED
    assert merged["vcs"]["ref"]["head"]["revision"] == HEAD
    assert merged["vcs"]["change"]["state"] == "merged"


def test_a_squash_or_a_fast_forward_has_no_merge_commit() -> None:
    """What came onto the target is the squashed commit, or, where nothing was made, the head itself."""
    squashed = of_type("change.merged", events(gitlab.merge_request("merge", squash_commit_sha=gitlab.SQUASHED)))
    assert squashed["pipetrail"]["change"]["merge_revision"] == gitlab.SQUASHED
    forwarded = of_type("change.merged", events(gitlab.merge_request("merge")))
    assert forwarded["pipetrail"]["change"]["merge_revision"] == HEAD
    both = {"merge_commit_sha": gitlab.MERGED, "squash_commit_sha": gitlab.SQUASHED}
    merged = of_type("change.merged", events(gitlab.merge_request("merge", **both)))
    assert merged["pipetrail"]["change"]["merge_revision"] == gitlab.MERGED
    assert merged["pipetrail"]["labels"]["squash_revision"] == gitlab.SQUASHED


def test_the_commit_id_of_a_job_hook_is_a_pipelines() -> None:
    """`commit.id` of a job hook is a number; the commit is `sha`."""
    ran = of_type("taskrun.finished", events(gitlab.job()))
    assert ran["vcs"]["ref"]["head"]["revision"] == HEAD
    assert ran["cicd"]["pipeline"]["run"]["id"] == "31"


def test_a_failure_that_is_allowed_is_a_failure() -> None:
    """The pipeline may be green: the job has failed, and says that it may."""
    ran = of_type(
        "taskrun.finished", events(gitlab.job("failed", build_allow_failure=True, build_failure_reason="script_failure"))
    )
    assert ran["pipetrail"]["result"] == "failure"
    assert ran["pipetrail"]["labels"]["allow_failure"] == "true"


def test_a_skipped_job_never_succeeded() -> None:
    """A job that was skipped never ran, or was not required where it may fail; it is no end of a run."""
    for may_fail, meaning in ((False, "never_ran"), (True, "not_required")):
        (made,) = events(gitlab.job("skipped", build_allow_failure=may_fail, build_started_at=None, build_finished_at=None))
        assert short_types([made]) == ["taskrun.skipped"]
        assert made["data"]["pipetrail"]["skip"] == meaning
        assert made["data"]["pipetrail"]["result"] == "skip"


def test_a_skipped_pipeline_was_skipped_on_purpose() -> None:
    """[skip ci] and its like make a pipeline that ends without having run."""
    (made,) = events(gitlab.pipeline("skipped", builds=[]))
    assert short_types([made]) == ["pipelinerun.finished"]
    assert (made["data"]["pipetrail"]["result"], made["data"]["pipetrail"]["skip"]) == ("skip", "on_purpose")


def test_a_push_that_wants_no_pipeline_passes_one_over() -> None:
    """The push option ci.skip, which no commit message shows, is a bypass with the person who pushed."""
    made = events(gitlab.push(push_options={"ci": {"skip": True}}))
    bypassed = of_type("policy.bypassed", made)
    assert bypassed["pipetrail"]["control"] == "pipeline"
    assert bypassed["user"]["name"] == "ann"


def test_a_retried_pipeline_ends_twice() -> None:
    """It keeps its id; the ends are two facts, the start is one."""
    failed, passed = (_facts(gitlab.pipeline(status, finished_at=end, builds=[])) for status, end in _ENDS)
    assert failed[0].id == passed[0].id
    assert failed[-1].id != passed[-1].id


def test_a_merged_results_pipeline_tests_a_temporary_commit() -> None:
    """Where the ref tells it, the commit is kept as the one that was tested, and not taken for the request's head."""
    ref = "refs/merge-requests/17/merge"
    ran = of_type("pipelinerun.finished", events(gitlab.pipeline(ref=ref, builds=[])))
    assert "ref" not in ran["vcs"]
    assert ran["pipetrail"]["change"]["test_merge_revision"] == HEAD
    assert ran["vcs"]["change"]["id"] == "17"


def test_a_branch_of_a_fork_is_marked() -> None:
    """The head branch of a request from a fork is another repository's."""
    forked = of_type("change.created", events(gitlab.merge_request("open", source_project_id=77)))
    assert forked["pipetrail"]["labels"]["source_project_id"] == "77"
    assert "labels" not in of_type("change.created", events(gitlab.merge_request("open")))["pipetrail"]


def test_a_hidden_address_is_no_address() -> None:
    """[REDACTED], which GitLab writes for a private e-mail address, is left out."""
    assert "email" not in of_type("change.created", events(gitlab.merge_request("open")))["user"]
    assert of_type("deployment.finished", events(gitlab.deployment()))["user"]["email"] == "bob@acme.example"


def test_a_token_is_no_person() -> None:
    """The users that GitLab makes for tokens are service accounts, a deleted account is unknown."""
    for login, kind in (("project_3_bot_ab12", "service_account"), ("ghost", "unknown"), ("ann", "user")):
        made = of_type("change.created", events(gitlab.merge_request("open", user={"id": 1, "username": login})))
        assert made["pipetrail"]["actor"]["type"] == kind


def test_the_instance_is_the_same_however_it_is_told() -> None:
    """Settings, project address and an instance below a path give one spelling, and so one id."""
    by_address = _facts(gitlab.pipeline())[0]
    by_settings = _facts(gitlab.pipeline(), instance="https://GitLab.acme.example/")[0]
    assert by_address.id == by_settings.id
    below = {**gitlab.PROJECT, "web_url": "https://acme.example/gitlab/pay/shop"}
    assert _facts({**gitlab.pipeline(), "project": below})[0].instance == "https://acme.example/gitlab"


def test_a_kept_push_says_where_it_came_from() -> None:
    """A push has the commit before and after it, and the repository's canonical address."""
    pushed = of_type("push.received", events(gitlab.push()))
    assert pushed["vcs"]["ref"] == {
        "head": {"name": "main", "type": "branch", "revision": HEAD},
        "base": {"revision": OLD},
    }
    assert pushed["vcs"]["repository"] == {"name": "shop", "url": {"full": REPOSITORY}}


_ENDS = (("failed", "2026-11-23 09:06:40 UTC"), ("success", "2026-11-23 09:16:40 UTC"))


def _facts(payload: Json, instance: str | None = None) -> tuple[Fact, ...]:
    return SYSTEM.translate(delivery(payload, instance=instance)).facts
