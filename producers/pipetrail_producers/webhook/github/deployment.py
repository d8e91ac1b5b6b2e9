"""A deployment, and what became of it. Pure; the objects are the webhook's or REST answers.

The commit is the deployment's own `sha`; the workflow run is often not named (other tools deploy, too), and where only a page
of it is, its id is taken from there. `inactive` is no end of the deployment's own: a later one took its place and tells of
itself.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.github.conclusion import conclusion
from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import actor, actor_type, missing, moment, part, person, required
from pipetrail_producers.webhook.payload import at, number
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, merged, name, revision, title, url

if TYPE_CHECKING:
    from datetime import datetime

_KIND, _STATUS = "deployment", "deployment_status"
RUN_PAGE = re.compile(r"/actions/runs/(\d{1,19})(?:/|$)", re.ASCII)
_SUPERSEDED = "inactive: a later deployment took this one's place, and tells of itself"
_WAITS = "the deployment waits; its start, or the review that it waits for, is told on its own"
_INACTIVE = "inactive"
_WAITING = frozenset({"queued", "pending", "waiting"})


def deployment(payload: Any, place: Place) -> Translation:
    """What a webhook tells of a new deployment."""
    place.need_repository(_KIND)
    found = part(payload, _KIND, _KIND)
    return Translation((requested(found, place, run_named(payload)),))


def requested(found: Mapping[str, Any], place: Place, run: Data | None = None) -> Fact:
    """That a deployment was asked for."""
    data = merged(actor(at(found, "creator")), run or {}, _about(found), {"event": {"reason": title(found, "description")}})
    key = (_KIND, required(found, "id", _KIND))
    return place.fact("deployment.requested", moment(found, "created_at"), key, data, state="requested", subject=_subject(data))


def deployment_status(payload: Any, place: Place) -> Translation:
    """What a webhook tells of a deployment's state."""
    place.need_repository(_STATUS)
    status, found = part(payload, _STATUS, _STATUS), part(payload, _KIND, _STATUS)
    told = tuple(facts(status, found, place, run_named(payload)))
    if told:
        return Translation(told)
    return Translation(silent=_SUPERSEDED if name(status, "state") == _INACTIVE else _WAITS)


def facts(status: Mapping[str, Any], found: Mapping[str, Any], place: Place, run: Data | None = None) -> Iterator[Fact]:
    """The fact of one status of a deployment; none where it waits or was superseded.

    Args:
        status: the status.
        found: its deployment.
        place: where.
        run: the workflow run as fields of `data`, where it is named.
    """
    word = required(status, "state", _STATUS)
    transient = at(found, "transient_environment") is True
    if word in _WAITING or (word == _INACTIVE and not transient):
        return
    about = merged(actor(at(status, "creator")), _about(found), _run_of_pages(status), run or {}, _where(status))
    if word == _INACTIVE:
        reason: Data = {"event": {"reason": "the environment was a temporary one"}}
        yield _status_fact(status, place, "removed", merged(about, reason))
    elif word == "in_progress":
        yield _status_fact(status, place, "started", about)
    else:
        how = conclusion(word) or missing(_STATUS, "state")
        yield _status_fact(status, place, "finished", merged(about, how.data))


def _status_fact(status: Mapping[str, Any], place: Place, verb: str, data: Data) -> Fact:
    key = (_STATUS, required(status, "id", _STATUS))
    time: datetime | None = moment(status, "created_at")
    return place.fact(f"deployment.{verb}", time, key, data, state=verb, subject=_subject(data))


def _about(found: Mapping[str, Any]) -> Data:
    return {
        "vcs": {"ref": {"head": {"name": name(found, "ref"), "revision": revision(found, "sha")}}},
        "deployment": {
            "id": required(found, "id", _KIND),
            "name": name(found, "task"),
            "environment": {"name": required(found, "environment", _KIND)},
        },
        "pipetrail": {"labels": {"production": "true" if at(found, "production_environment") is True else None}},
    }


def _where(status: Mapping[str, Any]) -> Data:
    return {
        "event": {"reason": title(status, "description")},
        "deployment": {
            "environment": {"name": name(status, "environment")},
            "url": {"full": url(status, "environment_url") or url(status, "target_url")},
        },
    }


def run_named(payload: Any) -> Data:
    """The workflow run that the webhook names, and the human who set it off: deployments themselves are a bot's."""
    run = at(payload, "workflow_run")
    human = next((who for key in ("triggering_actor", "actor") if actor_type(who := at(run, key)) == "user"), None)
    return merged(run_alone(payload), {"pipetrail": {"actor": {"on_behalf_of": person(human)}}})


def run_alone(payload: Any) -> Data:
    """The workflow run that the webhook names, without its human: who decides about a run does not act for them."""
    run = at(payload, "workflow_run")
    return {
        "cicd": {"pipeline": {"name": name(run, "name"), "run": {"id": name(run, "id")}}},
        "pipetrail": {"run": {"attempt": number(run, "run_attempt") or None}},
    }


def _run_of_pages(status: Mapping[str, Any]) -> Data:
    pages = (name(status, "log_url"), name(status, "target_url"))
    match = next((match for page in pages if (match := RUN_PAGE.search(page or ""))), None)
    return {"cicd": {"pipeline": {"run": {"id": match[1]}}}} if match else {}


def _subject(data: Data) -> str | None:
    return name(data, "deployment.environment.name")
