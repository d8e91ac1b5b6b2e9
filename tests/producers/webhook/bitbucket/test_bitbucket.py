"""What Bitbucket's deliveries become, of Cloud and of Data Center, and what holds whatever is sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_producers.importers.commit import parse_commit
from pipetrail_producers.importers.commit_event import EventMaker
from pipetrail_producers.webhook.bitbucket import SYSTEM
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from support import bitbucket, translator
from support.bitbucket import HEAD, MERGED, NONE, OLD, REPOSITORY, ROOT, SERVER_REPOSITORY, Json
from support.translator import RECEIVED, Event, delivery, short_types, translated

Sample = tuple[str, Json]


def told(sample: Sample) -> Translation:
    """The translation of a sample."""
    kind, payload = sample
    return SYSTEM.translate(delivery(payload, {"x-event-key": kind}))


def events(sample: Sample) -> list[Event]:
    """Its events, which are valid."""
    kind, payload = sample
    return translated(SYSTEM, payload, {"x-event-key": kind})


def types(sample: Sample) -> list[str]:
    """Their types."""
    return short_types(events(sample))


def last(sample: Sample) -> Event:
    """The data of the last of them."""
    data: Event = events(sample)[-1]["data"]
    return data


@pytest.mark.parametrize("sample", bitbucket.SAMPLES)
def test_the_table_is_true(sample: Sample) -> None:
    """What the documentation's table lists for a kind is what the translator makes of it."""
    assert told(sample).facts
    translator.assert_table_is_true(SYSTEM, told(sample), sample[0])
    assert events(sample)


@given(translator.damaged([list(sample) for sample in bitbucket.SAMPLES]))
def test_any_damage_is_taken(sample: object) -> None:
    """Whatever stands in whatever place, a delivery becomes valid events, a sentence or an UntranslatableError."""
    kind, payload = sample if isinstance(sample, list) and len(sample) == 2 else ("", sample)
    headers = {"x-event-key": kind} if isinstance(kind, str) else {}
    translator.assert_is_total(SYSTEM, delivery(payload, headers))


@given(translator.JSON, st.sampled_from(sorted(SYSTEM.kinds)))
def test_any_payload_under_any_name_is_taken(payload: object, kind: str) -> None:
    """A payload that has nothing of its kind is refused by name, or says nothing."""
    translator.assert_is_total(SYSTEM, delivery(payload, {"x-event-key": kind}))


@pytest.mark.parametrize("text", [",pwd=x" * 400, "://:x@" * 400, "?" + "pwd=x&" * 99, "\ud800" * 2_000])
@pytest.mark.parametrize("sample", bitbucket.SAMPLES)
def test_texts_that_grow_do_not_outgrow_the_schema(sample: Sample, text: str) -> None:
    """Secrets, whose markers are longer than they are, and halves of surrogate pairs, in every text of a payload."""
    translator.assert_is_total(SYSTEM, delivery(grown(sample[1], text), {"x-event-key": sample[0]}))


def grown(value: Any, text: str) -> Any:
    """The payload with so much more behind each of its texts, but for those that decide what it is."""
    if isinstance(value, dict):
        kept = {"eventKey", "state", "type", "hash", "links", "key", "slug"}
        return {name: item if name in kept else grown(item, text) for name, item in value.items()}
    if isinstance(value, list):
        return [grown(item, text) for item in value]
    return value + text if isinstance(value, str) else value


def test_a_delivery_told_again_is_the_same_facts() -> None:
    """A redelivery makes the same ids, and no two facts of a delivery share one."""
    for sample in bitbucket.SAMPLES:
        first, second = (told(sample).facts for _ in range(2))
        assert [fact.id for fact in first] == [fact.id for fact in second]
        assert len({fact.id for fact in first}) == len(first)


