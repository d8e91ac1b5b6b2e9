"""One build of a Jenkins job, whoever told it, and the facts of it. Pure.

A build is known by its instance, the path of its job and its number. Most builds carry no commit, and those are left unlinked:
a commit is only taken where Jenkins says that this build checked it out, and no other.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import unquote

from pipetrail_schemas.times import format_time
from pipetrail_schemas.types import Result, Skip

from pipetrail_producers.ci import refs
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.jenkins.cause import Began, Stopped, user
from pipetrail_producers.webhook.stage_words import task_type
from pipetrail_producers.webhook.translation import UntranslatableError
from pipetrail_producers.webhook.values import Data, cut, full_revision, merged, repository, vcs_repository

# Jenkins' results (hudson.model.Result). FAILED is the CloudEvents plugin's spelling. An unstable build has failed tests.
_RESULTS = {
    "SUCCESS": Result.SUCCESS,
    "UNSTABLE": Result.FAILURE,
    "FAILURE": Result.FAILURE,
    "FAILED": Result.FAILURE,
    "NOT_BUILT": Result.SKIP,
    "ABORTED": Result.CANCELLATION,
}
# The jobs that branch-source plugins make for pull and merge requests.
_CHANGE_JOB = re.compile(r"(?:PR|MR)-(\d{1,18})(?:-(merge|head))?")
_NS_PER_MS = 1_000_000


class Checkout(NamedTuple):
    """What a build checked out: a repository's address, a branch in any spelling, a commit."""

    url: str | None
    branch: str | None
    commit: str | None


class Report(NamedTuple):
    """A build's test report: how many cases there were, failed and were skipped."""

    total: int
    failed: int
    skipped: int


class Build(NamedTuple):
    """A build.

    Args:
        instance: base URL of the Jenkins.
        job: path of names: `pay/shop/PR-17`.
        number: of the build within its job.
        url: its page; None where the instance is not known.
        started: when.
        ended: when; None while it runs.
        result: Jenkins' word; None while it runs.
        checkouts: what it checked out, each once.
        queue_id: of the queue item that it came from.
        began: why, and by whom.
        stopped: by whom, where somebody stopped it.
        tests: its test report.
        worker: the agent that it ran on.
    """

    instance: str
    job: str
    number: int
    url: str | None
    started: datetime
    ended: datetime | None = None
    result: str | None = None
    checkouts: tuple[Checkout, ...] = ()
    queue_id: int | None = None
    began: Began = Began()
    stopped: Stopped | None = None
    tests: Report | None = None
    worker: str | None = None

    @property
    def key(self) -> str:
        """The build's own key within its instance."""
        return f"{self.job}#{self.number}"

    @property
    def run_id(self) -> str:
        """What agents in the build call it, too: its page (BUILD_URL)."""
        return self.url or self.key


def queued(build: Build) -> Fact:
    """The build waits."""
    return fact_of(build, ("pipelinerun.queued", "queued"), build.started, described(build))


def started(build: Build) -> Iterator[Fact]:
    """The build began, and who began it where somebody did."""
    data = described(build)
    if build.began.action:
        yield by_hand(build, merged(data, {"event": {"action": build.began.action, "reason": build.began.note}}))
    yield fact_of(build, ("pipelinerun.started", "started"), build.started, data)


def finished(build: Build) -> Iterator[Fact]:
    """The build ended, its test report, and who stopped it where somebody did.

    Raises:
        UntranslatableError: its result is none of Jenkins'.
    """
    result = _RESULTS.get(build.result or "")
    if result is None:
        raise UntranslatableError(f"jenkins build: result {build.result or '':.40} is none of {', '.join(_RESULTS)}")
    end = build.ended or build.started
    data = described(build)
    if build.stopped:
        whole = merged(data, user(build.stopped.who), {"event": {"action": "cancel", "reason": build.stopped.note}})
        yield fact_of(build, ("intervention.recorded", "cancel"), end, whole)
    if build.tests and build.tests.total:
        yield fact_of(
            build, ("testsuiterun.finished", "finished"), end, merged(data, _counted(build.tests)), kind="test_report"
        )
    own = {
        "event": {"start": format_time(build.started), "end": format_time(end), "duration": _duration(build)},
        "pipetrail": {
            "result": result.value,
            "result_raw": build.result,
            "skip": Skip.NEVER_RAN.value if result is Result.SKIP else None,
        },
    }
    yield fact_of(build, ("pipelinerun.finished", "finished"), end, merged(data, own))


