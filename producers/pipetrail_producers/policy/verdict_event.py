"""Verdicts as events. Pure: time and context are passed in.

A judged commit is a `taskrun.finished` of the stage `commit`, so that it stands in the commit's trail; one that was let through
by an override is a `policy.bypassed` as well, with the reason. Messages that are no commit yet have no trail to stand in.
"""

from datetime import datetime
from typing import Any

from pipetrail_schemas.ids import event_id
from pipetrail_schemas.times import format_time
from pipetrail_schemas.types import EVENT_TYPES, Result, Stage

from pipetrail_producers.build_event import BY_SHAPE, ready
from pipetrail_producers.ci.context import Context
from pipetrail_producers.policy.judge import Verdict
from pipetrail_producers.policy.lookup import State
from pipetrail_producers.redact import Redactor

CONTROL = "commit-policy"
_JUDGED = EVENT_TYPES["taskrun.finished"]
_BYPASSED = EVENT_TYPES["policy.bypassed"]


def events_of(verdict: Verdict, context: Context, now: datetime, redactor: Redactor = BY_SHAPE) -> list[dict[str, Any]]:
    """The events of a verdict on a commit, as CloudEvents; none for a message that is no commit yet.

    Args:
        verdict: the outcome.
        context: where it was judged; without a repository there is no trail and there are no events.
        now: when it was judged.
        redactor: what takes secrets out of reasons and messages.

    Raises:
        InvalidEventError: the context holds something that an event cannot carry.
    """
    if verdict.subject.sha is None or context.repository is None:
        return []
    names = [_JUDGED.name] + ([_BYPASSED.name] if verdict.refusals and verdict.override else [])
    return [ready(_event(name, verdict, context, now), redactor) for name in names]


def _event(name: str, verdict: Verdict, context: Context, now: datetime) -> dict[str, Any]:
    kind, sha, repository = EVENT_TYPES[name], verdict.subject.sha or "", context.repository or ""
    # One judgement for each run; outside CI every judgement is one of its own.
    run = context.run_id or format_time(now)
    return {
        "specversion": "1.0",
        "id": event_id(
            provider="pipetrail",
            instance=repository,
            kind=name,
            native_id=f"{CONTROL} {sha} {run}",
            attempt=context.run_attempt or 1,
        ),
        "source": repository,
        "type": kind.full_name,
        "time": format_time(now),
        "recordedtime": format_time(now),
        "subject": sha,
        "datacontenttype": "application/json",
        "dataschema": kind.schema_url,
        "partitionkey": repository,
        "data": _filled(_data(name, verdict, context)),
    }


def _data(name: str, verdict: Verdict, context: Context) -> dict[str, Any]:
    looked = verdict.subject.ticket
    broken = "; ".join(f"{refusal.rule}: {refusal.problem}" for refusal in verdict.refusals)
    extra: dict[str, Any] = {
        "actor": {"type": context.actor_type},
        "control": CONTROL,
        "stage": Stage.COMMIT,
        "run": {"attempt": context.run_attempt},
        "ticket": {"id": None if looked and looked.state is State.MISSING else verdict.ticket},
        "labels": {f"exempted_{number}": one.reason for number, one in enumerate(verdict.exempted, start=1)}
        | ({"ticket_state": looked.state} if looked else {}),
    }
    if name == _JUDGED.name:
        extra["result"] = Result.FAILURE if verdict.refusals else Result.SUCCESS
    return {
        "event": {"reason": verdict.override if name == _BYPASSED.name else broken},
        "user": {"id": context.actor_id, "name": context.actor_name, "email": context.actor_email},
        "vcs": {
            "repository": {"name": context.repository_name, "url": {"full": context.repository}},
            "ref": {"head": {"revision": verdict.subject.sha}},
            "change": {"id": context.change_id},
        },
        "cicd": {
            "system": context.provider,
            "pipeline": {
                "name": context.pipeline_name,
                "run": {"id": context.run_id, "url": {"full": context.run_url}},
                "task": {"name": CONTROL},
            },
        },
        "pipetrail": extra,
    }


def _filled(value: dict[str, Any]) -> dict[str, Any]:
    """The object without what is empty."""
    kept = {key: _filled(part) if isinstance(part, dict) else part for key, part in value.items()}
    return {key: part for key, part in kept.items() if part not in (None, "", {})}
