"""`pipetrail import jenkins`: a Jenkins' REST API, played on this machine, and saved answers."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pipetrail_producers.importers.commands import importers
from pipetrail_producers.importers.errors import AccessError
from pipetrail_producers.importers.jenkins.jobs import RANGE, Builds
from pipetrail_producers.importers.rest.backfill import Step, run
from pipetrail_producers.importers.rest.client import Client
from pipetrail_producers.importers.rest.position import Position
from pipetrail_producers.webhook.jenkins import SYSTEM, rest
from support.outlet import Outlet
from support.rest_stand_in import Asked, Reply, StandIn, stand_in
from support.translator import RECEIVED, Event, delivery, short_types

STARTED_MS = 1_795_424_531_000
ROOT = "https://ci.example"
FOLDER = "com.cloudbees.hudson.plugin.folder.Folder"
JOB = "hudson.model.FreeStyleProject"


def build(job: str, number: int, **more: Any) -> dict[str, Any]:
    """A build as the REST API shows it."""
    return {
        "_class": "hudson.model.FreeStyleBuild",
        "number": number,
        "url": f"{ROOT}/{job}/{number}/",
        "queueId": 1_000 + number,
        "timestamp": STARTED_MS + number * 1_000,
        "duration": 500,
        "result": "SUCCESS",
        "actions": [
            {"_class": "hudson.model.CauseAction", "causes": [{"_class": "hudson.triggers.TimerTrigger$TimerTriggerCause"}]}
        ],
        **more,
    }


TREE = {
    "jobs": [
        {"_class": JOB, "name": "nightly"},
        {"_class": FOLDER, "name": "pay", "jobs": [{"_class": FOLDER, "name": "deep"}, {"_class": JOB, "name": "a b/c%2Fd"}]},
        {"_class": FOLDER, "name": "empty", "jobs": []},
    ]
}
DEEP = {"jobs": [{"_class": JOB, "name": "shop"}]}
MANY = RANGE * 2 + 50


def answer(server: StandIn, asked: Asked) -> Reply:
    """A Jenkins with three jobs, one of them with many builds."""
    del server
    builds = {
        "/job/nightly/api/json": [build("job/nightly", number) for number in range(MANY, 0, -1)],
        "/job/pay/job/deep/job/shop/api/json": [build("job/pay/job/deep/job/shop", 2, result=None), build("x/job/shop", 1)],
        "/job/pay/job/a%20b%2Fc%252Fd/api/json": [],
    }
    trees = {"/api/json": TREE, "/job/pay/job/deep/api/json": DEEP}
    tree = asked.query.get("tree", "")
    if asked.path in trees and tree.startswith("jobs["):
        return Reply(trees[asked.path])
    found = re.fullmatch(r"allBuilds\[.*\]\{(\d+),(\d+)\}", tree)
    if found and asked.path in builds:
        return Reply({"allBuilds": builds[asked.path][int(found[1]) : int(found[2])]})
    return Reply({}, status=404)


def imported(*arguments: str, env: dict[str, str] | None = None) -> tuple[list[Event], Result]:
    """The events that a dry run prints, and the run's result."""
    result = CliRunner().invoke(importers, ["jenkins", "--dry-run", "--json", *arguments], env=env)
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith('{"specversion"')], result


def test_all_builds_of_all_jobs_are_read_in_ranges() -> None:
    """Jobs in folders at any depth, more builds than one answer holds, each once; a running build has begun only."""
    with stand_in(answer) as server:
        made, result = imported(server.url)
    assert result.exit_code == 0, result.output
    assert short_types(made).count("pipelinerun.finished") == MANY + 1
    assert short_types(made).count("pipelinerun.started") == MANY + 2
    assert len({one["id"] for one in made}) == len(made)
    assert len([one for one in server.asked if one.path == "/job/nightly/api/json"]) == 3


def test_an_import_and_the_plugins_tell_one_fact() -> None:
    """A build of the REST API and the same build of the Notification plugin have one id for each end."""
    payload = {
        "url": "job/nightly/",
        "build": {
            "full_url": f"{ROOT}/job/nightly/7/",
            "number": 7,
            "phase": "FINALIZED",
            "status": "SUCCESS",
            "timestamp": STARTED_MS + 7_500,
            "duration": 500,
        },
    }
    with stand_in(answer) as server:
        made, _ = imported(server.url)
    assert {fact.id for fact in SYSTEM.translate(delivery(payload)).facts} <= {one["id"] for one in made}