def test_a_push_of_cloud() -> None:
    """The listed commits, then the ref with the commits before and after it."""
    assert types(bitbucket.push()) == ["commit.recorded", "push.received"]
    assert types(bitbucket.push(None)) == ["commit.recorded", "branch.created", "push.received"]
    assert types(bitbucket.push(HEAD, None)) == ["branch.deleted"]
    assert types(bitbucket.push(None, name="v1", kind="tag")) == ["push.received", "tag.created"]
    data = last(bitbucket.push())
    assert data["vcs"]["ref"] == {
        "head": {"name": "main", "type": "branch", "revision": HEAD},
        "base": {"revision": OLD},
    }
    assert data["vcs"]["repository"]["url"]["full"] == REPOSITORY
    assert (data["user"]["name"], data["user"]["id"]) == ("ann", "557058:aa")


def test_a_forced_push_says_so() -> None:
    """Cloud tells whether history was rewritten."""
    assert last(bitbucket.push(forced=True))["pipetrail"]["labels"]["forced"] == "true"
    assert "labels" not in last(bitbucket.push())["pipetrail"]


def test_a_cut_list_of_commits_is_a_gap() -> None:
    """Cloud says that a list is cut; in Data Center's the old head is no listed commit's parent."""
    assert types(bitbucket.push(truncated=True))[-1] == "source.gap"
    chain = [{"id": f"{number:040x}", "message": "m", "parents": [{"id": f"{number - 1:040x}"}]} for number in (9, 8, 7, 6, 5)]
    assert types(bitbucket.refs_changed(commits=chain))[-1] == "source.gap"
    whole = [*chain[:-1], {**chain[-1], "parents": [{"id": OLD}]}]
    assert types(bitbucket.refs_changed(commits=whole))[-1] == "push.received"


def test_a_listed_commit_is_the_commit_that_git_tells() -> None:
    """A hook's commit.recorded and the git importer's have one id, in Cloud and in Data Center."""
    raw = b"tree " + b"0" * 40 + b"\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nPAY-17"
    for sample, repository in ((bitbucket.push(), REPOSITORY), (bitbucket.refs_changed(), SERVER_REPOSITORY)):
        of_git = EventMaker(repository, RECEIVED).commit(HEAD, parse_commit(raw))
        assert told(sample).facts[0].id.encode() in of_git
        commit = events(sample)[0]["data"]
        assert commit["user"] == {"name": "Ann Lee", "email": "ann@acme.example"}
        assert commit["pipetrail"]["commit"]["parents"] == [OLD]


def test_a_push_of_data_center() -> None:
    """Each ref by its change, at the delivery's own time, in a repository that is known by its clone address."""
    assert types(bitbucket.refs_changed()) == ["commit.recorded", "push.received"]
    assert types(bitbucket.refs_changed(HEAD, NONE, commits=[])) == ["branch.deleted"]
    assert types(bitbucket.refs_changed(NONE, HEAD, name="v1", kind="TAG", commits=[])) == ["push.received", "tag.created"]
    pushed = events(bitbucket.refs_changed())[-1]
    assert pushed["time"] == "2026-11-23T09:02:11.000Z"
    assert pushed["partitionkey"] == SERVER_REPOSITORY


def test_a_repository_of_data_center_is_found_without_clone_addresses() -> None:
    """Older versions give its page only, or no link at all: then the settings' instance stands in."""
    links = {"self": [{"href": "https://git.acme.example/projects/PAY/repos/shop/browse"}]}
    kind, payload = bitbucket.refs_changed(repository={**bitbucket.SERVER_REPO, "links": links})
    assert events((kind, payload))[-1]["partitionkey"] == SERVER_REPOSITORY
    bare = {**payload, "repository": {"slug": "shop", "project": {"key": "PAY"}}}
    with pytest.raises(UntranslatableError, match="setting `instance`"):
        told((kind, bare))
    (*_, pushed) = translated(SYSTEM, bare, {"x-event-key": kind}, instance="https://git.acme.example/")
    assert pushed["partitionkey"] == SERVER_REPOSITORY