def by_hand(build: Build, data: Data) -> Fact:
    """Somebody began it. The queue item is its key, since the queue tells it before there is a build."""
    if build.queue_id is None:
        return fact_of(build, ("intervention.recorded", "begun"), build.started, data)
    key = f"{build.job}#{build.queue_id}"
    return fact_of(build, ("intervention.recorded", "begun"), build.started, data, kind="queue_item", native_id=key)


def described(build: Build) -> Data:
    """What every fact of a build carries."""
    source = _source(build)
    name = pipeline_name(build.job, source.get("vcs", {}).get("ref", {}).get("head", {}).get("name"))
    stage = task_type(name.rpartition("/")[2])
    own: Data = {
        "cicd": {
            "system": "jenkins",
            "pipeline": {"name": cut(name), "run": {"id": cut(build.run_id), "url": {"full": build.url}}},
            "worker": {"name": cut(build.worker)},
        },
        "pipetrail": {"stage": stage, "labels": {"job": cut(build.job), "number": str(build.number)}},
    }
    return merged(own, source, user(build.began.who), {"pipetrail": {"trigger": build.began.trigger}})


def fact_of(build: Build, what: tuple[str, str], time: datetime, data: Data, **key: Any) -> Fact:
    """A fact; `what` is its type and state."""
    type_, state = what
    parts = {"kind": "build", "native_id": build.key, **key}
    subject = build.key[:200]
    return Fact(
        type=type_, time=time, provider="jenkins", instance=build.instance, state=state, data=data, subject=subject, **parts
    )


def pipeline_name(job: str, branch: str | None) -> str:
    """The job's path without what varies from run to run: the branch or request of a multibranch project."""
    project, _, last = job.rpartition("/")
    is_branch = branch is not None and unquote(last) == branch
    return project if project and (is_branch or _CHANGE_JOB.fullmatch(last)) else job


def _source(build: Build) -> Data:
    """`vcs` of what the build checked out; where that is more than one thing, which of them it built is not known."""
    change = _CHANGE_JOB.fullmatch(build.job.rpartition("/")[2])
    request = {"vcs": {"change": {"id": change[1]}}} if change else {}
    told = [one for one in build.checkouts if one.url or one.commit]
    if len(told) != 1:
        several = ", ".join(f"{one.url or ''}@{one.commit or ''}" for one in told)
        return merged(request, {"pipetrail": {"labels": {"checkouts": cut(several)}}})
    canonical = repository(told[0].url)
    commit = full_revision({"": told[0].commit}, "")
    branch = refs.branch(told[0].branch) if told[0].branch != "detached" else refs.NO_REF
    head: Data = {} if change else {"name": cut(branch.name), "type": branch.type}
    vcs = {"repository": vcs_repository(canonical) if canonical else None, "ref": {"head": head}}
    if change and change[2] == "merge":
        # A temporary merge: it is in no history.
        return merged(request, {"vcs": vcs, "pipetrail": {"change": {"test_merge_revision": commit}}})
    return merged(request, {"vcs": vcs}, {"vcs": {"ref": {"head": {"revision": commit}}}})


def _counted(tests: Report) -> Data:
    failed, skipped = min(tests.failed, tests.total), min(tests.skipped, tests.total)
    return {
        "pipetrail": {
            "result": (Result.FAILURE if failed else Result.SUCCESS).value,
            "stage": "test",
            "test": {
                "total": tests.total,
                "failed": failed,
                "skipped": skipped,
                "passed": max(tests.total - failed - skipped, 0),
            },
        }
    }


def _duration(build: Build) -> int | None:
    passed = build.ended - build.started if build.ended else timedelta(0)
    return passed // timedelta(milliseconds=1) * _NS_PER_MS if passed > timedelta(0) else None
