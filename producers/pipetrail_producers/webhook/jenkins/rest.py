"""A build as Jenkins' REST API shows it (`JOB/NUMBER/api/json`), also as the Generic Event plugin sends it. Pure.

What a build checked out stands in its actions of class BuildData, one for each checkout, those of shared libraries among them.
Jenkins hands such an action on from build to build: `lastBuiltRevision` may be an earlier build's. Which build a revision is of
says `buildsByBranchName`.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.jenkins import build as builds
from pipetrail_producers.webhook.jenkins.build import Build, Checkout, Report
from pipetrail_producers.webhook.jenkins.cause import began, stopped
from pipetrail_producers.webhook.jenkins.place import NO_INSTANCE, page, place
from pipetrail_producers.webhook.jenkins.stage import stages
from pipetrail_producers.webhook.payload import at, items, moment, number
from pipetrail_producers.webhook.translation import UntranslatableError
from pipetrail_producers.webhook.values import address, name

# A duration above it is none.
_LONGEST = timedelta(days=365)


def build(found: Any, *, instance: str | None = None, job: str | None = None) -> Build:
    """The build of a REST object.

    Args:
        found: the object.
        instance: base URL; the object's own address tells it where it is None.
        job: path of the job, likewise.

    Raises:
        UntranslatableError: it lacks what every build has.
    """
    own = place(name(found, "url"))
    named, count = job or own.job, number(found, "number") or own.number
    start = moment(found, "timestamp")
    if named is None or count is None or start is None:
        field = "url" if named is None else "number" if count is None else "timestamp"
        raise UntranslatableError(f"jenkins build: {field} is missing, or not what it always is")
    base = instance or own.instance or NO_INSTANCE
    actions = at(found, "actions")
    return Build(
        instance=base,
        job=named,
        number=count,
        url=(address(name(found, "url")) if own.number == count else None) or page(base, named, count),
        started=start,
        ended=_end(found, start),
        result=name(found, "result"),
        checkouts=_checkouts(actions, count),
        queue_id=number(found, "queueId"),
        began=began(actions),
        stopped=stopped(actions),
        tests=_tests(actions),
        worker=name(found, "builtOn"),
    )


def facts(found: Build, description: Any = None) -> Iterator[Fact]:
    """All that a REST object tells: that the build began, its stages where they are described, and how it ended once it has."""
    yield from builds.started(found)
    yield from stages(found, description)
    if found.result:
        yield from builds.finished(found)


def _end(found: Any, start: datetime) -> datetime | None:
    lasted = timedelta(milliseconds=min(number(found, "duration") or 0, _LONGEST // timedelta(milliseconds=1)))
    try:
        return start + lasted if name(found, "result") else None
    except OverflowError:
        return start


def _checkouts(actions: Any, count: int) -> tuple[Checkout, ...]:
    """What this very build checked out, each once."""
    found: dict[Checkout, None] = {}
    for action in items({"": actions}, ""):
        url = next((told for one in items(action, "remoteUrls") if (told := name({"": one}, ""))), None)
        by_branch = at(action, "buildsByBranchName")
        if isinstance(by_branch, dict) and any(number(one, "buildNumber") is not None for one in by_branch.values()):
            built = [at(one, "revision") for one in by_branch.values() if number(one, "buildNumber") == count]
        else:
            built = [at(action, "lastBuiltRevision")]
        for revision in built:
            branch = next((told for one in items(revision, "branch") if (told := name(one, "name"))), None)
            if commit := name(revision, "SHA1"):
                found[Checkout(url, branch, commit)] = None
    return tuple(found)


def _tests(actions: Any) -> Report | None:
    for action in items({"": actions}, ""):
        total, failed = number(action, "totalCount"), number(action, "failCount")
        if total is not None and failed is not None:
            return Report(_count(total), _count(failed), _count(number(action, "skipCount") or 0))
    return None


def _count(found: int) -> int:
    return min(found, 2**53)