@pytest.mark.parametrize(
    ("sample", "type_", "decision"),
    [
        (bitbucket.pull_request("created"), "change.created", None),
        (bitbucket.pull_request("updated"), "change.updated", None),
        (bitbucket.pull_request("approved"), "change.reviewed", "approved"),
        (bitbucket.pull_request("unapproved"), "change.reviewed", "dismissed"),
        (bitbucket.pull_request("changes_request_created"), "change.reviewed", "rejected"),
        (bitbucket.pull_request("fulfilled"), "change.merged", None),
        (bitbucket.pull_request("rejected"), "change.abandoned", None),
        (bitbucket.server_request("opened"), "change.created", None),
        (bitbucket.server_request("reviewer:approved"), "change.reviewed", "approved"),
        (bitbucket.server_request("reviewer:unapproved"), "change.reviewed", "dismissed"),
        (bitbucket.server_request("reviewer:needs_work"), "change.reviewed", "rejected"),
        (bitbucket.server_request("merged"), "change.merged", None),
        (bitbucket.server_request("declined"), "change.abandoned", None),
        (bitbucket.server_request("deleted"), "change.abandoned", None),
    ],
)
def test_pull_requests(sample: Sample, type_: str, decision: str | None) -> None:
    """Each kind has its type and decision, with number, branches, ticket and who did it."""
    assert types(sample) == [type_]
    data = last(sample)
    assert data["pipetrail"].get("decision") == decision
    assert (data["vcs"]["change"]["id"], data["pipetrail"]["ticket"]["id"], data["user"]["name"]) == ("17", "PAY-17", "ann")
    assert (data["vcs"]["ref"]["head"]["name"], data["vcs"]["ref"]["base"]["name"]) == ("retry", "main")


def test_cloud_shortens_the_commits_of_a_pull_request() -> None:
    """A shortened merge commit is no key and kept as a label; Data Center's whole one is the merge revision."""
    short = last(bitbucket.pull_request("fulfilled", merge_commit={"hash": MERGED[:12]}))
    assert short["pipetrail"]["labels"]["merge_revision_short"] == MERGED[:12]
    assert "change" not in short["pipetrail"]
    assert short["vcs"]["ref"]["head"]["revision"] == HEAD[:12]
    whole = last(bitbucket.server_request("merged", properties={"mergeCommit": {"id": MERGED}}))
    assert whole["pipetrail"]["change"]["merge_revision"] == MERGED
    assert whole["vcs"]["ref"]["head"]["revision"] == HEAD


def test_a_merge_commit_is_trusted_only_when_merged() -> None:
    """An open request that names one has none."""
    assert "change" not in last(bitbucket.server_request("modified", properties={"mergeCommit": {"id": MERGED}}))["pipetrail"]


def test_an_approval_is_for_a_head_and_of_a_person() -> None:
    """The same approval told again is one fact; of another head or person it is another."""
    first, same, later, other = (
        told(bitbucket.pull_request("approved", **changed)).facts[0].id
        for changed in ({}, {}, {"source": {"commit": {"hash": ROOT[:12]}}}, {"actor": bitbucket.BOB})
    )
    assert first == same
    assert len({first, later, other}) == 3


def test_an_approval_that_is_given_again_after_it_was_taken_back_is_another_one() -> None:
    """At the same head, by the same person: what tells them apart is when each was given."""
    first, again = (
        told(bitbucket.pull_request("approved", approval={"date": f"2026-11-23T09:2{minute}:00+00:00"})).facts[0].id
        for minute in (5, 7)
    )
    assert first != again


def test_an_approval_has_its_own_time() -> None:
    """When it was given, not when the request was last altered."""
    (made,) = events(bitbucket.pull_request("approved", approval={"date": "2026-11-23T09:25:00+00:00", "user": bitbucket.ANN}))
    assert made["time"] == "2026-11-23T09:25:00.000Z"


def test_a_branch_of_a_fork_is_marked() -> None:
    """The head branch of a request from a fork is another repository's."""
    fork = {"links": {"html": {"href": "https://bitbucket.org/eve/shop"}}}
    source = {"branch": {"name": "main"}, "commit": {"hash": HEAD[:12]}, "repository": fork}
    forked = last(bitbucket.pull_request("created", source=source))
    assert forked["pipetrail"]["labels"]["source_repository"] == "https://bitbucket.org/eve/shop"
    assert "labels" not in last(bitbucket.pull_request("created"))["pipetrail"]


