"""What a deployment has to pass: reviewers who let it through, and rules of apps that are asked. Pure."""

from typing import Any

from pipetrail_producers.webhook.github.deployment import RUN_PAGE, run_alone
from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import actor, missing, moment, part, required, sender
from pipetrail_producers.webhook.payload import at, items
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import full_revision, merged, name, title

_REVIEW, _RULE = "deployment_review", "deployment_protection_rule"
_DECISIONS = {"approved": "approved", "rejected": "rejected"}


def deployment_review(payload: Any, place: Place) -> Translation:
    """Who has to let a job deploy, and what they decided; one decision can be about several environments."""
    place.need_repository(_REVIEW)
    action = required(payload, "action", _REVIEW)
    run = part(payload, "workflow_run", _REVIEW)
    who = actor(at(payload, "approver")) if name(payload, "approver.login") else sender(payload)
    decision = _DECISIONS.get(action)
    if decision is None and action != "requested":
        missing(_REVIEW, "action")
    about = merged(
        who,
        run_alone(payload),
        {
            "event": {"action": action, "reason": title(payload, "comment")},
            "vcs": {"ref": {"head": {"name": name(run, "head_branch"), "revision": full_revision(run, "head_sha")}}},
            "pipetrail": {"decision": decision, "control": "required reviewers", "labels": {"reviewers": _reviewers(payload)}},
        },
    )
    environments = _environments(payload) or missing(_REVIEW, "environment")
    type_ = "approval.decided" if decision else "approval.requested"
    # A request says since when it waits; a decision has no time of its own.
    time = moment(payload, "since") if action == "requested" else None
    attempt = name(run, "run_attempt") or "1"
    return Translation(
        tuple(
            place.fact(
                type_,
                time,
                (_REVIEW, f"{required(run, 'id', _REVIEW)}/{attempt} {environment}"),
                merged(about, {"deployment": {"environment": {"name": environment}}}),
                state=action,
                subject=environment,
            )
            for environment in environments
        )
    )


def deployment_protection_rule(payload: Any, place: Place) -> Translation:
    """That an app's own rule was asked whether a deployment may go on."""
    place.need_repository(_RULE)
    required(payload, "action", _RULE)
    found = at(payload, "deployment")
    environment = name(payload, "environment") or required(found, "environment", _RULE)
    page = RUN_PAGE.search(name(payload, "deployment_callback_url") or "")
    run = page[1] if page else name(payload, "workflow_run.id")
    app = name(payload, "installation.id")
    data = merged(
        sender(payload),
        {
            "vcs": {
                "ref": {
                    "head": {
                        "name": name(payload, "ref") or name(found, "ref"),
                        "revision": full_revision(payload, "sha") or full_revision(found, "sha"),
                    }
                }
            },
            "cicd": {"pipeline": {"run": {"id": run}}},
            "deployment": {"id": name(found, "id"), "environment": {"name": environment}},
            "pipetrail": {
                "trigger": name(payload, "event"),
                "control": "deployment protection rule",
                "labels": {"installation": app},
            },
        },
    )
    key = (_RULE, f"{name(found, 'id') or run or place.delivery} {environment} {app or ''}".strip())
    time = moment(payload, "deployment.created_at")
    return Translation((place.fact("approval.requested", time, key, data, state="requested", subject=environment),))


def _environments(payload: Any) -> list[str]:
    jobs = [*items(payload, "workflow_job_runs"), at(payload, "workflow_job_run")]
    found = [name(payload, "environment"), *(name(job, "environment") for job in jobs)]
    return list(dict.fromkeys(filter(None, found)))


def _reviewers(payload: Any) -> str | None:
    found = (name(one, "reviewer.login") or name(one, "reviewer.slug") for one in items(payload, "reviewers"))
    return ", ".join(filter(None, found))[:1_000] or None
