"""How what GitHub tells is joined, and the traps in it (each named as the list of joins names it)."""

import json
from typing import Any

import pytest
from pipetrail_producers.importers.commit import Commit, Person
from pipetrail_producers.importers.commit_event import EventMaker
from pipetrail_producers.webhook.fact import event
from pipetrail_producers.webhook.github import SYSTEM
from pipetrail_producers.webhook.github.push import MAX_LISTED
from pipetrail_schemas.check import lookup
from pipetrail_schemas.codec import decode
from support import github, translator
from support.github import HEAD, MERGED, OLD, REPOSITORY, TEMPORARY
from support.translator import RECEIVED, short_types

ZERO = "0" * 40


def told(kind: str, payload: Any) -> list[translator.Event]:
    """The events of a webhook."""
    return translator.translated(SYSTEM, payload, {"x-github-event": kind, "x-github-delivery": "72d3162e"})


def at(one: translator.Event, path: str) -> Any:
    """A value of an event's data."""
    return lookup(one["data"], path)


def silent(kind: str, payload: Any) -> str:
    """Why a webhook says nothing."""
    return SYSTEM.translate(translator.delivery(payload, {"x-github-event": kind})).silent


def test_pull_requests_is_empty_for_forks() -> None:
    """A run of a fork names no pull request: none is guessed; the head's commit is what joins it."""
    (_, finished) = told("workflow_run", github.hook("completed", workflow_run=github.run(event="pull_request")))
    assert at(finished, "vcs.change") is None
    assert at(finished, "vcs.ref.head.revision") == HEAD


@pytest.mark.parametrize(("heads", "number"), [([HEAD], "17"), ([HEAD, HEAD], None), ([OLD], None), ([OLD, HEAD], "17")])
def test_a_run_is_of_the_one_request_whose_head_it_ran_on(heads: list[str], number: str | None) -> None:
    """`pull_requests` lists what shares the branch; a request counts when it alone has the run's commit as its head."""
    listed = [{"number": 17, "head": {"sha": sha}} for sha in heads]
    (_, finished) = told("workflow_run", github.hook("completed", workflow_run=github.run(pull_requests=listed)))
    assert at(finished, "vcs.change.id") == number


def test_merge_commit_sha_is_the_merge_only_once_merged() -> None:
    """Of an open request it is the temporary merge, of an abandoned one nothing, of a merged one the commit on the trunk."""
    (opened,) = told("pull_request", github.hook("opened", pull_request=github.request()))
    (abandoned,) = told("pull_request", github.hook("closed", pull_request=github.closed()))
    (merged,) = told("pull_request", github.hook("closed", pull_request=github.merged()))
    assert short_types([opened, abandoned, merged]) == ["change.created", "change.abandoned", "change.merged"]
    assert at(opened, "pipetrail.change") == {"test_merge_revision": TEMPORARY}
    assert at(abandoned, "pipetrail.change") is None
    assert at(merged, "pipetrail.change") == {"merge_revision": MERGED}
    assert (at(merged, "user.name"), at(merged, "vcs.ref.head.revision")) == ("bob", HEAD)


def test_a_deployment_is_of_its_own_sha_with_or_without_a_run() -> None:
    """The workflow run is often absent; where only a page of it is named, its id is taken from there."""
    (alone,) = told("deployment", github.hook("created", deployment=github.deployment(), workflow_run=None))
    assert at(alone, "vcs.ref.head.revision") == MERGED
    assert at(alone, "cicd.pipeline") is None
    state = github.hook("created", deployment_status=github.deployment_status(), deployment=github.deployment())
    (finished,) = told("deployment_status", state)
    assert (at(finished, "cicd.pipeline.run.id"), at(finished, "deployment.id")) == ("33", "71")
    assert at(finished, "deployment.environment.name") == "production"


def test_a_bots_deployment_names_the_human_behind_it() -> None:
    """Who set off the run is on whose behalf the bot deployed; where no run is named, nobody is made up."""
    run = github.run(id=33, actor=github.BOT, triggering_actor=github.BOB)
    (one,) = told("deployment", github.hook("created", deployment=github.deployment(), workflow_run=run))
    assert at(one, "pipetrail.actor") == {"type": "app", "on_behalf_of": {"id": "8", "name": "bob"}}
    (other,) = told("deployment", github.hook("created", deployment=github.deployment()))
    assert at(other, "pipetrail.actor") == {"type": "app"}


