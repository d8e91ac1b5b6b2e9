"""The import of a GitLab project: the same facts as its hooks tell, from the API and from saved answers."""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from pipetrail_producers.importers.commands import importers
from pipetrail_producers.importers.errors import AccessError, NothingThereError
from pipetrail_producers.importers.gitlab.steps import steps
from pipetrail_producers.importers.rest.backfill import run
from pipetrail_producers.importers.rest.client import Client
from pipetrail_producers.importers.rest.position import Position
from pipetrail_producers.importers.rest.saved import SavedAnswers
from pipetrail_producers.importers.rest.source import Page, Params, members_of
from pipetrail_producers.webhook.fact import event
from pipetrail_producers.webhook.gitlab import SYSTEM
from pipetrail_producers.webhook.gitlab.place import Place
from pipetrail_sinks.opensearch.duplicates import contradictions
from support import gitlab, translator
from support.gitlab import ANSWERS, BOB, HEAD, INSTANCE, MERGED, OLD, REPOSITORY, Json
from support.outlet import Outlet
from support.rest_stand_in import Asked, Reply, StandIn, stand_in
from support.translator import RECEIVED, Event, delivery, short_types

PLACE = Place(INSTANCE, REPOSITORY, RECEIVED, "pay/shop")
BASE = "/api/v4/projects/pay%2Fshop/"


class Answers:
    """A source out of memory, one page a list."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers

    def get(self, path: str, params: Params | None = None) -> Any:
        """The answer."""
        del params
        if path not in self._answers:
            raise NothingThereError(path)
        return self._answers[path]

    def pages(self, path: str, params: Params | None = None, *, members: str = "", start: str | None = None) -> Iterator[Page]:
        """The answer as the only page."""
        del start
        yield Page(members_of(self.get(path, params), members), None)


def saved(folder: Path, answers: dict[str, Any]) -> Path:
    """The answers as files."""
    for path, answer in answers.items():
        file = folder / f"{path}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(answer), encoding="utf-8")
    return folder


# As ANSWERS have it, in a hook's spelling.
APPROVED = "2026-11-23 09:25:00 UTC"


def imported(folder: Path, **answers: Any) -> list[Event]:
    """The events of a project's answers."""
    outlet = Outlet()
    source = SavedAnswers(saved(folder, {**ANSWERS, **answers}))
    run(REPOSITORY, steps(PLACE, None), source, outlet, Position(None, {}), recorded=RECEIVED)
    return outlet.events


def of_hooks(*payloads: Json) -> set[str]:
    """The ids that hooks give."""
    return {fact.id for payload in payloads for fact in SYSTEM.translate(delivery(payload)).facts}


def ids(made: list[Event], *kinds: str) -> set[str]:
    """The ids of the events of some types."""
    return {one["id"] for one in made if short_types([one])[0] in kinds}


@pytest.mark.parametrize(
    ("kinds", "payloads"),
    [
        (("change.created",), [gitlab.merge_request("open")]),
        (("change.merged",), [gitlab.merge_request("merge", merge_commit_sha=MERGED)]),
        (("change.reviewed",), [gitlab.merge_request("approved", user=BOB, updated_at=APPROVED)]),
        (("pipelinerun.started", "pipelinerun.finished"), [gitlab.pipeline(builds=[])]),
        (("taskrun.started", "taskrun.finished"), [gitlab.job()]),
        (
            ("deployment.requested", "deployment.started", "deployment.finished"),
            [gitlab.deployment("created"), gitlab.deployment("running"), gitlab.deployment("success")],
        ),
        (("release.published",), [gitlab.release()]),
    ],
)
def test_an_import_and_the_hooks_tell_one_fact(kinds: tuple[str, ...], payloads: list[Json], tmp_path: Path) -> None:
    """A fact of the API and the same fact of a hook have one id."""
    assert ids(imported(tmp_path), *kinds) == of_hooks(*payloads)


def test_an_import_contradicts_no_hook(tmp_path: Path) -> None:
    """Where a hook and the import both name a field of a fact they say the same: the index takes all else for forgery.

    The times of requests' ends and deployments differ by what lies between the fact and GitLab's hook.
    """
    hooks = [
        gitlab.merge_request("open", title="Draft: retry", draft=True, last_commit={"id": OLD}),
        gitlab.merge_request("approval", user=BOB, updated_at=APPROVED),
        gitlab.merge_request("merge", merge_commit_sha=MERGED, user=BOB),
        gitlab.pipeline(builds=[]),
        gitlab.job(),
        *(gitlab.deployment(status) for status in ("created", "running", "success")),
        gitlab.release(),
    ]
    of_import = {one["id"]: one for one in imported(tmp_path)}
    told = [event(fact, recorded=RECEIVED) for hook in hooks for fact in SYSTEM.translate(delivery(hook)).facts]
    assert len(told) == 11
    assert {one["id"] for one in told} == of_import.keys() - ids(list(of_import.values()), "approval.decided")
    for one in told:
        assert list(contradictions(of_import[one["id"]]["data"], one["data"])) == [], one["type"]
    exact = {"change.created", "pipelinerun.started", "pipelinerun.finished", "taskrun.started", "taskrun.finished"}
    for one in told:
        assert short_types([one])[0] not in exact or one["time"] == of_import[one["id"]]["time"], one["type"]


