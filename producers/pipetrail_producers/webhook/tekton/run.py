"""What a Tekton TaskRun, PipelineRun or CustomRun says of itself: which run it is, of what commit, and how it ended. Pure.

The object is the one that `kubectl get -o json` gives. Its `metadata.uid` is the key: names are used again. Outcomes come from
the condition of type Succeeded (Tekton, "Monitoring execution status"): True, False, and Unknown, which is none.
"""

from datetime import datetime
from typing import Any, NamedTuple

from pipetrail_schemas.times import format_time
from pipetrail_schemas.types import Result

from pipetrail_producers.webhook.cloudevent import required
from pipetrail_producers.webhook.payload import at, items, moment
from pipetrail_producers.webhook.stage_words import task_type
from pipetrail_producers.webhook.values import Data, full_revision, name, repository, title, url, vcs_repository

NO_INSTANCE = "urn:tekton"
_PAC = "pipelinesascode.tekton.dev/"
# Where a run's commit is told: git-clone's results, the hints that Tekton Chains reads, params of the same names.
_COMMIT_NAMES = ("CHAINS-GIT_COMMIT", "commit", "COMMIT")
_URL_NAMES = ("CHAINS-GIT_URL", "url", "URL")
_VALUE_LISTS = ("status.results", "status.taskResults", "status.pipelineResults", "spec.params")
_NS_PER_MICROSECOND = 1_000


class Run(NamedTuple):
    """A run object. `kind` is "taskrun", "pipelinerun" or "customrun"."""

    kind: str
    uid: str
    object: Any

    @property
    def started(self) -> datetime | None:
        """When it began; None while it is only there."""
        return moment(self.object, "status.startTime")

    @property
    def ended(self) -> datetime | None:
        """When it ended; the condition's time where there is no other."""
        return moment(self.object, "status.completionTime") or moment(self.condition, "lastTransitionTime")

    @property
    def condition(self) -> Any:
        """The condition of type Succeeded; None before there is one."""
        return next((one for one in items(self.object, "status.conditions") if at(one, "type") == "Succeeded"), None)

    @property
    def has_ended(self) -> bool:
        """Whether there is an outcome."""
        return name(self.condition, "status") in {"True", "False"}


def run(kind: str, found: Any) -> Run:
    """The run of an object.

    Raises:
        UntranslatableError: it has no uid.
    """
    return Run(kind, required(name(found, "metadata.uid"), "tekton", kind, "metadata.uid"), found)


def outcome(found: Run) -> Result:
    """How a run that has ended did so.

    A timeout and a cancellation are failures to Tekton, with a reason; what could not even run is an error, not a failure.
    """
    if at(found.condition, "status") == "True":
        return Result.SUCCESS
    reason = name(found.condition, "reason") or ""
    if "Timeout" in reason:
        return Result.TIMEOUT
    # Cancelled, TaskRunCancelled, CancelledRunningFinally, StoppedRunningFinally
    if "Cancel" in reason or reason.startswith("Stopped"):
        return Result.CANCELLATION
    is_own_failure = reason in {"Failed", "TaskRunFailed", "Completed", "FailureIgnored", ""} or reason.endswith("StepFailed")
    return Result.FAILURE if is_own_failure else Result.ERROR


def described(found: Run) -> Data:
    """The run as `data`: where it belongs, of what commit, by whom."""
    return {
        "user": {"name": _annotation(found, "sender")},
        "event": {"start": _text(found.started)},
        "vcs": _vcs(found),
        "cicd": {"system": "tekton", "pipeline": _pipeline(found)},
        "pipetrail": {
            "actor": {"type": "user" if _annotation(found, "sender") else None},
            "trigger": _annotation(found, "event-type"),
            "run": {"attempt": _attempt(found)},
            "stage": None if found.kind == "pipelinerun" else task_type(task_name(found)),
            "labels": {
                "namespace": name(found.object, "metadata.namespace"),
                "service_account": name(found.object, "spec.serviceAccountName")
                or name(found.object, "spec.taskRunTemplate.serviceAccountName"),
            },
        },
    }


