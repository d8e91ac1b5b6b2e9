"""The stages of a Pipeline build, as the Pipeline REST API plugin describes them (`JOB/NUMBER/wfapi/describe`). Pure.

A stage that was not executed was skipped: for lack of trying where an earlier one did not succeed, else by the pipeline's own
condition. It is never a success, whatever became of the build.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from pipetrail_schemas.times import format_time
from pipetrail_schemas.types import Result, Skip

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.jenkins.build import Build, described, fact_of
from pipetrail_producers.webhook.payload import at, items, moment, number
from pipetrail_producers.webhook.stage_words import task_type
from pipetrail_producers.webhook.values import Data, merged, name, title

_RESULTS = {
    "SUCCESS": Result.SUCCESS,
    "UNSTABLE": Result.FAILURE,
    "FAILED": Result.FAILURE,
    "ABORTED": Result.CANCELLATION,
}
_SKIPPED = "NOT_EXECUTED"
_NS_PER_MS = 1_000_000
# A duration above it is none.
_LONGEST_MS = 365 * 86_400_000


def stages(build: Build, description: Any) -> Iterator[Fact]:
    """The stages of a build in their order; none where it is not described."""
    is_broken = False
    for stage in items(description, "stages"):
        named, status = name(stage, "name"), name(stage, "status")
        if named is None or name(stage, "id") is None:
            continue
        if status == _SKIPPED:
            yield _skipped(build, stage, is_broken=is_broken)
        else:
            yield from _ran(build, stage, _RESULTS.get(status or ""))
            is_broken = is_broken or status not in {"SUCCESS", "IN_PROGRESS", "PAUSED_PENDING_INPUT"}


def _ran(build: Build, stage: Any, result: Result | None) -> Iterator[Fact]:
    start = moment(stage, "startTimeMillis") or build.started
    data = _data(build, stage)
    yield _fact(build, stage, ("taskrun.started", "started"), start, data)
    if result is None:
        return
    lasted = min(number(stage, "durationMillis") or 0, _LONGEST_MS)
    end = _after(start, lasted)
    own = {
        "event": {
            "start": format_time(start),
            "end": format_time(end),
            "duration": lasted * _NS_PER_MS,
            "reason": title(stage, "error.message"),
        },
        "pipetrail": {"result": result.value, "result_raw": name(stage, "status")},
    }
    yield _fact(build, stage, ("taskrun.finished", "finished"), end, merged(data, own))


def _skipped(build: Build, stage: Any, *, is_broken: bool) -> Fact:
    meaning = Skip.NEVER_RAN if is_broken else Skip.ON_PURPOSE
    own = {"pipetrail": {"skip": meaning.value, "result": Result.SKIP.value, "result_raw": _SKIPPED}}
    time = moment(stage, "startTimeMillis") or build.ended or build.started
    return _fact(build, stage, ("taskrun.skipped", "skipped"), time, merged(_data(build, stage), own))


def _data(build: Build, stage: Any) -> Data:
    named = name(stage, "name")
    kind = task_type(named)
    task = {"name": named, "type": kind, "run": {"id": f"{build.key} {name(stage, 'id')}"[:500]}}
    return merged(described(build), {"cicd": {"pipeline": {"task": task}}, "pipetrail": {"stage": kind}})


def _fact(build: Build, stage: Any, what: tuple[str, str], time: datetime, data: Data) -> Fact:
    return fact_of(build, what, time, data, kind="stage", native_id=f"{build.key} {at(stage, 'id')}")


def _after(start: datetime, lasted_ms: int) -> datetime:
    try:
        return start + timedelta(milliseconds=lasted_ms)
    except OverflowError:
        return start
