"""One CDEvent taken apart: its context, its subject, and what of them every fact of it carries. Pure.

Taken are 0.3 to 0.5.1 and the draft of 0.6, whose differences do not matter here: the context's version stands in `version` or
`specversion`, `subject.type` comes and goes, fields are only ever added.

A fact's own identity is `context.source` and `context.id`, which CDEvents requires to be unique for each event and to stay when
it is sent again. The subject's id is no such thing: many producers give all runs of a pipeline one subject.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from pipetrail_producers.webhook.cloudevent import required
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.payload import at, moment
from pipetrail_producers.webhook.purl import artifact
from pipetrail_producers.webhook.translation import UntranslatableError
from pipetrail_producers.webhook.values import Data, address, merged, name, repository, vcs_repository

PREFIX = "dev.cdevents."
CUSTOM_PREFIX = "dev.cdeventsx."
_NO_SOURCE = "urn:cdevents"
_TYPE = re.compile(r"dev\.cdevents\.([a-z]+)\.([a-z]+)(?:\.[0-9A-Za-z.+-]*)?")


class Message(NamedTuple):
    """A CDEvent.

    Args:
        kind: "build.started" and the like, without the version.
        source: the absolute form of `context.source`.
        id: `context.id`.
        time: `context.timestamp`.
        subject: the whole subject.
        whole: the whole CDEvent.
    """

    kind: str
    source: str
    id: str
    time: datetime
    subject: Any
    whole: Any

    def need(self, path: str) -> str:
        """A name of the subject, `id` or `content.…`.

        Raises:
            UntranslatableError: it is missing.
        """
        return required(name(self.subject, path), "cdevents", self.kind, f"subject.{path}")

    def told(self, path: str) -> str | None:
        """A name of the subject's content; None where there is none."""
        return name(self.subject, f"content.{path}")

    def fact(self, type_: str, data: Mapping[str, Any], *, state: str = "") -> Fact:
        """A fact of this CDEvent; `state` sets apart a second one of the same."""
        return Fact(
            type=type_,
            time=self.time,
            provider="cdevents",
            instance=self.source,
            kind="cdevent",
            native_id=self.id,
            state=state,
            data=merged(self._common(), data),
            subject=name(self.subject, "id") or self.id,
        )

    def _common(self) -> Data:
        own = {"subject_source": name(self.subject, "source"), "chain_id": name(self.whole, "context.chainId")}
        return {"pipetrail": {"labels": own}}


def kind_of(payload: Any) -> str:
    """`build.started` and the like; the type as it is where it is none of CDEvents'; "unknown" where there is none."""
    told = name(payload, "context.type")
    match = _TYPE.fullmatch(told) if told else None
    return f"{match[1]}.{match[2]}" if match else told or "unknown"


def message(payload: Any, delivery: Delivery) -> Message:
    """The CDEvent of a payload.

    Raises:
        UntranslatableError: it lacks what every CDEvent has.
    """
    kind = kind_of(payload)
    time = moment(payload, "context.timestamp")
    if time is None:
        raise UntranslatableError(f"cdevents {kind:.100}: context.timestamp is missing, or no time")
    source = required(name(payload, "context.source"), "cdevents", kind, "context.source")
    event_id = required(name(payload, "context.id"), "cdevents", kind, "context.id")
    required(name(payload, "subject.id"), "cdevents", kind, "subject.id")
    return Message(kind, absolute(source, delivery.instance), event_id, time, at(payload, "subject"), payload)


def absolute(source: str, instance: str | None) -> str:
    """A source, which may be relative, as the absolute URI that an event's source is."""
    base = address(instance) or _NO_SOURCE
    separator = ":" if base == _NO_SOURCE else "/"
    return address(source) or f"{base}{separator}{quote(source.lstrip('/'), safe='/:._~-') or '-'}"


def repository_of(reference: Any) -> str | None:
    """The canonical URL of a repository that CDEvents refers to: its id where that is a URL, else its source and id together.

    `{"id": "shop", "source": "https://forge.example/pay"}` is https://forge.example/pay/shop.
    """
    own, source = name(reference, "id"), name(reference, "source")
    if own and "://" in own:
        return repository(own)
    if source is None or "://" not in source:
        return None
    whole = source if not own or source.rstrip("/").endswith(f"/{own}") else f"{source.rstrip('/')}/{own}"
    return repository(whole)


def where(canonical: str | None) -> Data:
    """`vcs` of a repository."""
    return {"vcs": {"repository": vcs_repository(canonical)}} if canonical else {}


def what(reference: str | None) -> Data:
    """`artifact` of an artifact's id."""
    found = artifact(reference)
    return {"artifact": found} if found else {}
