"""Reading a validated event as the JSON object that it came as. A null and an absent field are the same."""

from typing import Any, NamedTuple

from pipetrail_schemas import codec, ids, plain
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.event import FULL_REVISION
from pipetrail_schemas.times import format_time, parse_time
from pipetrail_schemas.types import BY_FULL_NAME, EventType

Content = dict[str, Any]

# The stage of a task that says by OpenTelemetry's `cicd.pipeline.task.type` what it is for.
_TASK_STAGES = {"build": "build", "test": "test", "deploy": "deploy"}
# As plain texts: an enumeration's members are slow to look up and to write.
_KIND_STAGES = {kind.name: str(kind.stage) for kind in BY_FULL_NAME.values() if kind.stage}
_CANONICAL_LENGTH = len("2026-11-23T09:02:11.000Z")
_NOTHING: Content = {}


class Reading(NamedTuple):
    """One event as it was read: validated, with canonical times, the hash of its bytes, and its parts at hand.

    A part that the event does not have is an empty object, so that nobody needs to ask twice. Nobody writes into them.
    """

    content: Content
    data: Content
    kind: EventType
    id: str
    source: str
    time: str
    recorded: str
    hash: str
    own: Content  # data.pipetrail
    vcs: Content
    head: Content  # vcs.ref.head
    change: Content  # vcs.change
    pipeline: Content  # cicd.pipeline
    task: Content  # cicd.pipeline.task
    artifact: Content
    deployment: Content
    repository: str | None  # vcs.repository.url.full
    environment: str | None  # deployment.environment.name
    stage: str | None
    commit: str | None


def read(value: bytes | None, headers: codec.Headers) -> Reading:
    """The event of a message.

    Raises:
        InvalidEventError: the message is no event.
    """
    content = _content(value, headers)
    data: Content = content["data"]
    kind = BY_FULL_NAME[content["type"]]
    own = data.get("pipetrail") or _NOTHING
    vcs = data.get("vcs") or _NOTHING
    head = (vcs.get("ref") or _NOTHING).get("head") or _NOTHING
    pipeline = (data.get("cicd") or _NOTHING).get("pipeline") or _NOTHING
    task = pipeline.get("task") or _NOTHING
    deployment = data.get("deployment") or _NOTHING
    return Reading(
        content=content,
        data=data,
        kind=kind,
        id=content["id"],
        source=content["source"],
        time=_canonical(content["time"]),
        recorded=_canonical(content["recordedtime"]),
        hash=ids.content_hash(value or b""),
        own=own,
        vcs=vcs,
        head=head,
        change=vcs.get("change") or _NOTHING,
        pipeline=pipeline,
        task=task,
        artifact=data.get("artifact") or _NOTHING,
        deployment=deployment,
        repository=((vcs.get("repository") or _NOTHING).get("url") or _NOTHING).get("full"),
        environment=(deployment.get("environment") or _NOTHING).get("name"),
        stage=own.get("stage") or _KIND_STAGES.get(kind.name) or _TASK_STAGES.get(task.get("type") or ""),
        commit=_commit(kind, own, head),
    )


def _content(value: bytes | None, headers: codec.Headers) -> Content:
    whole = value is not None and not codec.attributes_of(headers)
    content = plain.from_json(value or b"") if whole else plain.from_content(codec.content_of(value, headers))
    if content is None:
        codec.decode(value, headers)  # says what is wrong in the contract's own words
        raise InvalidEventError([("event", "is not what the schema describes")])
    return content


def url_of(thing: Content) -> str | None:
    """`url.full` of a part."""
    url: str | None = (thing.get("url") or _NOTHING).get("full")
    return url


def _commit(kind: EventType, own: Content, head: Content) -> str | None:
    """The full id of the commit that the event names: of a merged change the one that the merge made on the trunk."""
    if kind.name == "change.merged":
        merged: str | None = (own.get("change") or _NOTHING).get("merge_revision")
        if merged and len(merged) >= FULL_REVISION:
            return merged
    revision: str | None = head.get("revision")
    return revision if revision and len(revision) >= FULL_REVISION else None


def _canonical(text: str) -> str:
    if len(text) == _CANONICAL_LENGTH and text[10] == "T" and text[19] == "." and text[23] == "Z":
        return text
    return format_time(parse_time(text))