def test_an_approval_whose_hook_has_another_time_has_two_witnesses(tmp_path: Path) -> None:
    """It has no number, and given again it is another one: only the time tells; both say who approved which head."""
    hook = gitlab.merge_request("approved", user=BOB, updated_at="2026-11-23 09:26:00 UTC")
    (of_hook,) = [event(fact, recorded=RECEIVED) for fact in SYSTEM.translate(delivery(hook)).facts]
    (of_import,) = [one for one in imported(tmp_path) if short_types([one]) == ["change.reviewed"]]
    assert of_hook["id"] != of_import["id"]
    assert of_hook["data"]["user"]["id"] == of_import["data"]["user"]["id"]
    assert of_hook["data"]["vcs"]["ref"]["head"]["revision"] == of_import["data"]["vcs"]["ref"]["head"]["revision"]


def test_a_closed_request_is_one_fact_too(tmp_path: Path) -> None:
    """Closing has no id: the head that it was closed at stands in for both."""
    closed = gitlab.rest_merge_request(state="closed", merge_commit_sha=None, closed_at="2026-11-23T09:40:00.000Z")
    made = imported(tmp_path, merge_requests=[closed])
    assert ids(made, "change.abandoned") == of_hooks(gitlab.merge_request("close"))


def test_everything_of_a_project_is_told_in_its_order(tmp_path: Path) -> None:
    """Requests with their approvals, pipelines with their jobs, deployments with theirs, releases."""
    assert short_types(imported(tmp_path)) == [
        "change.created",
        "change.merged",
        "change.reviewed",
        "pipelinerun.started",
        "pipelinerun.finished",
        "taskrun.started",
        "taskrun.finished",
        "deployment.requested",
        "approval.decided",
        "deployment.started",
        "deployment.finished",
        "release.published",
    ]


def test_an_approval_is_for_the_head_that_stood_then(tmp_path: Path) -> None:
    """The versions of a request say which head an approval was given at; without them, or its time, none is claimed."""
    early = {"approved_by": [{"user": BOB, "approved_at": "2026-11-23T09:10:00.000Z"}]}
    timeless = {"approved_by": [{"user": BOB}]}
    for number, (answer, head) in enumerate(((ANSWERS["merge_requests/17/approvals"], HEAD), (early, OLD), (timeless, None))):
        made = imported(tmp_path / str(number), **{"merge_requests/17/approvals": answer})
        (review,) = [one for one in made if short_types([one]) == ["change.reviewed"]]
        assert review["data"]["vcs"]["ref"]["head"].get("revision") == head


def test_a_deployments_approval_has_its_comment(tmp_path: Path) -> None:
    """Who decided, for which environment, and why."""
    (approval,) = [one["data"] for one in imported(tmp_path) if short_types([one]) == ["approval.decided"]]
    assert (approval["user"]["name"], approval["event"]["reason"]) == ("ann", "looks good")
    assert approval["deployment"]["environment"]["name"] == "production"


def test_a_merged_results_pipeline_is_no_run_of_the_head(tmp_path: Path) -> None:
    """The API shows in the ref that a temporary merge was tested; its jobs tested it, too."""
    ref = "refs/merge-requests/17/merge"
    answers = {"pipelines/31": gitlab.rest_pipeline(ref=ref), "pipelines/31/jobs": [gitlab.rest_job(ref=ref)]}
    runs = [one["data"] for one in imported(tmp_path, **answers) if "run." in one["type"]]
    assert len(runs) == 4
    for data in runs:
        assert "ref" not in data["vcs"]
        assert data["vcs"]["change"]["id"] == "17"
        assert data["pipetrail"]["change"]["test_merge_revision"] == HEAD


def test_a_member_that_cannot_be_told_costs_itself(tmp_path: Path) -> None:
    """A pipeline of a status of a later version is left out; the rest comes."""
    made = imported(tmp_path, **{"pipelines/31": gitlab.rest_pipeline(status="daydreaming")})
    assert "pipelinerun.finished" not in short_types(made)
    assert "release.published" in short_types(made)