@pytest.mark.parametrize("state", ["queued", "pending", "waiting", "inactive"])
def test_a_state_that_is_no_start_and_no_end_is_no_event(state: str) -> None:
    """A deployment that waits has not started; one that is inactive was superseded by another, which tells of itself."""
    payload = github.hook(deployment_status=github.deployment_status(state), deployment=github.deployment())
    assert ("took this one's place" if state == "inactive" else "waits") in silent("deployment_status", payload)


def test_a_temporary_environment_that_goes_is_removed() -> None:
    """Of an environment that does not last, inactive is the end."""
    status = github.deployment_status("inactive")
    (gone,) = told(
        "deployment_status", github.hook(deployment_status=status, deployment=github.deployment(transient_environment=True))
    )
    assert short_types([gone]) == ["deployment.removed"]


def test_the_head_is_not_the_squashed_commit() -> None:
    """A squash makes a commit that nothing was tested on: the webhook's merge_commit_sha alone names it."""
    (merged,) = told("pull_request", github.hook("closed", pull_request=github.merged()))
    event_of = decode(json.dumps(merged).encode())
    assert event_of.commit == HEAD
    assert at(merged, "pipetrail.change.merge_revision") == MERGED


def test_a_review_counts_for_the_commit_that_was_reviewed() -> None:
    """`commit_id`, not today's head: an approval of an older head is stale, and can be seen to be."""
    payload = github.hook("submitted", review=github.review(commit_id=OLD), pull_request=github.request())
    (one,) = told("pull_request_review", payload)
    assert (at(one, "vcs.ref.head.revision"), at(one, "pipetrail.decision")) == (OLD, "approved")


def test_a_dismissal_says_whose_review_went_and_who_dismissed_it() -> None:
    """The actor dismissed it; the reviewer is the target."""
    (one,) = told(
        "pull_request_review", github.hook("dismissed", review=github.review("dismissed"), pull_request=github.request())
    )
    assert (at(one, "user.name"), at(one, "user.target.name"), at(one, "pipetrail.decision")) == ("ann", "bob", "dismissed")


def test_an_edited_approval_is_told_and_an_edited_comment_is_not() -> None:
    """An approval whose words were changed says who changed whose; what is no approval decides nothing by new words."""

    def edited(state: str) -> github.Json:
        return github.hook(
            "edited", review=github.review(state, updated_at="2026-11-23T10:00:00Z"), pull_request=github.request()
        )

    (one,) = told("pull_request_review", edited("approved"))
    assert (at(one, "user.name"), at(one, "user.target.name"), at(one, "pipetrail.decision")) == ("ann", "bob", "edited")
    assert one["time"].startswith("2026-11-23T10:00:00")
    assert told("pull_request_review", edited("commented")) == []


def test_a_listed_commit_is_the_one_that_git_has() -> None:
    """Push and git import tell one fact: the same id, and nothing that one of them says contradicts the other."""
    _, listed = told("push", github.push())
    person = Person("Ann Lee", "ann@acme.example", 1_795_424_531)
    made = EventMaker(REPOSITORY, RECEIVED).commit(HEAD, Commit([OLD], person, person, "PAY-17 retry on 503\n", False))  # noqa: FBT003  # signed
    imported = json.loads(made)
    assert (listed["id"], listed["time"], listed["subject"]) == (imported["id"], imported["time"], imported["subject"])
    assert list(_contradictions(listed["data"], imported["data"])) == []
    assert at(listed, "pipetrail.ticket.id") == "PAY-17"


def test_only_what_is_new_to_the_repository_is_recorded() -> None:
    """A commit that another branch had already came with an earlier push."""
    commits = [github.commit(HEAD), github.commit(OLD, distinct=False)]
    made = told("push", github.push(commits=commits))
    assert short_types(made) == ["push.received", "commit.recorded"]


@pytest.mark.parametrize(
    "changed",
    [
        {"size": 3},
        {"commits": [github.commit(f"{number:040x}", distinct=False) for number in range(1, MAX_LISTED + 1)]},
    ],
)
def test_a_push_whose_commits_were_cut_tells_the_gap(changed: dict[str, Any]) -> None:
    """GitHub lists at most 2,048 commits; what it left out is said to be missing."""
    made = told("push", github.push(**changed))
    gap = made[1]
    assert short_types([gap]) == ["source.gap"]
    assert "commits" in at(gap, "event.reason")