def test_a_new_head_says_which_it_replaced() -> None:
    """pr:from_ref_updated names the head before."""
    data = last(bitbucket.server_request("from_ref_updated", previousFromHash=OLD))
    assert data["pipetrail"]["labels"]["previous_revision"] == OLD


@pytest.mark.parametrize(
    ("state", "type_", "result"),
    [
        ("INPROGRESS", "started", None),
        ("SUCCESSFUL", "finished", "success"),
        ("FAILED", "finished", "failure"),
        ("STOPPED", "finished", "cancellation"),
    ],
)
def test_statuses(state: str, type_: str, result: str | None) -> None:
    """A status is a task by its name on a commit; one of Pipelines' own is its run."""
    task = bitbucket.status(state)
    assert types(task) == [f"taskrun.{type_}"]
    assert last(task)["pipetrail"].get("result") == result
    assert last(task)["vcs"]["ref"]["head"] == {"name": "main", "type": "branch", "revision": HEAD}
    for url in (f"{REPOSITORY}/pipelines/results/12", f"{REPOSITORY}/addon/pipelines/home#!/results/12"):
        run = bitbucket.status(state, url=url)
        assert types(run) == [f"pipelinerun.{type_}"]
        assert last(run)["cicd"]["pipeline"]["run"]["id"] == "12"


def test_a_status_that_is_reported_anew_is_another_end() -> None:
    """The same key may end again; the same report told twice is one."""
    first, same, again = (
        told(bitbucket.status(updated_on=time)).facts[0].id
        for time in ("2026-11-23T09:06:00+00:00", "2026-11-23T09:06:00+00:00", "2026-11-23T09:46:00+00:00")
    )
    assert first == same != again


def test_a_repository_that_was_opened_to_all_is_a_changed_rule() -> None:
    """What it was and what it is now are kept."""
    samples = dict(bitbucket.SAMPLES)
    opened = last(("repo:updated", samples["repo:updated"]))
    assert opened["pipetrail"]["control"] == "repository"
    assert opened["pipetrail"]["labels"] == {"is_private_old": "true", "is_private_new": "false"}
    modified = last(("repo:modified", samples["repo:modified"]))
    assert modified["pipetrail"]["labels"] == {"name_old": "till", "name_new": "shop", "public_new": "true"}


def test_tickets() -> None:
    """An issue of Cloud's tracker has the id that commit messages write."""
    assert last(bitbucket.issue())["pipetrail"]["ticket"] == {"id": "#23", "url": {"full": f"{REPOSITORY}/issues/23"}}
    assert types(bitbucket.issue("updated")) == ["ticket.updated"]
    assert types(bitbucket.issue("updated", state="resolved")) == ["ticket.closed"]


def test_an_app_and_a_service_are_no_persons() -> None:
    """Cloud's apps and Data Center's service users are told apart from people."""
    for user, kind in (
        ({**bitbucket.ANN, "type": "app_user"}, "app"),
        ({"name": "ci", "type": "SERVICE"}, "service_account"),
        ({}, "unknown"),
    ):
        assert last(bitbucket.pull_request("created", actor=user))["pipetrail"]["actor"]["type"] == kind


@pytest.mark.parametrize("kind", [name for name, described in SYSTEM.kinds.items() if not described.events])
def test_what_says_nothing_about_delivery_is_counted(kind: str) -> None:
    """Kinds that say nothing are acknowledged with a sentence, whatever is in them."""
    assert told((kind, {})).silent


def test_the_kind_is_found_without_its_header() -> None:
    """Data Center repeats it in the payload; a delivery without either is refused by name."""
    assert SYSTEM.kind(delivery(bitbucket.refs_changed()[1])) == "repo:refs_changed"
    with pytest.raises(UntranslatableError, match="bitbucket: kind 'unnamed' is not known"):
        SYSTEM.translate(delivery({}))