def command(*arguments: str, env: dict[str, str] | None = None) -> Result:
    """`pipetrail import gitlab`."""
    return CliRunner().invoke(importers, ["gitlab", *arguments], env=env or {})


def test_saved_answers_are_imported_by_the_command(tmp_path: Path) -> None:
    """`--from-dir --dry-run` prints the events of the saved answers and sends nothing."""
    folder = saved(tmp_path, ANSWERS)
    result = command("pay/shop", "--url", f"{INSTANCE}/", "--from-dir", str(folder), "--dry-run")
    assert result.exit_code == 0, result.output
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(events) == 12
    assert {one["partitionkey"] for one in events} == {REPOSITORY}
    assert ids(events, "release.published") == of_hooks(gitlab.release())
    by_address = command(REPOSITORY, "--from-dir", str(folder), "--dry-run")
    assert [json.loads(line)["id"] for line in by_address.stdout.splitlines()] == [one["id"] for one in events]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["shop"], "is no path with its group"),
        (["pay/shop", "--url", "gitlab"], "is no address"),
        (["pay/shop", "--url", "ftp://host"], "is no address"),
    ],
)
def test_a_project_that_is_none_is_a_usage_error(arguments: list[str], said: str) -> None:
    """What is allowed is said before anything is asked."""
    result = command(*arguments)
    assert result.exit_code == 2
    assert said in result.output


def answering(server: StandIn, asked: Asked) -> Reply:
    """A stand-in for GitLab's API: the answers of ANSWERS, lists one member a page, the requests twice."""
    path = asked.path.removeprefix(BASE)
    if path not in ANSWERS:
        return Reply({"message": "404 Not Found"}, 404)
    answer = ANSWERS[path]
    if path == "merge_requests":
        answer = [gitlab.rest_merge_request(id=98, iid=16), *answer]
    return server.paged(asked, answer, 1) if isinstance(answer, list) else Reply(answer)


def test_the_api_is_read_page_by_page() -> None:
    """The token goes as a bearer, the path is one segment, `--since` becomes updated_after, pages follow each other."""
    with stand_in(answering) as server:
        arguments = ("pay/shop", "--url", server.url, "--since", "2026-11-01", "--token-env", "OURS", "--dry-run")
        result = command(*arguments, env={"OURS": "secret-of-the-test"})
    assert result.exit_code == 0, result.output
    assert short_types(json.loads(line) for line in result.stdout.splitlines()).count("change.merged") == 2
    assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer secret-of-the-test"}
    first = server.asked[0]
    assert first.path == f"{BASE}merge_requests"
    assert (first.query["updated_after"], first.query["state"]) == ("2026-11-01T00:00:00.000Z", "all")
    assert "secret-of-the-test" not in result.output


def test_an_import_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """A token that may not read pipelines ends the import; the next one does not ask for the requests again."""
    forbidden = {"pipelines"}

    def answer(server: StandIn, asked: Asked) -> Reply:
        is_forbidden = asked.path.removeprefix(BASE) in forbidden
        return Reply({"message": "403 Forbidden"}, 403) if is_forbidden else answering(server, asked)

    since = datetime(2026, 11, 1, tzinfo=UTC)
    with stand_in(answer) as server:
        client = Client(f"{server.url}{BASE}", {}, say=lambda _: None)
        file, first, second = tmp_path / "state.json", Outlet(), Outlet()
        with pytest.raises(AccessError):
            run(REPOSITORY, steps(PLACE, since), client, first, Position(file, {}), recorded=RECEIVED)
        forbidden.clear()
        asked_before = len(server.asked)
        run(REPOSITORY, steps(PLACE, since), client, second, Position(file, {}), recorded=RECEIVED)
        again = [asked.path for asked in server.asked[asked_before:]]
    assert set(short_types(first.events)) == {"change.created", "change.merged", "change.reviewed"}
    assert "change.merged" not in short_types(second.events)
    assert "release.published" in short_types(second.events)
    assert not any("merge_requests" in path for path in again)


@given(translator.damaged([ANSWERS]))
def test_any_answer_is_taken(answers: Any) -> None:
    """Whatever stands in whatever place of the answers, an import tells valid events and leaves out the rest."""
    source, outlet = Answers(answers if isinstance(answers, dict) else {}), Outlet()
    with contextlib.suppress(NothingThereError):
        run(REPOSITORY, steps(PLACE, RECEIVED), source, outlet, Position(None, {}), recorded=RECEIVED)
    assert all(one["partitionkey"] == REPOSITORY for one in outlet.events)
