"""Jobs: of the job hook, of a pipeline hook's list, of REST answers.

A retried job is another job with an id of its own. A job that failed and may (`allow_failure`) has failed, whatever its
pipeline says. One that was skipped never ran because of what happened before it; where it may fail it was not required either.
https://docs.gitlab.com/user/project/integrations/webhook_events/#job-events, https://docs.gitlab.com/api/jobs/
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipetrail_schemas.times import format_time

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.gitlab.place import Place
from pipetrail_producers.webhook.gitlab.read import actor, moment, request_ref, required
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.stage_words import task_type
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from pipetrail_producers.webhook.values import Data, full_revision, merged, name, nanoseconds, revision, said, url

_KIND = "job"
_RESULTS = {"success": "success", "failed": "failure", "canceled": "cancellation"}
_SILENT = {
    "created": "waits for earlier stages",
    "pending": "waits for a runner",
    "waiting_for_resource": "waits for a resource",
    "waiting_for_callback": "waits for another system",
    "preparing": "waits for its environment",
    "scheduled": "waits for its time",
    "manual": "waits for a person to start it",
    "canceling": "is about to end; the end is told",
}
_STATUSES = {"running", "skipped"} | _RESULTS.keys() | _SILENT.keys()
# Failure reasons that say something other than that the script failed (CommitStatus in GitLab's source).
_TIMEOUTS = frozenset({"job_execution_timeout", "stuck_or_timeout_failure", "job_execution_server_timeout"})
_OWN_FAULTS = frozenset({"script_failure", "unknown_failure", "job_exit_code", ""})
# What the job hook calls otherwise than REST answers and the pipeline hook do.
_PREFIX = "build_"


def hook(payload: Mapping[str, Any], place: Place) -> Translation:
    """A job hook. Its `commit.id` is the pipeline's id and no commit; `sha` is the commit."""
    place.need_repository(_KIND)
    job: Data = {key.removeprefix(_PREFIX): value for key, value in payload.items() if key.startswith(_PREFIX)}
    job |= {key: at(payload, key) for key in ("ref", "tag", "sha", "user", "runner", "environment", "retries_count")}
    job["pipeline"] = {"id": at(payload, "pipeline_id"), "name": at(payload, "commit.name")}
    job["upstream"] = at(payload, "source_pipeline.pipeline_id")
    found = tuple(facts(job, place))
    return Translation(found, "" if found else f"the job {_SILENT[required(job, 'status', _KIND)]}")


def of_pipeline(listed: Mapping[str, Any], pipeline: Mapping[str, Any]) -> Data:
    """A job that a pipeline hook lists, as a REST answer has it."""
    told = {key: at(pipeline, key) for key in ("ref", "tag", "sha", "merge_request")}
    return {**told, "pipeline": {"id": at(pipeline, "id"), "name": at(pipeline, "name")}, **listed}


def is_told(listed: Any) -> bool:
    """Whether a pipeline hook's entry has what `facts` needs: one that has not must not take the pipeline's facts with it."""
    return bool(name(listed, "id") and name(listed, "name") and name(listed, "status") in _STATUSES)


def facts(job: Mapping[str, Any], place: Place) -> Iterator[Fact]:
    """What a job's status tells, in the order of happening; nothing for a status that only waits for another.

    Raises:
        UntranslatableError: it has no id, no name, or no status that is known.
    """
    status = required(job, "status", _KIND)
    if status not in _STATUSES:
        raise UntranslatableError(f"gitlab {_KIND}: status {status!r:.80} is not known")
    key = (_KIND, required(job, "id", _KIND))
    data, called = about(job, place), required(job, "name", _KIND)
    started, finished = moment(job, "started_at"), moment(job, "finished_at")
    if status == "skipped":
        why = {"pipetrail": {"skip": _skip(job), "result": "skip", "result_raw": status}}
        time = finished or moment(job, "created_at")
        yield place.fact("taskrun.skipped", time, key, merged(data, why), state="skipped", subject=called)
        return
    if status == "running" or (status in _RESULTS and started):
        yield place.fact("taskrun.started", started, key, data, state="started", subject=called)
    if status in _RESULTS:
        outcome = _outcome(job, status)
        yield place.fact("taskrun.finished", finished, key, merged(data, outcome), state="finished", subject=called)
        if status == "success" and name(job, "environment.action") == "stop" and name(job, "environment.name"):
            yield place.fact("deployment.removed", finished, key, data, state="environment stopped", subject=called)


def about(job: Mapping[str, Any], place: Place) -> Data:
    """The job as fields of `data`."""
    number_, ref = required(job, "id", _KIND), name(job, "ref")
    stage = task_type(name(job, "stage"), name(job, "name"))
    run_id = name(job, "pipeline.id") or name(job, "pipeline_id")
    pipeline = {
        "name": name(job, "pipeline.name") or place.path,
        "run": {"id": run_id, "url": {"full": f"{place.repository}/-/pipelines/{run_id}" if run_id else None}},
        "task": {
            "name": required(job, "name", _KIND),
            "type": stage,
            "run": {"id": number_, "url": {"full": url(job, "web_url") or f"{place.repository}/-/jobs/{number_}"}},
        },
    }
    of_request = request_ref(ref)
    temporary = of_request is not None and of_request.is_temporary
    sha = revision(job, "sha") or revision(job, "commit.id")
    head = {
        "name": None if of_request else ref,
        "type": None if of_request or ref is None else "tag" if at(job, "tag") is True else "branch",
        "revision": None if temporary else sha,
    }
    change = {"id": name(job, "merge_request.iid") or (of_request.number if of_request else None)}
    tested = full_revision(job, "sha") or full_revision(job, "commit.id")
    own = {"stage": stage, "change": {"test_merge_revision": tested if temporary else None}}
    runner = {"id": name(job, "runner.id"), "name": name(job, "runner.description")}
    labels = {
        "ci_stage": name(job, "stage"),
        "allow_failure": said(job, "allow_failure"),
        "retries": said(job, "retries_count"),
    }
    return merged(
        actor(at(job, "user")),
        {"vcs": {"ref": {"head": head}, "change": change}},
        {"cicd": {"pipeline": pipeline, "worker": runner}, "pipetrail": {**own, "labels": labels}},
        {"deployment": {"environment": {"name": name(job, "environment.name")}}},
    )


def _outcome(job: Mapping[str, Any], status: str) -> Data:
    reason = (name(job, "failure_reason") or "") if status == "failed" else ""
    result = _RESULTS[status]
    if reason in _TIMEOUTS:
        result = "timeout"
    elif status == "failed" and reason not in _OWN_FAULTS:
        result = "error"
    started, finished = moment(job, "started_at"), moment(job, "finished_at")
    times = {"start": format_time(started) if started else None, "end": format_time(finished) if finished else None}
    return {
        "event": {**times, "duration": nanoseconds(job, "duration"), "reason": reason},
        "pipetrail": {"result": result, "result_raw": status},
    }


def _skip(job: Mapping[str, Any]) -> str:
    return "not_required" if at(job, "allow_failure") is True else "never_ran"
