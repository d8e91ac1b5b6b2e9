"""A fact that another system told, and the event of it. Webhook and importer of one fact make equal ids: both use this.

A translator names the system's own key of the fact and fills `data`; the envelope, the redaction and the check against the
schema are done in one place.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipetrail_schemas.check import lookup
from pipetrail_schemas.ids import event_id
from pipetrail_schemas.times import format_time
from pipetrail_schemas.types import EVENT_TYPES

from pipetrail_producers.build_event import BY_SHAPE, ready
from pipetrail_producers.redact import Redactor
from pipetrail_producers.webhook.delivery import Proof

# What stands in for the repository as the Kafka key, in this order (DESIGN, "The event": partitionkey).
_ALIASES = ("artifact.hash", "deployment.environment.name", "vcs.ref.head.revision", "cicd.pipeline.run.url.full")


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact, in the vocabulary of `pipetrail_schemas.types`.

    Args:
        type: the short type, `build.finished`.
        time: when it happened, by the system's own clock.
        provider: the kind of system ("github", "gitlab" …; "git" for commits and tags, which every channel tells alike).
        instance: which one of its kind: its base URL, or the repository's for what is counted within a repository.
        kind: the noun that `native_id` is unique within ("workflow_run", "deployment_status" …).
        native_id: the system's own key.
        attempt: of a run that keeps its id, counted from 1.
        state: what sets apart the events of one thing: "started", "finished", a decision …; empty where there is only one.
        data: the event's `data`; members that are None or empty are left out.
        subject: what people call it; `native_id` where not given.
    """

    type: str
    time: datetime
    provider: str
    instance: str
    kind: str
    native_id: str
    data: Mapping[str, Any]
    attempt: int = 1
    state: str = ""
    subject: str = ""

    @property
    def id(self) -> str:
        """The event's id: the fact's own identity, whatever channel tells it."""
        return event_id(
            provider=self.provider,
            instance=self.instance,
            kind=self.kind,
            native_id=self.native_id,
            attempt=self.attempt,
            state=self.state,
        )


def event(fact: Fact, *, recorded: datetime, proof: Proof | None = None, redactor: Redactor = BY_SHAPE) -> dict[str, Any]:
    """The event of a fact: redacted, fitted into a message, valid.

    Args:
        fact: what was told.
        recorded: when pipetrail learned of it.
        proof: how the teller was established; None: only asserted.
        redactor: what takes secrets out.

    Raises:
        InvalidEventError: names every field that is wrong or missing, and what is allowed.
    """
    kind = EVENT_TYPES[fact.type]
    data = pruned(fact.data)
    repository = lookup(data, "vcs.repository.url.full")
    envelope = {
        "specversion": "1.0",
        "id": fact.id,
        "source": repository or fact.instance,
        "type": kind.full_name,
        "time": format_time(fact.time),
        "recordedtime": format_time(recorded),
        "subject": fact.subject or fact.native_id,
        "datacontenttype": "application/json",
        "dataschema": kind.schema_url,
        "partitionkey": repository or next(_found(data), fact.instance),
        "data": data,
    }
    if proof is not None and proof.method != "none":
        envelope["authtype"] = proof.method
        if proof.authid:
            envelope["authid"] = proof.authid
    return ready(envelope, redactor)


def pruned(data: Mapping[str, Any]) -> dict[str, Any]:
    """The object without what says nothing: None, empty texts, empty objects and lists, at any depth."""
    found = {name: pruned(value) if isinstance(value, Mapping) else value for name, value in data.items()}
    return {name: value for name, value in found.items() if value is not None and value not in ("", {}, [], ())}


def _found(data: Mapping[str, Any]) -> Iterator[str]:
    values = (lookup(data, path) for path in _ALIASES)
    return (value for value in values if isinstance(value, str) and value)