def test_an_import_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """A Jenkins that forbids the second range of builds ends the import; the next one asks for that range first."""
    forbidden = {f"{{{RANGE},{2 * RANGE}}}"}

    def moody(server: StandIn, asked: Asked) -> Reply:
        is_forbidden = any(asked.query.get("tree", "").endswith(one) for one in forbidden)
        return Reply({}, status=403) if is_forbidden else answer(server, asked)

    step = Step("nightly", "job/nightly/api/json", lambda _, member: rest.facts(rest.build(member), None), members="allBuilds")
    file, outlet = tmp_path / "state.json", Outlet()
    with stand_in(moody) as server:
        source = Builds(Client(server.url, {}, say=lambda _: None))
        with pytest.raises(AccessError):
            run(ROOT, [step], source, outlet, Position(file, {}), recorded=RECEIVED)
        assert len(outlet.events) == 2 * RANGE
        forbidden.clear()
        asked_before = len(server.asked)
        summary = run(ROOT, [step], source, outlet, Position(file, {}), recorded=RECEIVED)
        assert [re.findall(r"\{(\d+),", asked.query["tree"])[-1] for asked in server.asked[asked_before:]] == ["100", "200"]
    assert summary.resumed
    assert len(outlet.events) == len({event["id"] for event in outlet.events}) == 2 * MANY


def test_since_ends_the_reading_at_the_first_older_build() -> None:
    """Builds come newest first: what is older is not asked for."""
    with stand_in(answer) as server:
        made, _ = imported(server.url, "--since", "2099-01-01")
    assert made == []
    assert len([one for one in server.asked if one.path == "/job/nightly/api/json"]) == 1


def test_a_token_is_sent_with_its_user_and_refused_without() -> None:
    """Jenkins' API tokens are a user's: HTTP Basic; a token alone is a usage error."""
    with stand_in(answer) as server:
        imported(server.url, env={"JENKINS_USER_ID": "ann", "JENKINS_API_TOKEN": "11aa"})
        assert {one.headers["authorization"] for one in server.asked} == {"Basic " + base64.b64encode(b"ann:11aa").decode()}
        _, result = imported(server.url, env={"JENKINS_API_TOKEN": "11aa", "JENKINS_USER_ID": ""})
    assert result.exit_code == 2
    assert "JENKINS_USER_ID" in result.output


@pytest.mark.parametrize("spelling", ["allBuilds", "builds"])
def test_saved_answers_are_read_like_the_api(spelling: str, tmp_path: Path) -> None:
    """Files named like the API's paths stand in for it."""
    answers = {
        "api/json": TREE,
        "job/pay/job/deep/api/json": DEEP,
        "job/nightly/api/json": {spelling: [build("job/nightly", 7)]},
    }
    for path, content in answers.items():
        file = tmp_path / f"{path}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content), encoding="utf-8")
    made, result = imported(ROOT, "--from-dir", str(tmp_path))
    assert short_types(made) == ["pipelinerun.started", "pipelinerun.finished"], result.output
    assert "nightly" not in json.loads(result.stderr)["notes"][0]


def test_one_job_can_be_imported_alone() -> None:
    """The address of a job is imported as that job."""

    def one_job(server: StandIn, asked: Asked) -> Reply:
        del server
        is_list = asked.query["tree"].startswith("allBuilds")
        return Reply({"_class": JOB, **({"allBuilds": [build("job/nightly", 7)]} if is_list else {})})

    with stand_in(one_job) as server:
        made, _ = imported(f"{server.url}/job/nightly/")
        assert {one.path for one in server.asked} == {"/job/nightly/api/json"}
    assert short_types(made) == ["pipelinerun.started", "pipelinerun.finished"]


def test_stages_are_read_of_pipelines_alone_and_only_while_they_are_told() -> None:
    """One request a Pipeline build; where the plugin is not installed the first refusal ends the asking."""
    pipelines = [build("job/ship", number, _class="org.jenkinsci.plugins.workflow.job.WorkflowRun") for number in (3, 2, 1)]
    stages = {"stages": [{"id": "5", "name": "test", "status": "NOT_EXECUTED", "startTimeMillis": STARTED_MS}]}

    def ship(has_plugin: bool) -> Any:  # noqa: FBT001  # a test's own
        def answer(server: StandIn, asked: Asked) -> Reply:
            del server
            if asked.path.endswith("/wfapi/describe"):
                return Reply(stages) if has_plugin else Reply({}, status=404)
            is_list = asked.query["tree"].startswith("allBuilds")
            return Reply({"allBuilds": [*pipelines, build("job/ship", 0)]} if is_list else {"_class": JOB})

        return answer

    for has_plugin, requests, skips in ((True, 3, 3), (False, 1, 0)):
        with stand_in(ship(has_plugin)) as server:
            made, _ = imported(f"{server.url}/job/ship")
        assert len([one for one in server.asked if "wfapi" in one.path]) == requests
        assert short_types(made).count("taskrun.skipped") == skips


def test_an_address_that_is_none_is_refused() -> None:
    """A wrong address is named before anything is asked."""
    _, result = imported("ci.example")
    assert result.exit_code == 2
    assert "URL" in result.output