def ending(found: Run) -> Data:
    """What is known of a run at its end, over `described`."""
    reason = name(found.condition, "reason")
    return {
        "event": {"end": _text(found.ended), "duration": _duration(found), "reason": _why(found)},
        "pipetrail": {"result": outcome(found).value, "result_raw": reason},
    }


def task_name(found: Run) -> str:
    """The name of a task: the one that its pipeline gives it, else its own, else the run's."""
    labels = at(found.object, "metadata.labels")
    spellings = ("tekton.dev/pipelineTask", "tekton.dev/task", "tekton.dev/clusterTask")
    told = next((told for spelling in spellings if (told := _plain(labels, spelling))), None)
    refs = (name(found.object, path) for path in ("spec.taskRef.name", "spec.customRef.name", "spec.ref.name", "metadata.name"))
    return told or next((ref for ref in refs if ref), found.uid)


def values(found: Run) -> dict[str, str]:
    """The run's results and params by name, results first; only those that are texts."""
    told: dict[str, str] = {}
    for path in _VALUE_LISTS:
        for one in items(found.object, path):
            key, value = name(one, "name"), name(one, "value")
            if key and value:
                told.setdefault(key, value)
    return told


def _pipeline(found: Run) -> Data:
    labels = at(found.object, "metadata.labels")
    page = url({"": _annotation(found, "log-url")}, "")
    if found.kind == "pipelinerun":
        pipeline = _plain(labels, "tekton.dev/pipeline") or name(found.object, "spec.pipelineRef.name")
        return {
            "name": pipeline or name(found.object, "metadata.name"),
            "run": {"id": found.uid, "url": {"full": page}},
        }
    return {
        "name": _plain(labels, "tekton.dev/pipeline"),
        "run": {"id": _parent(found)},
        "task": {
            "name": task_name(found),
            "type": task_type(task_name(found)),
            "run": {"id": found.uid, "url": {"full": page}},
        },
    }


def _parent(found: Run) -> str | None:
    """The uid of the PipelineRun that a task belongs to."""
    told = _plain(at(found.object, "metadata.labels"), "tekton.dev/pipelineRunUID")
    owners = items(found.object, "metadata.ownerReferences")
    return told or next((name(one, "uid") for one in owners if at(one, "kind") == "PipelineRun"), None)


def _vcs(found: Run) -> Data:
    told = values(found)
    commits = (told.get(key) for key in _COMMIT_NAMES)
    addresses = (told.get(key) for key in _URL_NAMES)
    commit = full_revision({"": _annotation(found, "sha") or next(filter(None, commits), None)}, "")
    origin = repository(_annotation(found, "repo-url") or next(filter(None, addresses), None))
    if origin is None:
        # A commit id alone proves no repository, and a param of that name need not be a commit.
        return {}
    branch = (_annotation(found, "source-branch") or "").removeprefix("refs/heads/")
    is_branch = bool(branch) and not branch.startswith("refs/")
    return {
        "repository": vcs_repository(origin),
        "ref": {"head": {"revision": commit, "name": branch if is_branch else None, "type": "branch" if is_branch else None}},
        "change": {"id": _annotation(found, "pull-request")},
    }


def _annotation(found: Run, key: str) -> str | None:
    """What Pipelines-as-Code says: as an annotation, in older versions as a label."""
    spelling = _PAC + key
    return _plain(at(found.object, "metadata.annotations"), spelling) or _plain(at(found.object, "metadata.labels"), spelling)


def _plain(found: Any, key: str) -> str | None:
    """A value whose key has dots in it."""
    return name({"": found.get(key)}, "") if isinstance(found, dict) else None


def _why(found: Run) -> str | None:
    return None if at(found.condition, "status") == "True" else title(found.condition, "message")


def _attempt(found: Run) -> int:
    # A retry keeps the uid; what was before is kept in retriesStatus.
    return len(items(found.object, "status.retriesStatus")) + 1


def _duration(found: Run) -> int | None:
    if found.started is None or found.ended is None or found.ended < found.started:
        return None
    passed = found.ended - found.started
    return ((passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds) * _NS_PER_MICROSECOND


def _text(time: datetime | None) -> str | None:
    return format_time(time) if time else None
