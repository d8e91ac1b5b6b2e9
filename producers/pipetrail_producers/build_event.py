"""Puts an event together from what is known and what was said. A plain dict, checked without pydantic.

What the caller says beats PIPETRAIL_* variables, which beat what the CI system or git say. Whatever the origin, no text of an
event holds a secret that `redact` finds, and none that JSON in UTF-8 cannot carry.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pipetrail_schemas import check
from pipetrail_schemas.errors import InvalidEventError, SettingError
from pipetrail_schemas.ids import canonical_repository, event_id
from pipetrail_schemas.times import format_time
from pipetrail_schemas.topics import MAX_EVENT_BYTES

from pipetrail_producers.ci.context import Context, count, repository_name
from pipetrail_producers.claim import fitted
from pipetrail_producers.redact import Redactor

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
    "PIPETRAIL_ACTOR_ID": "actor_id",
    "PIPETRAIL_ACTOR_EMAIL": "actor_email",
    "PIPETRAIL_ACTOR_TYPE": "actor_type",
    "PIPETRAIL_ENVIRONMENT": "environment",
}
# Finds the secrets that show what they are, whatever the environment.
BY_SHAPE = Redactor({})
_RUN_ATTEMPT = "PIPETRAIL_RUN_ATTEMPT"
# The envelope has some 1,500 bytes, its longest parts counted with all that the schema allows.
_DATA_ROOM = MAX_EVENT_BYTES - 20_000


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
        SettingError: PIPETRAIL_RUN_ATTEMPT is no number from 1.
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
        context = replace(context, actor_id=None, actor_email=None, actor_type=None)
    if "run_id" in told and told["run_id"] != context.run_id:
        context = replace(context, run_attempt=None, run_url=None, task_id=None, task_url=None)
    if env.get(_RUN_ATTEMPT):
        context = replace(context, run_attempt=_attempt(env[_RUN_ATTEMPT]))
    if "ref_name" in told:
        context = replace(context, ref_type=None)
    return replace(context, **told)  # type: ignore[arg-type]  # every field that can be told is text


def _attempt(text: str) -> int:
    number = count(text)
    if number is None:
        raise SettingError(_RUN_ATTEMPT, f"{text!r} is not a whole number from 1")
    return number


def build(fact: Fact, context: Context, *, recorded: datetime, redactor: Redactor = BY_SHAPE) -> dict[str, Any]:
    """The event of a fact, ready to be sent: redacted, and with what is too large for a message named by its digest.

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
    data = dict(fitted(redactor.data(_carriable(data)), _DATA_ROOM))
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
    _require_valid(event)
    return event


def ready(event: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """A whole event of somebody else's, redacted and fitted as `build` does it.

    Raises:
        InvalidEventError: names every field that is wrong or missing, and what is allowed.
    """
    clean = {name: _carriable(value) for name, value in event.items()}
    if isinstance(clean.get("data"), Mapping):
        clean["data"] = dict(fitted(redactor.data(clean["data"]), _DATA_ROOM))
    _require_valid(clean)
    return clean


def _require_valid(event: Mapping[str, Any]) -> None:
    problems = list(check.event_problems(event))
    if problems:
        raise InvalidEventError(problems)


def put(data: dict[str, Any], path: str, value: object) -> None:
    """Set a value at a dotted path, making the objects on the way; None sets nothing."""
    if value is None:
        return
    *parents, last = path.split(".")
    for name in parents:
        below = data.get(name)
        if below is not None and not isinstance(below, dict):
            raise InvalidEventError([(f"data.{path}", f"{name} is a value already and cannot hold fields")])
        data[name] = below = {} if below is None else below
        data = below
    data[last] = value


def _carriable(value: Any) -> Any:
    """A JSON value without halves of surrogate pairs, which is how bytes that are no UTF-8 look in an argument or variable."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {name: _carriable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_carriable(item) for item in value]
    return value


def _alias(data: Mapping[str, Any]) -> str | None:
    # DESIGN, "The event": partitionkey is the alias it has where the repository is not known.
    found = check.lookup(data, "artifact.hash") or check.lookup(data, "deployment.environment.name")
    return str(found) if found else None


def _merged(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    """A new object: `high` over `low`, object by object; what is in `high` alone is copied, too, since it will be added to."""
    merged = dict(low)
    for name, value in high.items():
        below = merged.get(name)
        merged[name] = _merged(below if isinstance(below, Mapping) else {}, value) if isinstance(value, Mapping) else value
    return merged


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
