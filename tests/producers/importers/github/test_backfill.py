"""A repository's past out of GitHub's REST API, which a stand-in on this machine plays."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pipetrail_producers.importers.errors import UnavailableError
from pipetrail_producers.importers.github import deliveries
from pipetrail_producers.importers.github.commands import import_github
from pipetrail_producers.importers.github.steps import steps
from pipetrail_producers.importers.rest.backfill import Summary, run
from pipetrail_producers.importers.rest.client import Client
from pipetrail_producers.importers.rest.position import Position
from pipetrail_producers.importers.rest.source import Source
from pipetrail_producers.webhook.github import SYSTEM
from pipetrail_producers.webhook.github.place import Place
from pipetrail_schemas.check import lookup
from pipetrail_schemas.errors import SettingError
from support import github, translator
from support.outlet import Outlet
from support.rest_stand_in import Asked, Reply, StandIn, stand_in
from support.translator import RECEIVED, short_types

Event = dict[str, Any]
REPO = "/repos/pay/shop/"
PLACE = Place(github.INSTANCE, github.REPOSITORY, RECEIVED)
# The newest first, as GitHub lists runs.
RUNS = [github.run(id=30 + number, created_at=f"2026-11-{number:02}T09:03:00Z") for number in (9, 8, 7)]

# Closed unmerged, with another head than the merged one.
OTHER = github.closed(id=9918, number=18, head={"ref": "other", "sha": github.OLD})

STATUS = next(payload for kind, payload in github.SAMPLES if kind == "status")


def listed(request: dict[str, Any]) -> dict[str, Any]:
    """A request as lists have it: they say neither whether it is merged nor by whom."""
    return {key: value for key, value in request.items() if key not in {"merged", "merged_by"}}


def as_rest(review: dict[str, Any]) -> dict[str, Any]:
    """A review as REST writes its state."""
    return {**review, "state": review["state"].upper()}


ANSWERS: dict[str, Any] = {
    "pulls": [listed(github.merged()), listed(OTHER)],
    "pulls/17": github.merged(),
    "pulls/17/reviews": [as_rest(github.review()), as_rest(github.review("dismissed", id=502))],
    "pulls/18/reviews": [],
    "issues/17/events": [
        {"event": "labeled"},
        {
            "event": "review_dismissed",
            "actor": github.ANN,
            "created_at": "2026-11-23T09:30:00Z",
            "dismissed_review": {"review_id": 502, "state": "changes_requested", "dismissal_message": "done"},
        },
    ],
    f"commits/{github.HEAD}/check-runs": {"check_runs": [github.check_run(), github.check_run(id=1, app="github-actions")]},
    f"commits/{github.MERGED}/check-runs": {"check_runs": []},
    f"commits/{github.HEAD}/statuses": [
        {key: value for key, value in STATUS.items() if key not in {"sha", "sender", "repository", "branches"}}
        | {"creator": github.ANN}
    ],
    f"commits/{github.MERGED}/statuses": [],
    f"commits/{github.OLD}/statuses": [],
    f"commits/{github.OLD}/check-runs": {"check_runs": []},
    "actions/runs": {
        "workflow_runs": [github.run(run_attempt=2, triggering_actor=github.BOB, run_started_at="2026-11-23T10:00:00Z")]
    },
    "actions/runs/31/attempts/1": github.run(conclusion="failure"),
    "actions/runs/31/jobs": {"jobs": [github.job(conclusion="failure"), github.job(id=381, run_attempt=2)]},
    "deployments": [github.deployment()],
    "deployments/71/statuses": [github.deployment_status(), github.deployment_status("in_progress", id=710)],
    "releases": [github.release(), github.release(id=89, draft=True)],
}


def answers(asked: Asked) -> Reply:
    """GitHub's answer, all on one page."""
    found = ANSWERS.get(asked.path.removeprefix(REPO))
    return Reply({"message": "Not Found"}, 404) if found is None else Reply(found)


def client(server: StandIn, slept: list[float] | None = None) -> Client:
    """A client that does not really wait."""
    waits = [] if slept is None else slept
    return Client(f"{server.url}{REPO}", {}, say=lambda _: None, sleep=waits.append, clock=lambda: RECEIVED)


