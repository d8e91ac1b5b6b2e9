"""Puts an event together from what is known and what was said. A plain dict, checked without pydantic.

What the caller says beats PIPETRAIL_* variables, which beat what the CI system or git say.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pipetrail_schemas import check
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.ids import canonical_repository, event_id
from pipetrail_schemas.times import format_time

from pipetrail_producers.ci.context import Context, repository_name

# Variable → field of Context. They say what no system says (Tekton, Argo Workflows), or say it better.
_OVERRIDES = {
    "PIPETRAIL_REPOSITORY": "repository",
    "PIPETRAIL_COMMIT": "commit",
    "PIPETRAIL_REF": "ref_name",
    "PIPETRAIL_CHANGE_ID": "change_id",
    "PIPETRAIL_PIPELINE": "pipeline_name",
    "PIPETRAIL_RUN_ID": "run_id",
    "PIPETRAIL_RUN_URL": "run_url",
    "PIPETRAIL_ACTOR": "actor_name",
    "PIPETRAIL_ACTOR_EMAIL": "actor_email",
    "PIPETRAIL_ACTOR_TYPE": "actor_type",
    "PIPETRAIL_ENVIRONMENT": "environment",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """What is to be said: the short type, when it happened, and the fields of `data` by their dotted path.

    `native_id` is the fact's own key; one fact that is told as several events (started, finished) keeps it.
    """

    type: str
    time: datetime
    values: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    native_id: str = field(default_factory=lambda: uuid.uuid4().hex)


def said(context: Context, env: Mapping[str, str], **given: str | None) -> Context:
    """The context with what the environment and the caller say instead; `given` are fields of Context, None where not said.

    Raises:
        InvalidEventError: the repository that was said names none.
    """
    told = {name: env[variable] for variable, name in _OVERRIDES.items() if env.get(variable)}
    told |= {name: value for name, value in given.items() if value is not None}
    if "repository" in told:
        try:
            told["repository"] = canonical_repository(told["repository"])
        except ValueError as exc:
            raise InvalidEventError([("data.vcs.repository.url.full", str(exc))]) from exc
        told["repository_name"] = repository_name(told["repository"]) or ""
        if told["repository"] != context.repository:
            # The commit and branch that were found belong to another repository: they say nothing here.
            context = replace(context, commit=None, ref_name=None, ref_type=None, change_id=None, base_ref=None)
    if "actor_name" in told and told["actor_name"] != context.actor_name:
        context = replace(context, actor_id=None, actor_email=None)
    if "ref_name" in told:
        context = replace(context, ref_type=None)
    return replace(context, **told)  # type: ignore[arg-type]  # every field that can be told is text


def build(fact: Fact, context: Context, *, recorded: datetime) -> dict[str, Any]:
    """The event of a fact, ready to be sent.

    Raises:
        InvalidEventError: names every field that is wrong or missing, and what is allowed.
    """
    try:
        kind = check.event_type(fact.type)
    except ValueError as exc:
        raise InvalidEventError([("type", str(exc))]) from exc
    data = _merged(_where(context), fact.data)
    for path, value in fact.values.items():
        put(data, path, value)
    repository = check.lookup(data, "vcs.repository.url.full")
    subject, _, verb = kind.name.partition(".")
    event = {
        "specversion": "1.0",
        "id": event_id(provider="pipetrail", instance=context.instance, kind=subject, native_id=fact.native_id, state=verb),
        "source": repository or context.run_url or context.instance,
        "type": kind.full_name,
        "time": format_time(fact.time),
        "recordedtime": format_time(recorded),
        "subject": fact.native_id,
        "datacontenttype": "application/json",
        "dataschema": kind.schema_url,
        "partitionkey": repository or _alias(data) or context.instance,
        "data": data,
    }
    problems = list(check.event_problems(event))
    if problems:
        raise InvalidEventError(problems)
    return event


def put(data: dict[str, Any], path: str, value: object) -> None:
    """Set a value at a dotted path, making the objects on the way; None sets nothing."""
    if value is None:
        return
    *parents, last = path.split(".")
    for name in parents:
        below = data.get(name)
        data = data.setdefault(name, {}) if isinstance(below, dict) or below is None else _occupied(path, name)
    data[last] = value


def _occupied(path: str, name: str) -> dict[str, Any]:
    raise InvalidEventError([(f"data.{path}", f"{name} is a value already and cannot hold fields")])


def _alias(data: Mapping[str, Any]) -> str | None:
    # DESIGN, "The event": partitionkey is the alias it has where the repository is not known.
    found = check.lookup(data, "artifact.hash") or check.lookup(data, "deployment.environment.name")
    return str(found) if found else None


def _merged(low: dict[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in high.items():
        below = low.get(name)
        low[name] = _merged(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return low


def _where(context: Context) -> dict[str, Any]:
    """The context as fields of `data`."""
    data: dict[str, Any] = {}
    for path, value in (
        ("user.id", context.actor_id),
        ("user.name", context.actor_name),
        ("user.email", context.actor_email),
        ("pipetrail.actor.type", context.actor_type),
        ("pipetrail.trigger", context.trigger),
        ("pipetrail.run.attempt", context.run_attempt),
        ("pipetrail.change.test_merge_revision", _full(context.test_merge_revision)),
        ("vcs.repository.name", context.repository_name),
        ("vcs.repository.url.full", context.repository),
        ("vcs.ref.head.name", context.ref_name),
        ("vcs.ref.head.type", context.ref_type),
        ("vcs.ref.head.revision", context.commit),
        ("vcs.ref.base.name", context.base_ref),
        ("vcs.change.id", context.change_id),
        ("cicd.system", None if context.provider == "local" else context.provider),
        ("cicd.pipeline.name", context.pipeline_name),
        ("cicd.pipeline.run.id", context.run_id),
        ("cicd.pipeline.run.url.full", context.run_url),
        ("cicd.pipeline.task.name", context.task_name),
        ("cicd.pipeline.task.run.id", context.task_id),
        ("cicd.pipeline.task.run.url.full", context.task_url),
        ("cicd.worker.name", context.worker_name),
        ("deployment.environment.name", context.environment),
    ):
        put(data, path, value)
    return data


def _full(revision: str | None) -> str | None:
    return revision if revision and len(revision) in {40, 64} else None
