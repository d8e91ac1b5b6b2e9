"""Jenkins' notifications, of the plugins that send any: which kinds there are, and who translates each. Pure.

Known are the CloudEvents plugin (its type in the `ce-type` header), the Notification plugin (`build.phase`) and the Generic
Event plugin (`type`, with the REST object in `data`).
"""

from collections.abc import Callable
from typing import Any

from pipetrail_producers.webhook.cloudevent import read
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.jenkins import plugins
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import Kind, System, Translation, UntranslatableError
from pipetrail_producers.webhook.values import name

_CLOUD_EVENTS = "org.jenkinsci."
_BEGUN = ("pipelinerun.started", "intervention.recorded")
_ENDED = (*_BEGUN, "pipelinerun.finished", "testsuiterun.finished")
_BUILD = "job, number, page, times, result, repository and commit where the build checked one out"
_CAUSES = f"{_BUILD}, who began or stopped it, test report"
_JOB = "job, who altered it, digest of its configuration"
_NODE = "an agent came or went"
_DELETED = "old builds are deleted all the time"
_STEP = "a step of a pipeline said something by itself"

_Translate = Callable[[str, Any, Delivery], Translation]


def _silent(why: str) -> _Translate:
    return lambda _kind, _payload, _delivery: Translation(silent=why)


_KINDS: dict[str, tuple[_Translate, Kind]] = {
    "queue.entered_waiting": (
        plugins.queue_item,
        Kind(("intervention.recorded",), "job, queue item, who began the build by hand"),
    ),
    "queue.left": (_silent("the build that the queue item became speaks for itself"), Kind((), "the build speaks for itself")),
    "job.started": (plugins.phase, Kind(_BEGUN, _BUILD)),
    "job.completed": (plugins.phase, Kind(_ENDED, _BUILD)),
    "job.finalzed": (plugins.phase, Kind(_ENDED, f"{_BUILD} (the plugin spells it so)")),
    "job.finalized": (plugins.phase, Kind(_ENDED, _BUILD)),
    "job.failed": (plugins.phase, Kind(_ENDED, _BUILD)),
    "job.created": (plugins.job, Kind(("policy.changed",), _JOB)),
    "job.updated": (plugins.job, Kind(("policy.changed",), _JOB)),
    "node.online": (_silent(_NODE), Kind((), _NODE)),
    "node.offline": (_silent(_NODE), Kind((), _NODE)),
    "notification.queued": (plugins.phase, Kind(("pipelinerun.queued",), _BUILD)),
    "notification.started": (plugins.phase, Kind(_BEGUN, _BUILD)),
    "notification.completed": (plugins.phase, Kind(_ENDED, f"{_BUILD}, test report")),
    "notification.finalized": (plugins.phase, Kind(_ENDED, f"{_BUILD}, test report")),
    "notification.none": (_silent(_STEP), Kind((), _STEP)),
    "event.run.initialize": (_silent("the build has not begun"), Kind((), "the build has not begun")),
    "event.run.started": (plugins.run, Kind(_BEGUN, _CAUSES)),
    "event.run.completed": (plugins.run, Kind(_ENDED, _CAUSES)),
    "event.run.finalized": (plugins.run, Kind(_ENDED, _CAUSES)),
    "event.run.deleted": (_silent(_DELETED), Kind((), _DELETED)),
    "event.item.created": (plugins.job, Kind(("policy.changed",), _JOB)),
    "event.item.updated": (plugins.job, Kind(("policy.changed",), _JOB)),
    "event.item.deleted": (plugins.job, Kind(("policy.changed",), _JOB)),
}


def kind(delivery: Delivery) -> str:
    """`job.started` of the CloudEvents plugin, `notification.started`, `event.run.started`; "unknown" for all else."""
    found = read(delivery)
    if found and found.type.startswith(_CLOUD_EVENTS):
        return found.type.removeprefix(_CLOUD_EVENTS)
    phase = name(delivery.payload, "build.phase")
    if phase:
        return f"notification.{phase.lower()}"
    told = name(delivery.payload, "type")
    return f"event.{told}" if told else "unknown"


def translate(delivery: Delivery) -> Translation:
    """The facts of a delivery.

    Raises:
        UntranslatableError: it is of no kind that is known, or lacks what its kind always has.
    """
    told = kind(delivery)
    if told not in _KINDS:
        raise UntranslatableError(f"jenkins {told:.100}: there is no such kind")
    found = read(delivery)
    is_cloud_event = found is not None and found.type.startswith(_CLOUD_EVENTS)
    payload = found.data if found and is_cloud_event else delivery.payload
    return _KINDS[told][0](told, payload if isinstance(payload, dict) else at({}, ""), delivery)


SYSTEM = System("jenkins", "Jenkins", {one: described for one, (_, described) in _KINDS.items()}, kind, translate)