def imported(source: Source, position: Position | None = None, since: datetime | None = None) -> tuple[list[Event], Summary]:
    """What an import tells."""
    outlet = Outlet()
    summary = run(github.REPOSITORY, steps(PLACE, since), source, outlet, position or Position(None, {}), recorded=RECEIVED)
    return outlet.events, summary


@pytest.fixture(scope="module")
def past() -> list[Event]:
    """All that ANSWERS tell."""
    with stand_in(lambda _server, asked: answers(asked)) as server:
        events, summary = imported(client(server))
    assert (summary.left_out, summary.missing, summary.absent_steps) == ([], [], [])
    return events


WEBHOOKS = [
    (
        "pull_request",
        github.hook("opened", pull_request=github.request(title="an earlier title", head={"ref": "retry", "sha": github.OLD})),
    ),
    ("pull_request", github.hook("closed", pull_request=github.merged())),
    ("pull_request", github.hook("closed", pull_request=OTHER)),
    ("pull_request_review", github.hook("submitted", review=github.review(), pull_request=github.request())),
    (
        "pull_request_review",
        github.hook("submitted", review=github.review("changes_requested", id=502), pull_request=github.request()),
    ),
    (
        "pull_request_review",
        github.hook(
            "dismissed",
            review=github.review("dismissed", id=502),
            pull_request=github.request(updated_at="2026-11-23T09:30:00Z"),
        ),
    ),
    ("workflow_run", github.hook("completed", workflow_run=github.run(conclusion="failure"))),
    (
        "workflow_run",
        github.hook(
            "completed",
            workflow_run=github.run(run_attempt=2, triggering_actor=github.BOB, run_started_at="2026-11-23T10:00:00Z"),
        ),
    ),
    ("workflow_job", github.hook("completed", workflow_job=github.job(conclusion="failure"))),
    ("check_run", github.hook("completed", check_run=github.check_run())),
    ("status", STATUS),
    ("deployment", github.hook("created", deployment=github.deployment(), workflow_run=github.run(id=33))),
    ("deployment_status", github.hook("created", deployment_status=github.deployment_status(), deployment=github.deployment())),
    ("release", github.hook("published", release=github.release())),
]


@pytest.mark.parametrize(("kind", "payload"), WEBHOOKS)
def test_importer_and_webhook_tell_one_fact(past: list[Event], kind: str, payload: Any) -> None:
    """The same id, time and type; and no field that both have says something else: told twice counts once."""
    by_id = {one["id"]: one for one in past}
    told = translator.translated(SYSTEM, payload, {"x-github-event": kind})
    assert told
    for one in told:
        assert one["id"] in by_id, one["type"]
        assert list(contradictions(one, by_id[one["id"]])) == []


def test_the_whole_past_is_told(past: list[Event]) -> None:
    """Everything that the answers hold, in the order of happening within each thing, each fact once."""
    types = short_types(past)
    assert {name: types.count(name) for name in dict.fromkeys(types)} == {
        "change.created": 2,
        "change.merged": 1,
        "change.reviewed": 3,
        "taskrun.started": 3,
        "taskrun.finished": 4,
        "change.abandoned": 1,
        "pipelinerun.started": 2,
        "pipelinerun.finished": 2,
        "intervention.recorded": 1,
        "deployment.requested": 1,
        "deployment.started": 1,
        "deployment.finished": 1,
        "release.published": 1,
        "artifact.published": 1,
    }
    assert len({one["id"] for one in past}) == len(past)


def test_who_merged_is_asked_for(past: list[Event]) -> None:
    """Lists of pull requests do not say it: the single answer does."""
    merged = next(one for one in past if one["type"].startswith("dev.pipetrail.change.merged"))
    assert merged["data"]["user"] == {"id": "8", "name": "bob"}
    assert merged["data"]["pipetrail"]["change"] == {"merge_revision": github.MERGED}


def test_a_dismissed_review_is_told_with_what_it_had_decided(past: list[Event]) -> None:
    """REST forgets it; the request's event remembers."""
    reviews = [one["data"]["pipetrail"]["decision"] for one in past if one["type"].startswith("dev.pipetrail.change.reviewed")]
    assert reviews == ["approved", "rejected", "dismissed"]