def test_a_skipped_ci_needs_only_the_message() -> None:
    """`[skip ci]` makes no run: the pushed commit's message is all there is, and is recorded whole."""
    message = "PAY-17 hotfix\n\n[skip ci]"
    _, listed = told("push", github.push(commits=[github.commit(HEAD, message)]))
    assert at(listed, "pipetrail.commit.message") == message


@pytest.mark.parametrize(
    ("changed", "action", "revision"),
    [
        ({"forced": True}, "forced", HEAD),
        ({"created": True, "before": ZERO}, "created", HEAD),
        ({"deleted": True, "after": ZERO, "head_commit": None, "commits": []}, "deleted", None),
        ({}, "pushed", HEAD),
    ],
)
def test_a_push_says_what_it_did_to_the_ref(changed: dict[str, Any], action: str, revision: str | None) -> None:
    """Forced, created and deleted are told apart; the null id is no commit."""
    one = told("push", github.push(**changed))[0]
    assert (at(one, "event.action"), at(one, "vcs.ref.head.revision")) == (action, revision)
    assert at(one, "vcs.ref.base.revision") == (None if changed.get("before") == ZERO else OLD)


def test_a_tag_stands_at_a_commit_not_at_itself() -> None:
    """Of an annotated tag `after` is the tag's own id; the commit is the head commit's."""
    one = told("push", github.push(ref="refs/tags/v1", after="9" * 40, commits=[]))[0]
    assert (at(one, "vcs.ref.head.name"), at(one, "vcs.ref.head.type"), at(one, "vcs.ref.head.revision")) == ("v1", "tag", HEAD)


def test_a_merge_group_is_tested_on_the_commit_that_will_be_the_trunk() -> None:
    """The group's branch names the request; its commit is what checks run on, and no new head that made approvals stale."""
    payload = next(payload for kind, payload in github.SAMPLES if kind == "merge_group")
    (one,) = told("merge_group", payload)
    assert (at(one, "vcs.change.id"), at(one, "pipetrail.change.test_merge_revision")) == ("17", MERGED)
    assert at(one, "vcs.ref.head") is None


def test_an_images_commit_is_its_label_and_not_its_target() -> None:
    """`target_oid` of an image is the digest cut to 40 digits: it looks like a commit and is none."""
    (one,) = told("registry_package", github.hook("published", registry_package=github.package()))
    assert (at(one, "artifact.hash"), at(one, "vcs.ref.head.revision")) == (f"sha256:{github.DIGEST}", MERGED)
    version = {**github.package()["package_version"], "container_metadata": {"manifest": {"digest": f"sha256:{github.DIGEST}"}}}
    (other,) = told("registry_package", github.hook("published", registry_package=github.package(package_version=version)))
    assert at(other, "vcs.ref.head") is None


def test_both_kinds_of_package_tell_one_fact() -> None:
    """`package` and `registry_package` are sent beside each other: one id."""
    (one,) = told("registry_package", github.hook("published", registry_package=github.package()))
    (other,) = told("package", github.hook("published", package=github.package()))
    assert one["id"] == other["id"]


def test_a_payload_that_names_no_instance_takes_the_settings() -> None:
    """The instance of the settings beats what the payload's pages say, so that webhook and importer agree."""
    payload = github.hook("in_progress", workflow_run=github.run("in_progress"))
    headers = {"x-github-event": "workflow_run"}
    plain, named, enterprise = (
        SYSTEM.translate(translator.delivery(payload, {**headers, **more}, instance=instance)).facts[0]
        for more, instance in (
            ({}, None),
            ({}, "https://git.acme.example/"),
            ({"x-github-enterprise-host": "ghe.acme.example"}, None),
        )
    )
    assert (plain.instance, named.instance) == (github.INSTANCE, "https://git.acme.example")
    assert enterprise.instance == "https://ghe.acme.example"
    assert event(plain, recorded=RECEIVED)["source"] == REPOSITORY


def _contradictions(one: dict[str, Any], other: dict[str, Any], path: str = "") -> Any:
    for key in one.keys() & other.keys():
        if isinstance(one[key], dict) and isinstance(other[key], dict):
            yield from _contradictions(one[key], other[key], f"{path}{key}.")
        elif one[key] != other[key]:
            yield f"{path}{key}"
