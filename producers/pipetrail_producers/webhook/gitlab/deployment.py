"""Deployments, of hooks and of REST answers.

The hook carries the first eight characters of the commit's id; the whole one stands only in `commit_url`. `deployable_id` is
the id of the job that deploys, and the way to the pipeline. A deployment that waits for approval is "blocked".
https://docs.gitlab.com/user/project/integrations/webhook_events/#deployment-events, https://docs.gitlab.com/api/deployments/
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.gitlab.place import Place
from pipetrail_producers.webhook.gitlab.read import actor, moment, required
from pipetrail_producers.webhook.payload import at, items
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from pipetrail_producers.webhook.values import Data, cut, merged, name, revision, url

_KIND = "deployment"
_RESULTS = {"success": "success", "failed": "failure", "canceled": "cancellation", "skipped": "skip"}
_WAITING = {"created": "deployment.requested", "blocked": "approval.requested"}
_DECISIONS = {"approved": "approved", "rejected": "rejected"}
_COMMIT_IN_URL = re.compile(r"/commit/([0-9a-f]{40}|[0-9a-f]{64})(?:$|[/?#])", re.ASCII)
# The states of ids, by event type.
_STATES = {
    "deployment.requested": "requested",
    "approval.requested": "approval requested",
    "deployment.started": "started",
    "deployment.finished": "finished",
}


def hook(payload: Mapping[str, Any], place: Place) -> Translation:
    """A deployment hook: one status, and when it came."""
    place.need_repository(_KIND)
    in_url = _COMMIT_IN_URL.search(url(payload, "commit_url") or "")
    deployment = {
        "id": at(payload, "deployment_id"),
        "sha": in_url[1] if in_url else at(payload, "short_sha"),
        "ref": at(payload, "ref"),
        "user": at(payload, "user"),
        "environment": {
            "name": at(payload, "environment"),
            "external_url": at(payload, "environment_external_url"),
            "tier": at(payload, "environment_tier"),
        },
        "deployable": {"id": at(payload, "deployable_id"), "web_url": at(payload, "deployable_url")},
        "commit_title": at(payload, "commit_title"),
    }
    status = required(payload, "status", _KIND)
    time = moment(payload, "status_changed_at")
    return Translation((_event(_type(status), time, deployment, place, status),))


def facts(deployment: Mapping[str, Any], place: Place) -> Iterator[Fact]:
    """What a REST answer tells: that it was asked for, started, ended; and who approved it.

    Raises:
        UntranslatableError: it has no id, no environment, or no status that is known.
    """
    status = required(deployment, "status", _KIND)
    kind = _type(status)
    started, finished = moment(deployment, "deployable.started_at"), moment(deployment, "deployable.finished_at")
    updated = moment(deployment, "updated_at")
    yield _event("deployment.requested", moment(deployment, "created_at"), deployment, place, status)
    if kind == "approval.requested":
        yield _event(kind, updated, deployment, place, status)
    yield from _approvals(deployment, place)
    if kind == "deployment.started" or (kind == "deployment.finished" and started):
        yield _event("deployment.started", started or updated, deployment, place, status)
    if kind == "deployment.finished":
        yield _event(kind, finished or updated, deployment, place, status)


def about(deployment: Mapping[str, Any], place: Place) -> Data:
    """The deployment as fields of `data`."""
    number = required(deployment, "id", _KIND)
    job_id, run_id = name(deployment, "deployable.id"), name(deployment, "deployable.pipeline.id")
    job_url = url(deployment, "deployable.web_url") or (f"{place.repository}/-/jobs/{job_id}" if job_id else None)
    run_url = f"{place.repository}/-/pipelines/{run_id}" if run_id else None
    task = {"name": name(deployment, "deployable.name"), "run": {"id": job_id, "url": {"full": job_url}}}
    head = {"name": name(deployment, "ref"), "revision": revision(deployment, "sha")}
    environment = {"name": required(deployment, "environment.name", _KIND)}
    labels = {
        "environment_tier": name(deployment, "environment.tier"),
        "commit_title": name(deployment, "commit_title") or name(deployment, "deployable.commit.title"),
    }
    return merged(
        actor(at(deployment, "user")),
        {"vcs": {"ref": {"head": head}}, "pipetrail": {"labels": labels}},
        {"cicd": {"pipeline": {"run": {"id": run_id, "url": {"full": run_url}}, "task": task if job_id else {}}}},
        {
            "deployment": {
                "id": number,
                "environment": environment,
                "url": {"full": url(deployment, "environment.external_url")},
            },
        },
    )


def _type(status: str) -> str:
    if status in _WAITING:
        return _WAITING[status]
    if status == "running":
        return "deployment.started"
    if status in _RESULTS:
        return "deployment.finished"
    raise UntranslatableError(f"gitlab {_KIND}: status {status!r:.80} is not known")


def _event(kind: str, time: datetime | None, deployment: Mapping[str, Any], place: Place, status: str) -> Fact:
    data = about(deployment, place)
    if kind == "deployment.finished":
        skip = "never_ran" if status == "skipped" else None
        data = merged(data, {"pipetrail": {"result": _RESULTS[status], "result_raw": status, "skip": skip}})
    subject = name(deployment, "environment.name")
    return place.fact(kind, time, (_KIND, required(deployment, "id", _KIND)), data, state=_STATES[kind], subject=subject)


def _approvals(deployment: Mapping[str, Any], place: Place) -> Iterator[Fact]:
    for approval in items(deployment, "approvals"):
        decision = _DECISIONS.get(name(approval, "status") or "")
        who = name(approval, "user.id") or name(approval, "user.username")
        if decision is None or who is None:
            continue
        data = {**about(deployment, place), **actor(at(approval, "user"))}
        said = {"event": {"reason": cut(name(approval, "comment"))}, "pipetrail": {"decision": decision}}
        key = ("deployment_approval", f"{required(deployment, 'id', _KIND)}:{who}")
        time = moment(approval, "created_at") or moment(deployment, "updated_at")
        yield place.fact("approval.decided", time, key, merged(data, said), state=decision)
