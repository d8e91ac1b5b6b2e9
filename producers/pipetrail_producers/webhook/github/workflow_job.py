"""A job of a GitHub Actions run. Pure; the object is the webhook's or a REST answer.

A job's id is also its check run's, and every attempt has a new one. A skipped job says not whether a condition was false or an
earlier job failed; it is never a success.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.github.conclusion import SKIPPED, conclusion
from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import missing, moment, part, required, sender
from pipetrail_producers.webhook.github.workflow_run import attempt_of
from pipetrail_producers.webhook.payload import items
from pipetrail_producers.webhook.stage_words import task_type
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, full_revision, merged, name, url

KIND = "workflow_job"


def workflow_job(payload: Any, place: Place) -> Translation:
    """What a webhook tells of a job."""
    place.need_repository(KIND)
    found = tuple(facts(part(payload, KIND, KIND), place, sender(payload)))
    return Translation(found) if found else Translation(silent="the job waits; its start will be told")


def facts(job: Mapping[str, Any], place: Place, who: Data | None = None) -> Iterator[Fact]:
    """The facts of a job, as far as it has come.

    Args:
        job: the job.
        place: where.
        who: the actor; REST answers name none.
    """
    failed = next((name(step, "name") for step in items(job, "steps") if name(step, "conclusion") == "failure"), None)
    end: Data = {"pipetrail": {"labels": {"failed_step": failed}}}
    return task_facts(place, (KIND, KIND), job, lambda: merged(who or {}, _about(job, place)), end)


def task_facts(
    place: Place, kinds: tuple[str, str], run: Mapping[str, Any], about: Callable[[], Data], end: Data
) -> Iterator[Fact]:
    """The facts of a job or check run, as far as it has come.

    Args:
        place: where.
        kinds: under which its id is counted, and by which errors name it.
        run: the job or check run.
        about: gives what all of its facts say.
        end: what the last one says, too.
    """
    key_kind, kind = kinds
    status = required(run, "status", kind)
    if status not in {"in_progress", "completed"}:
        return
    key = (key_kind, required(run, "id", kind))
    data = about()
    started, ended = moment(run, "started_at"), moment(run, "completed_at")
    if status == "in_progress":
        yield task_fact(place, key, "started", started, data)
        return
    how = conclusion(required(run, "conclusion", kind)) or missing(kind, "conclusion")
    if how.raw == SKIPPED:
        yield task_fact(place, key, "skipped", ended or started, merged(data, how.data))
        return
    yield task_fact(place, key, "started", started, data)
    yield task_fact(place, key, "finished", ended, merged(data, how.data, end))


def task_fact(place: Place, key: tuple[str, str], verb: str, time: datetime | None, data: Data) -> Fact:
    """`taskrun.VERB` of a job, a check run or a status; `key` is kind and id."""
    return place.fact(f"taskrun.{verb}", time, key, data, state=verb, subject=name(data, "cicd.pipeline.task.name"))


def task_of(task_name: str, identity: str | None, page: str | None) -> Data:
    """A task as fields of `data`, with the stage that its name says."""
    stage = task_type(task_name)
    task = {"name": task_name, "type": stage, "run": {"id": identity, "url": {"full": page}}}
    return {"cicd": {"pipeline": {"task": task}}, "pipetrail": {"stage": stage}}


def _about(job: Mapping[str, Any], place: Place) -> Data:
    run = required(job, "run_id", KIND)
    attempt = attempt_of(job)
    page = f"{place.repository}/actions/runs/{run}/attempts/{attempt}" if place.repository else None
    return merged(
        task_of(required(job, "name", KIND), name(job, "id"), url(job, "html_url")),
        {
            "vcs": {"ref": {"head": {"name": name(job, "head_branch"), "revision": full_revision(job, "head_sha")}}},
            "cicd": {
                "pipeline": {"name": name(job, "workflow_name"), "run": {"id": run, "url": {"full": page}}},
                "worker": {"id": name(job, "runner_id"), "name": name(job, "runner_name")},
            },
            "pipetrail": {"run": {"attempt": attempt}, "labels": {"runner_group": name(job, "runner_group_name")}},
        },
    )
