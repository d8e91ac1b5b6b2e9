"""Pipelines, of hooks and of REST answers, with what the hook tells of their jobs once the pipeline has ended.

A retried pipeline keeps its id and ends a second time: the time of its end is part of that fact's id. A pipeline for the result
of a merge tests a temporary commit; REST answers show it in the ref (`refs/merge-requests/17/merge`), hooks do not.
A hook names for each job the person who set it going: of a manual job that is who played it, and of another, if it is not who
started the pipeline, who retried it (GitLab's own retries keep the user). Nobody else tells these interventions.
https://docs.gitlab.com/user/project/integrations/webhook_events/#pipeline-events, https://docs.gitlab.com/api/pipelines/
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from pipetrail_schemas.times import format_time

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.gitlab import job
from pipetrail_producers.webhook.gitlab.place import Place
from pipetrail_producers.webhook.gitlab.read import actor, moment, part, request_ref, required, second
from pipetrail_producers.webhook.payload import at, items, number
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from pipetrail_producers.webhook.values import Data, full_revision, merged, name, nanoseconds, revision, url

_KIND = "pipeline"
_WAITING = frozenset({"created", "waiting_for_resource", "preparing", "pending", "scheduled"})
_RESULTS = {
    "success": "success",
    "failed": "failure",
    "canceled": "cancellation",
    "skipped": "skip",
}
_SILENT = {
    "manual": "waits for a job that a person must start",
    "canceling": "is about to end; the end is told",
    "waiting_for_callback": "waits for another system",
}
# How a person makes a pipeline run without changing anything: the form on the web page, and the chat command.
_BY_HAND = frozenset({"web", "chat"})
# A year: whatever says more is no time in a queue.
_LONGEST_QUEUE_S = 366 * 24 * 3600


def hook(payload: Mapping[str, Any], place: Place) -> Translation:
    """A pipeline hook."""
    told = part(payload, "object_attributes", _KIND)
    place.need_repository(_KIND)
    pipeline = {**told, "user": at(payload, "user"), "merge_request": at(payload, "merge_request")}
    pipeline["upstream"] = at(payload, "source_pipeline.pipeline_id")
    status = required(pipeline, "status", _KIND)
    jobs = [job.of_pipeline(one, pipeline) for one in items(payload, "builds") if job.is_told(one)]
    found = list(facts(pipeline, place))
    if status in _RESULTS:
        found[-1:-1] = [fact for one in jobs for fact in job.facts(one, place)]
    found.extend(_interventions(pipeline, jobs, place))
    return Translation(tuple(found), "" if found else f"the pipeline {_SILENT.get(status, status)}")


def facts(pipeline: Mapping[str, Any], place: Place) -> Iterator[Fact]:
    """What a pipeline's status tells, in the order of happening; nothing for a status that only waits for another.

    Args:
        pipeline: a REST answer, or a hook's `object_attributes` with `user` and `merge_request` beside.
        place: where.

    Raises:
        UntranslatableError: it has no id, or no status that is known.
    """
    status = required(pipeline, "status", _KIND)
    if status not in _WAITING | {"running"} | _RESULTS.keys() | _SILENT.keys():
        raise UntranslatableError(f"gitlab {_KIND}: status {status!r:.80} is not known")
    data = about(pipeline, place)
    key = (_KIND, required(pipeline, "id", _KIND))
    created, finished = moment(pipeline, "created_at"), moment(pipeline, "finished_at")
    started = _started(pipeline, status, created)
    if name(pipeline, "source") in _BY_HAND:
        by_hand = merged(data, {"event": {"action": "run_by_hand"}})
        yield place.fact("intervention.recorded", created, key, by_hand, state="run by hand")
    if status in _WAITING:
        yield place.fact("pipelinerun.queued", created, key, data, state="queued")
    elif status == "running" or (status in _RESULTS and started):
        yield place.fact("pipelinerun.started", started, key, data, state="started")
    if status in _RESULTS:
        outcome = {
            "event": {
                "end": format_time(finished) if finished else None,
                "duration": nanoseconds(pipeline, "duration"),
            },
            "pipetrail": {
                "result": _RESULTS[status],
                "result_raw": status,
                # [skip ci], the push option ci.skip, or only manual jobs that nobody must start: decided by somebody.
                "skip": "on_purpose" if status == "skipped" else None,
            },
        }
        state = f"finished {second(finished)}"
        yield place.fact(
            "pipelinerun.finished", finished or moment(pipeline, "updated_at"), key, merged(data, outcome), state=state
        )


def about(pipeline: Mapping[str, Any], place: Place) -> Data:
    """The pipeline as fields of `data`."""
    number_ = required(pipeline, "id", _KIND)
    ref, sha = name(pipeline, "ref"), revision(pipeline, "sha")
    of_request = request_ref(ref)
    temporary = of_request is not None and of_request.is_temporary
    head = {
        "name": None if of_request else ref,
        "type": None if of_request or ref is None else "tag" if at(pipeline, "tag") is True else "branch",
        "revision": None if temporary else sha,
    }
    address = url(pipeline, "url") or url(pipeline, "web_url") or f"{place.repository}/-/pipelines/{number_}"
    run = {"id": number_, "url": {"full": address}}
    change = {"id": name(pipeline, "merge_request.iid") or (of_request.number if of_request else None)}
    own = {
        "trigger": name(pipeline, "source"),
        "change": {"test_merge_revision": full_revision(pipeline, "sha") if temporary else None},
        "labels": {"upstream_pipeline": name(pipeline, "upstream")},
    }
    return merged(
        actor(at(pipeline, "user")),
        {"vcs": {"ref": {"head": head}, "change": change}, "pipetrail": own},
        {"cicd": {"pipeline": {"name": name(pipeline, "name") or place.path, "run": run}}},
    )


def _started(pipeline: Mapping[str, Any], status: str, created: datetime | None) -> datetime | None:
    """When it started. A hook does not say, but tells the wait in whole seconds, and none of a wait below one second."""
    queued_s, told = number(pipeline, "queued_duration"), moment(pipeline, "started_at")
    if status == "skipped":
        return None
    if queued_s is None or created is None:
        return told or (created if status == "running" or at(pipeline, "duration") is not None else None)
    try:
        return created + timedelta(seconds=queued_s) if queued_s <= _LONGEST_QUEUE_S else told
    except OverflowError:
        return told


def _interventions(pipeline: Mapping[str, Any], jobs: list[Data], place: Place) -> Iterator[Fact]:
    starter = name(pipeline, "user.id")
    for one in jobs:
        started, player = moment(one, "started_at"), name(one, "user.id")
        if started is None:
            continue
        if at(one, "manual") is True:
            action = "manual_job"
        elif starter and player and starter != player:
            action = "job_retried"
        else:
            continue
        data = merged(job.about(one, place), {"event": {"action": action}})
        key = ("job", required(one, "id", "job"))
        yield place.fact("intervention.recorded", started, key, data, state=action, subject=name(one, "name"))