@pytest.mark.parametrize("account", [None, github.user("ghost", 10_137)])
def test_an_account_that_was_deleted_contradicts_nobody(account: Any) -> None:
    """REST names a stand-in, or nobody, where the webhook knew who it was: then the importer says nothing of it."""
    request = github.merged(user=account, merged_by=account)
    known: dict[str, Any] = {"pulls": [listed(request)], "pulls/17": request}

    def answer(_server: StandIn, asked: Asked) -> Reply:
        path = asked.path.removeprefix(REPO)
        return Reply(known.get(path, {"check_runs": []} if path.endswith("runs") else []))

    with stand_in(answer) as server:
        events, _ = imported(client(server))
    assert short_types(events) == ["change.created", "change.merged"]
    fields = ("user", "pipetrail.actor", "pipetrail.labels.author")
    assert [lookup(one["data"], field) for one in events for field in fields] == [None] * 6


def broken_off(failing: Callable[[Asked], bool]) -> Callable[[StandIn, Asked], Reply]:
    """GitHub with three runs, one a page; what `failing` says is an outage."""

    def answer(server: StandIn, asked: Asked) -> Reply:
        if failing(asked):
            return Reply({}, 502)
        path = asked.path.removeprefix(REPO)
        if path == "actions/runs":
            return server.paged(asked, RUNS, 1, "workflow_runs")
        return Reply({"jobs": []} if path.endswith("jobs") else [])

    return answer


def test_an_import_goes_on_where_an_outage_ended_it(tmp_path: Path) -> None:
    """After the outage nothing is asked again that was acknowledged, and in the end nothing is missing."""
    file, plan = tmp_path / "place.json", {"origin": github.REPOSITORY}
    is_down = [True]
    with stand_in(broken_off(lambda asked: is_down[0] and asked.query.get("page") == "3")) as server:
        with pytest.raises(UnavailableError, match="goes on from here"):
            imported(client(server), Position(file, plan))
        is_down[0] = False
        before = len(server.asked)
        events, summary = imported(client(server), Position(file, plan))
        asked = [one.query.get("page") for one in server.asked[before:] if one.path.endswith("actions/runs")]
    assert summary.resumed
    assert asked == ["3"]
    assert {one["data"]["cicd"]["pipeline"]["run"]["id"] for one in events} == {"37"}
    assert not file.exists()


def test_a_rate_limit_costs_time_and_nothing_else() -> None:
    """403 with nothing remaining: waited out until the reset, then everything is told."""
    limited = [True]
    reset = str(int(RECEIVED.timestamp()) + 600)

    def answer(server: StandIn, asked: Asked) -> Reply:
        if limited[0] and asked.path.endswith("jobs"):
            limited[0] = False
            return Reply({}, 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})
        return broken_off(lambda _: False)(server, asked)

    slept: list[float] = []
    with stand_in(answer) as server:
        events, _ = imported(client(server, slept))
    assert slept == [601.0]
    assert {one["data"]["cicd"]["pipeline"]["run"]["id"] for one in events} == {"37", "38", "39"}


def test_since_ends_a_list_at_what_is_older() -> None:
    """Runs are listed from the newest on: no page is asked for behind the first that is too old."""
    with stand_in(broken_off(lambda _: False)) as server:
        events, _ = imported(client(server), since=datetime(2026, 11, 8, 12, tzinfo=UTC))
        pages = [asked for asked in server.asked if asked.path.endswith("actions/runs")]
    assert {one["data"]["cicd"]["pipeline"]["run"]["id"] for one in events} == {"39"}
    assert len(pages) == 2


def test_what_was_made_of_nonsense_is_left_out_and_told() -> None:
    """An answer that is no pull request costs itself."""
    nonsense = [{"number": 1}, 17, None, {"id": 5, "number": 5, "state": "open", "created_at": "2026-11-23T09:00:00Z"}]

    def answer(_server: StandIn, asked: Asked) -> Reply:
        return Reply(nonsense if asked.path.endswith("/pulls") else {})

    with stand_in(answer) as server:
        events, summary = imported(client(server))
    assert short_types(events) == ["change.created"]
    assert len(summary.left_out) == 3


