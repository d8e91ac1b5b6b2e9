"""Tekton's CloudEvents: which kinds there are, and the facts of each. Pure.

Tekton retries in the background, so events come in any order and more than once (tektoncd/pipeline, docs/events.md): each fact
is read off the run object itself and keyed by the run's uid, so that order and repetition do not matter. `unknown` is sent when
a condition changes while the run goes on; it is no outcome. Tekton can send CDEvents instead, which `cdevents` translates.
"""

from collections.abc import Iterator
from datetime import datetime

from pipetrail_schemas.types import Result, Skip

from pipetrail_producers.webhook import cdevents
from pipetrail_producers.webhook.cloudevent import read
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.payload import at, items
from pipetrail_producers.webhook.tekton.artifact import made
from pipetrail_producers.webhook.tekton.run import NO_INSTANCE, Run, described, ending, outcome, run, task_name, values
from pipetrail_producers.webhook.translation import Kind, System, Translation, UntranslatableError
from pipetrail_producers.webhook.values import Data, address, merged, name

_PREFIX = "dev.tekton.event."
# Kind of run → its member in the body. A Run is a CustomRun's former name.
_MEMBERS = {"taskrun": "taskRun", "pipelinerun": "pipelineRun", "customrun": "customRun", "run": "run"}
_STARTED = ("started", "running")
_ENDED = ("successful", "failed")
_SILENT = {"unknown": "the run goes on: a condition changed, which is no outcome", "queued": "no run has begun"}
_TRIGGERS = "a trigger listened to an event; the run that it makes speaks for itself"
# What Tekton says of a skipped task → which of the meanings it has (pipeline/v1, SkippingReason). All else never ran.
_SKIPS = {
    "When Expressions evaluated to false": Skip.ON_PURPOSE,
    "Matrix Parameters have an empty array": Skip.NOT_REQUIRED,
}


def kind(delivery: Delivery) -> str:
    """`taskrun.started` and the like; `dev.cdevents.…` for a CDEvent; "unknown" for what is no CloudEvent."""
    found = read(delivery)
    return found.type.removeprefix(_PREFIX).removesuffix(".v1") if found else "unknown"


def translate(delivery: Delivery) -> Translation:
    """The facts of a delivery.

    Raises:
        UntranslatableError: it is none of Tekton's, or has no run with a uid.
    """
    told = kind(delivery)
    if told.startswith("dev.cdevents"):
        return cdevents.SYSTEM.translate(delivery)
    noun, _, verb = told.partition(".")
    if noun == "triggers":
        return Translation(silent=_TRIGGERS)
    if noun not in _MEMBERS or verb not in {*_STARTED, *_ENDED, *_SILENT}:
        raise UntranslatableError(f"tekton {told:.100}: there is no such kind")
    body = at(found.data, _MEMBERS[noun]) if (found := read(delivery)) else None
    named = run("customrun" if noun == "run" else noun, body)
    if verb in _SILENT:
        return Translation(silent=_SILENT[verb])
    instance = address(delivery.instance) or NO_INSTANCE
    sent = found.time if found else delivery.received
    facts = tuple(run_facts(named, instance, sent))
    if verb in _ENDED and not named.has_ended:
        raise UntranslatableError(f"tekton {told}: status.conditions has no outcome")
    return Translation(facts)


def run_facts(found: Run, instance: str, sent: datetime) -> Iterator[Fact]:
    """All that a run object says: that it began, that it ended, what was skipped, what was made.

    Args:
        found: the run.
        instance: base URL of the cluster's Tekton.
        sent: the time of what has none of its own.
    """
    data = described(found)
    noun = "pipelinerun" if found.kind == "pipelinerun" else "taskrun"
    yield _fact(found, instance, (f"{noun}.started", "started"), found.started or sent, data)
    if not found.has_ended:
        return
    time = found.ended or sent
    whole = merged(data, ending(found))
    yield _fact(found, instance, (f"{noun}.finished", "finished"), time, whole)
    if found.kind == "pipelinerun":
        yield from _skipped(found, instance, time, data)
    elif outcome(found) is Result.SUCCESS:
        for one in made(values(found)):
            content = merged(data, {"artifact": one.image.artifact, "pipetrail": {"stage": None}})
            yield _fact(found, instance, ("artifact.packaged", "packaged"), time, content, one.digest)


def _skipped(found: Run, instance: str, time: datetime, data: Data) -> Iterator[Fact]:
    for one in items(found.object, "status.skippedTasks"):
        task, why = name(one, "name"), name(one, "reason")
        if task:
            meaning = _SKIPS.get(why or "", Skip.NEVER_RAN)
            own = {
                "event": {"reason": why},
                "cicd": {"pipeline": {"task": {"name": task}}},
                "pipetrail": {"skip": meaning.value, "result": "skip", "result_raw": why},
            }
            yield _fact(found, instance, ("taskrun.skipped", "skipped"), time, merged(data, own), task)


def _fact(found: Run, instance: str, what: tuple[str, str], time: datetime, data: Data, *part: str) -> Fact:
    """A fact; `what` is its type and state, `part` what of the run it is about where it is not all of it."""
    type_, state = what
    return Fact(
        type=type_,
        time=time,
        provider="tekton",
        instance=instance,
        kind=found.kind,
        native_id=" ".join((found.uid, *part)),
        state=state,
        data=data,
        subject=name(found.object, "metadata.name") or task_name(found),
    )


def _kinds() -> dict[str, Kind]:
    takes = {
        "pipelinerun": "run uid, pipeline, times, result and reason, repository and commit of Pipelines-as-Code, skipped tasks",
        "taskrun": "run uid, task, pipeline run, times, result and reason, repository and commit, the images it made",
        "customrun": "run uid, task, pipeline run, times, result and reason",
        "run": "as customrun, which was called run",
    }
    table: dict[str, Kind] = {}
    for noun, taken in takes.items():
        subject = "pipelinerun" if noun == "pipelinerun" else "taskrun"
        also = ("taskrun.skipped",) if noun == "pipelinerun" else ("artifact.packaged",)
        table |= {f"{noun}.{verb}": Kind((f"{subject}.started",), taken) for verb in _STARTED}
        table |= {f"{noun}.{verb}": Kind((f"{subject}.started", f"{subject}.finished", *also), taken) for verb in _ENDED}
        table |= {f"{noun}.{verb}": Kind((), why) for verb, why in _SILENT.items()}
    triggers = ("started", "successful", "failed", "done")
    return table | {f"triggers.{verb}": Kind((), _TRIGGERS) for verb in triggers}


SYSTEM: System = System("tekton", "Tekton", _kinds(), kind, translate)
