"""A run of a GitHub Actions workflow. Pure; the object is the webhook's or a REST answer.

A finished run tells its start as well, so that a lost delivery is healed by the next; both have the same ids. A re-run keeps
the run's id and counts `run_attempt`; who re-ran it (`triggering_actor`) may be somebody else than who set off the first
attempt, and stepped in by hand. So did who dispatched a workflow. A run that waits for a maintainer to let it run
(`action_required`, as from forks) has not ended: the same attempt will.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.github.conclusion import conclusion
from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import actor, first_moment, label, missing, moment, part, required, sender
from pipetrail_producers.webhook.payload import at, items, number
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, full_revision, merged, name, said, url

_KIND = "workflow_run"
_WAITS = "action_required"
_RERUN = "rerun"
_STARTED = ("pipelinerun.started", "started")
_DISPATCHES = {"workflow_dispatch": "dispatch", "repository_dispatch": "repository_dispatch"}


def workflow_run(payload: Any, place: Place) -> Translation:
    """What a webhook tells of a run."""
    place.need_repository(_KIND)
    run = part(payload, _KIND, _KIND)
    # Payloads of older servers name the actor as the sender only.
    return Translation(tuple(facts({"actor": at(payload, "sender"), **run}, place)))


def workflow_dispatch(payload: Any, place: Place) -> Translation:
    """That somebody asked for a run, and with which inputs; the run itself, which comes later, tells its id."""
    kind = "workflow_dispatch"
    place.need_repository(kind)
    workflow = required(payload, "workflow", kind)
    inputs = at(payload, "inputs")
    given = {f"input_{label(key)}": said(inputs, key) for key in inputs} if isinstance(inputs, Mapping) else {}
    ref = (name(payload, "ref") or "").removeprefix("refs/heads/").removeprefix("refs/tags/")
    data = merged(
        sender(payload),
        {
            "event": {"action": "dispatch_requested"},
            "vcs": {"ref": {"head": {"name": ref}}},
            "pipetrail": {"trigger": kind, "labels": {"workflow": workflow, **given}},
        },
    )
    return Translation((place.fact("intervention.recorded", None, (kind, place.delivery), data, subject=workflow),))


def repository_dispatch(payload: Any, place: Place) -> Translation:
    """That somebody asked over the API for whatever listens to an event of the name in `action`."""
    kind = "repository_dispatch"
    place.need_repository(kind)
    action = required(payload, "action", kind)
    data = merged(
        sender(payload),
        {
            "event": {"action": "repository_dispatch_requested"},
            "vcs": {"ref": {"head": {"name": name(payload, "branch")}}},
            "pipetrail": {"trigger": kind, "labels": {"event_type": action}},
        },
    )
    return Translation((place.fact("intervention.recorded", None, (kind, place.delivery), data, subject=action),))


def facts(run: Mapping[str, Any], place: Place) -> Iterator[Fact]:
    """The facts of one attempt of a run, in the order of happening, as far as it has come."""
    status = required(run, "status", _KIND)
    started = first_moment(run, "run_started_at", "created_at")
    yield from _interventions(run, place, started)
    if status == "completed":
        yield from _completed(run, place, started)
    elif status == "in_progress":
        yield _fact(run, place, _STARTED, started)
    else:
        yield _fact(run, place, ("pipelinerun.queued", "queued"), started)


def about(run: Mapping[str, Any], place: Place) -> Data:
    """A run as fields of `data`: which commit, which attempt, who set it off."""
    attempt = attempt_of(run)
    who = run.get("triggering_actor") or run.get("actor")
    return merged(
        actor(who) if who else {},
        {
            "vcs": {
                "ref": {"head": {"name": name(run, "head_branch"), "revision": full_revision(run, "head_sha")}},
                "change": {"id": _change(run)},
            },
            "cicd": {"pipeline": {"name": name(run, "name") or name(run, "path"), "run": run_of(run, place, attempt)}},
            "pipetrail": {
                "trigger": name(run, "event"),
                "run": {"attempt": attempt},
                "labels": {"workflow": name(run, "path"), "number": name(run, "run_number")},
            },
        },
    )


def run_of(run: Mapping[str, Any], place: Place, attempt: int) -> Data:
    """`cicd.pipeline.run` of a run's attempt."""
    identity = required(run, "id", _KIND)
    page = url(run, "html_url") or (f"{place.repository}/actions/runs/{identity}" if place.repository else None)
    return {"id": identity, "url": {"full": f"{page}/attempts/{attempt}" if page else None}}


def attempt_of(run: Mapping[str, Any]) -> int:
    """The attempt, counted from 1."""
    return number(run, "run_attempt") or 1


def _interventions(run: Mapping[str, Any], place: Place, started: datetime | None) -> Iterator[Fact]:
    trigger = name(run, "event") or ""
    if attempt_of(run) > 1:
        yield _intervention(run, place, started, _RERUN)
    elif trigger in _DISPATCHES:
        yield _intervention(run, place, started, _DISPATCHES[trigger])


def _intervention(run: Mapping[str, Any], place: Place, time: datetime | None, action: str) -> Fact:
    return _fact(run, place, ("intervention.recorded", action), time, {"event": {"action": action}})


def _completed(run: Mapping[str, Any], place: Place, started: datetime | None) -> Iterator[Fact]:
    word = required(run, "conclusion", _KIND)
    ended = moment(run, "updated_at")
    if word == _WAITS:
        why: Data = {"event": {"action": _WAITS, "reason": "a maintainer has to let it run"}}
        yield _fact(run, place, ("approval.requested", _WAITS), ended, why)
        return
    how = conclusion(word) or missing(_KIND, "conclusion")
    if how.skip is None:
        yield _fact(run, place, _STARTED, started)
    yield _fact(run, place, ("pipelinerun.finished", "finished"), ended, how.data)


def _fact(run: Mapping[str, Any], place: Place, told: tuple[str, str], time: datetime | None, more: Data | None = None) -> Fact:
    """A fact of a run: `told` is the event's type and the state of its id."""
    key = (_KIND, required(run, "id", _KIND))
    data = merged(about(run, place), more or {})
    type_, state = told
    return place.fact(type_, time, key, data, state=state, attempt=attempt_of(run), subject=name(run, "name"))


def _change(run: Mapping[str, Any]) -> str | None:
    """The pull request, where there is one and no doubt; `pull_requests` is empty for forks, and holds what shares the head."""
    sha = full_revision(run, "head_sha")
    found = [name(one, "number") for one in items(run, "pull_requests") if sha and full_revision(one, "head.sha") == sha]
    return found[0] if len(found) == 1 else None