def saved(folder: Path) -> Path:
    """ANSWERS as a folder of files."""
    for path, content in ANSWERS.items():
        file = folder / f"{path}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_the_command_reads_saved_answers_without_the_network(tmp_path: Path, past: list[Event]) -> None:
    """--from-dir tells what the API told; --dry-run prints it, and the summary goes to stderr."""
    arguments = ["pay/shop", "--url", github.INSTANCE, "--from-dir", str(saved(tmp_path)), "--dry-run", "--json"]
    done = CliRunner().invoke(import_github, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["id"] for one in events] == [one["id"] for one in past]
    summary = json.loads(done.stderr)
    assert (summary["events"]["change.merged"], summary["notes"]) == (1, [])


def test_the_command_asks_the_api_with_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token's variable is named, its value is sent as a bearer token, with the version of the API."""
    monkeypatch.setenv("MY_TOKEN", "t0ken")
    with stand_in(lambda _server, asked: answers(asked)) as server:
        arguments = ["pay/shop", "--api-url", server.url, "--token-env", "MY_TOKEN", "--dry-run"]
        done = CliRunner().invoke(import_github, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "Read 24 events of https://github.com/pay/shop" in done.stderr
    assert {one.headers["authorization"] for one in server.asked} == {"Bearer t0ken"}
    assert {one.headers["x-github-api-version"] for one in server.asked} == {"2022-11-28"}


def test_a_token_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that was named and is not set stops the import before anything is asked."""
    monkeypatch.delenv("MY_TOKEN", raising=False)
    with stand_in(lambda _server, asked: answers(asked)) as server:
        arguments = ["pay/shop", "--api-url", server.url, "--token-env", "MY_TOKEN", "--dry-run"]
        with pytest.raises(SettingError, match="MY_TOKEN is not set"):
            CliRunner().invoke(import_github, arguments, catch_exceptions=False)
    assert server.asked == []


def test_failed_deliveries_are_fetched_and_told_as_they_would_have_been() -> None:
    """GitHub repeats no delivery by itself: what was not answered with success is told with the webhook's own ids."""
    payload = github.hook("edited", rule=github.rule(), changes={"admin_enforced": {"from": True}})
    failed = {
        "id": 5,
        "guid": "72d3162e",
        "delivered_at": "2026-11-23T09:30:01Z",
        "status_code": 502,
        "event": "branch_protection_rule",
    }
    known: dict[str, Any] = {
        "hooks/12/deliveries": [failed, {**failed, "id": 4, "status_code": 202}],
        "hooks/12/deliveries/5": {
            **failed,
            "request": {"headers": {"X-GitHub-Event": "branch_protection_rule"}, "payload": payload},
        },
    }

    def answer(_server: StandIn, asked: Asked) -> Reply:
        found = known.get(asked.path.removeprefix(REPO))
        return Reply(found) if found is not None else Reply({}, 404)

    outlet = Outlet()
    with stand_in(answer) as server:
        wanted = [deliveries.step("12", PLACE)]
        run(github.REPOSITORY, wanted, client(server), outlet, Position(None, {}), recorded=RECEIVED)
    headers = {"x-github-event": "branch_protection_rule", "x-github-delivery": "72d3162e"}
    assert outlet.events == translator.translated(SYSTEM, payload, headers, instance=github.INSTANCE)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["shop"], "octo-org/octo-repo"),
        (["a/b/c"], "octo-org/octo-repo"),
        (["pay/shop", "--url", "github"], "https://github.com"),
        (["pay/shop", "--since", "yesterday"], "2026-11-23"),
        (["pay/shop", "--hook", "../1"], "webhook's number"),
    ],
)
def test_usage_errors_say_what_is_allowed(arguments: list[str], said: str) -> None:
    """A wrong argument is named, with an example of a right one."""
    done = CliRunner().invoke(import_github, [*arguments, "--dry-run"])
    assert done.exit_code == 2
    assert said in done.stderr


def contradictions(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """The fields that both have and that differ, but for when it was recorded and what people can rename later."""
    for key in one.keys() & other.keys():
        field = f"{path}{key}"
        if isinstance(one[key], dict) and isinstance(other[key], dict):
            yield from contradictions(one[key], other[key], f"{field}.")
        elif one[key] != other[key]:
            yield field
