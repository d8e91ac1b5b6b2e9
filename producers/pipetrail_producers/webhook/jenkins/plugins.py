"""What Jenkins' plugins send of builds, jobs and the queue. Pure.

The Notification plugin sends `{"name", "url", "build": {"full_url", "phase", "scm": …}}` for the phases QUEUED, STARTED,
COMPLETED and FINALIZED; the CloudEvents plugin sends nearly the same in other spellings, with its type in a header. COMPLETED
and FINALIZED are one end: before and after the post-build steps. The Generic Event plugin sends the REST object.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from pipetrail_producers.webhook.cloudevent import required
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.jenkins import build as builds
from pipetrail_producers.webhook.jenkins import rest
from pipetrail_producers.webhook.jenkins.build import Build, Checkout, Report
from pipetrail_producers.webhook.jenkins.cause import Began, Who, is_person, user
from pipetrail_producers.webhook.jenkins.place import NO_INSTANCE, instance, page, place
from pipetrail_producers.webhook.payload import at, moment, number
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from pipetrail_producers.webhook.values import Data, address, cut, merged, name, said

_ENDS = frozenset({"COMPLETED", "FINALIZED"})
_MAX_MS = 365 * 86_400_000


def phase(kind: str, payload: Any, delivery: Delivery) -> Translation:
    """A build's phase, of the Notification or the CloudEvents plugin.

    Raises:
        UntranslatableError: it lacks what every build has, or its phase is none that is known.
    """
    told = name(payload, "build.phase") or ""
    found = _build(kind, payload, delivery, has_ended=told in _ENDS)
    if told == "QUEUED":
        return Translation((builds.queued(found),))
    if told == "STARTED":
        return Translation(tuple(builds.started(found)))
    if told in _ENDS:
        return Translation((*builds.started(found), *builds.finished(found)))
    raise UntranslatableError(f"jenkins {kind:.60}: build.phase {told:.40} is none that is known")


def run(kind: str, payload: Any, delivery: Delivery) -> Translation:
    """A build of the Generic Event plugin, whose `data` is the REST object and whose `source` is the job's address.

    Raises:
        UntranslatableError: it lacks what every build has.
    """
    source = place(name(payload, "source"))
    base = instance(delivery.instance) or source.instance
    found = rest.build(at(payload, "data"), instance=base, job=source.job)
    if kind.endswith((".completed", ".finalized")):
        return Translation((*builds.started(found), *builds.finished(found)))
    return Translation(tuple(builds.started(found)))


def queue_item(kind: str, payload: Any, delivery: Delivery) -> Translation:
    """A queue item of the CloudEvents plugin: who began a build by hand; a build speaks for itself once there is one.

    Raises:
        UntranslatableError: it lacks what every queue item has.
    """
    who = Who(None, name(payload, "startedBy"))
    if not is_person(who):
        return Translation(silent="a build waits that nobody began by hand")
    job = place(delivery.headers.get("ce-source") or name(payload, "source")).job or name(payload, "displayName")
    named = required(job, "jenkins", kind, "ce-source")
    queue_id = number(payload, "jenkinsQueueId")
    if queue_id is None:
        raise UntranslatableError(f"jenkins {kind:.60}: jenkinsQueueId is missing, or not what it always is")
    base = instance(delivery.instance) or instance(name(payload, "ciUrl")) or NO_INSTANCE
    time = moment(payload, "entryTime") or delivery.received
    waiting = Build(base, named, 0, None, time, queue_id=queue_id)
    pipeline = {"system": "jenkins", "pipeline": {"name": cut(builds.pipeline_name(named, None))}}
    labels = {"labels": {"job": named, "queue_item": str(queue_id)}, "trigger": "user"}
    data = merged({"cicd": pipeline, "event": {"action": "dispatch"}, "pipetrail": labels}, user(who))
    return Translation((builds.by_hand(waiting, data),))


def job(kind: str, payload: Any, delivery: Delivery) -> Translation:
    """A job was made or altered: what a pipeline does is one of the controls of the line.

    Raises:
        UntranslatableError: it names no job.
    """
    action = "created" if kind.endswith("created") else "deleted" if kind.endswith("deleted") else "edited"
    named = name(payload, "data.fullName") or place(name(payload, "url")).job or name(payload, "name")
    path = required(named, "jenkins", kind, "url")
    time = _first_moment(payload, ("createdDate", "updatedDate", "time")) or delivery.received
    configuration = at(payload, "configFile")
    digest = _digest(configuration) if isinstance(configuration, str) else None
    own: Data = {
        "event": {"action": action},
        "cicd": {"system": "jenkins", "pipeline": {"name": path}},
        "pipetrail": {"control": "pipeline_definition", "labels": {"job": path, "configuration_sha256": digest}},
    }
    return Translation(
        (
            Fact(
                type="policy.changed",
                time=time,
                provider="jenkins",
                instance=instance(delivery.instance) or NO_INSTANCE,
                kind="job",
                native_id=f"{path}@{time:%Y-%m-%dT%H:%M:%S.%f}",
                state=action,
                data=merged(own, user(Who(name(payload, "userId"), name(payload, "userName")))),
                subject=path,
            ),
        )
    )


def _build(kind: str, payload: Any, delivery: Delivery, *, has_ended: bool) -> Build:
    told = at(payload, "build")
    full = place(name(told, "full_url") or name(told, "fullUrl"))
    own = place(name(told, "url"))
    path = required(full.job or own.job or place(name(payload, "url")).job, "jenkins", kind, "build.url")
    count = number(told, "number") or full.number or own.number
    if count is None or count > 2**53:
        raise UntranslatableError(f"jenkins {kind:.60}: build.number is missing, or not what it always is")
    base = instance(delivery.instance) or full.instance or NO_INSTANCE
    url = (address(name(told, "full_url")) or address(name(told, "fullUrl"))) if full.number == count else None
    time = moment(told, "timestamp") or delivery.received
    lasted = timedelta(milliseconds=min(number(told, "duration") or 0, _MAX_MS)) if has_ended else timedelta(0)
    scm = at(told, "scm") or at(told, "scmState")
    checkout = Checkout(name(scm, "url"), name(scm, "branch"), name(scm, "commit"))
    return Build(
        instance=base,
        job=path,
        number=count,
        url=url or page(base, path, count),
        started=_before(time, lasted),
        ended=time if has_ended else None,
        result=name(told, "status"),
        checkouts=(checkout,) if checkout.commit else (),
        queue_id=number(told, "queue_id") or number(told, "queueId"),
        began=Began(),
        tests=_tests(at(told, "test_summary")),
    )


def _before(time: datetime, lasted: timedelta) -> datetime:
    try:
        return time - lasted
    except OverflowError:
        return time


def _tests(summary: Any) -> Report | None:
    total, failed = number(summary, "total"), number(summary, "failed")
    if total is None or failed is None:
        return None
    return Report(min(total, 2**53), min(failed, 2**53), min(number(summary, "skipped") or 0, 2**53))


def _first_moment(payload: Any, paths: tuple[str, ...]) -> datetime | None:
    for path in paths:
        if found := moment(payload, path):
            return found
        text = said(payload, path) or ""
        # The Generic Event plugin's zone has no colon.
        if (found := moment({"": f"{text[:-2]}:{text[-2:]}"}, "")) is not None:
            return found
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
