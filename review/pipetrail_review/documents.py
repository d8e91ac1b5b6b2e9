"""From documents in the index to the models they were written from. Pure.

A record (an indexed event) becomes the same `Entry` that a trail's timeline has, so that an event reads alike everywhere.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pipetrail_schemas.check import lookup
from pipetrail_schemas.finding import Finding
from pipetrail_schemas.trail import Entry, Trail
from pipetrail_schemas.types import BY_FULL_NAME, EventType, Stage
from pydantic import BaseModel, ValidationError

from pipetrail_review.errors import BadDocumentError
from pipetrail_review.text import plain, short_revision, shortened

M = TypeVar("M", bound=BaseModel)
_Made = TypeVar("_Made")

# ECS counts durations in nanoseconds, a timeline in milliseconds.
_NS_PER_MS = 1_000_000
_STAGES = frozenset(Stage)
# Where an event says what it is about, the most telling first.
_NAMES = (
    "cicd.pipeline.task.name",
    "artifact.filename",
    "pipetrail.control",
    "deployment.environment.name",
    "vcs.change.id",
    "vcs.ref.head.name",
    "cicd.pipeline.name",
)


def trail_of(document: Mapping[str, Any]) -> Trail:
    """The trail of a document.

    Raises:
        BadDocumentError: it is no trail.
    """
    return _read(Trail, document, "trail")


def finding_of(document: Mapping[str, Any]) -> Finding:
    """The finding of a document.

    Raises:
        BadDocumentError: it is no finding.
    """
    return _read(Finding, document, "finding")


def sound(
    make: Callable[[Mapping[str, Any]], _Made], documents: Iterable[Mapping[str, Any]], junk: list[str]
) -> Iterator[_Made]:
    """What `make` makes of the documents. What is junk is left out, and its reason added to `junk`.

    Whoever may write into an index may write there what is no document of its kind; that must not hide the others.
    """
    for document in documents:
        try:
            yield make(document)
        except BadDocumentError as exc:
            junk.append(str(exc))


def entry_of(record: Mapping[str, Any]) -> Entry:
    """The timeline entry of a record.

    Raises:
        BadDocumentError: it is no record.
    """
    described = BY_FULL_NAME.get(text_at(record, "pipetrail.type") or "")
    nanoseconds = lookup(record, "event.duration")
    return _read(
        Entry,
        {
            "event_id": lookup(record, "event.id"),
            "type": described.name if described else lookup(record, "pipetrail.event_type"),
            "time": record.get("@timestamp"),
            "stage": _stage(record, described),
            "name": _name(record),
            "result": lookup(record, "pipetrail.result"),
            "skip": lookup(record, "pipetrail.skip"),
            "decision": lookup(record, "pipetrail.decision"),
            "actor": record.get("user"),
            "actor_type": lookup(record, "pipetrail.actor.type"),
            "reason": lookup(record, "event.reason"),
            "environment": lookup(record, "deployment.environment.name"),
            "digest": lookup(record, "artifact.hash"),
            "duration_ms": nanoseconds // _NS_PER_MS if isinstance(nanoseconds, int) else None,
            "url": lookup(record, "cicd.pipeline.run.url.full"),
        },
        "event",
    )


def text_at(record: Mapping[str, Any], path: str) -> str | None:
    """The text at a dotted path of a record, None where there is nothing.

    Raises:
        BadDocumentError: there is something else: whoever wrote it was not pipetrail.
    """
    value = lookup(record, path)
    if value is None or isinstance(value, str):
        return value
    raise BadDocumentError(f"document {_id(record)} is no event of pipetrail: {path}: is no text")


def revision_of(trail: Trail) -> str | None:
    """The commit that the trail is of; None for one that is known by an alias only."""
    head = trail.vcs.ref.head if trail.vcs.ref else None
    return head.revision if head else None


def repository_of(trail: Trail) -> str | None:
    """The canonical URL of the trail's repository."""
    repository = trail.vcs.repository
    return repository.url.full if repository and repository.url else None


def label_of(trail: Trail) -> str:
    """What a trail is called: its commit, shortened; else its artifact's digest; else the beginning of its id."""
    if revision := revision_of(trail):
        return short_revision(revision)
    digest = trail.artifact.hash if trail.artifact else None
    return shortened(digest, 19) if digest else trail.pipetrail.trail.id[:8]


def _stage(record: Mapping[str, Any], described: EventType | None) -> str | None:
    # A record names its stage, also one that only a policy knows, which is none of the timeline's.
    own = text_at(record, "pipetrail.stage")
    if own in _STAGES:
        return own
    return described.stage if described else None


def _name(record: Mapping[str, Any]) -> str | None:
    if lookup(record, "pipetrail.event_type") == "commit.recorded":
        revision = text_at(record, "vcs.ref.head.revision")
        return short_revision(revision) if revision else None
    return next((str(value) for path in _NAMES if (value := lookup(record, path))), None)


def _read(model: type[M], document: Mapping[str, Any], name: str) -> M:
    try:
        return model.model_validate(document)
    except ValidationError as exc:
        problem = exc.errors()[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise BadDocumentError(f"document {_id(document)} is no {name} of pipetrail: {field}: {problem['msg']}") from exc


def _id(document: Mapping[str, Any]) -> str:
    paths = ("event.id", "event_id", "pipetrail.trail.id", "pipetrail.finding.id")
    return next((plain(value) for path in paths if (value := lookup(document, path))), "without an id")
