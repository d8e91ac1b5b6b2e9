"""What becomes of an entry of the store: events, a dead letter, or the count that it says nothing about delivery. Pure.

The same entry always makes the same bytes. Whatever a translator does, no entry is lost: what makes no event becomes a dead
letter, whose value is the body as it is kept, whose key is the path that it was sent to, and whose headers say why.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from pipetrail_schemas.check import lookup
from pipetrail_schemas.claims import PREFIX
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.topics import DEAD_LETTERS, MAX_MESSAGE_BYTES

from pipetrail_producers.build_event import ready
from pipetrail_producers.collector.entry import Entry
from pipetrail_producers.collector.masking import payload_of
from pipetrail_producers.collector.posted import Posted, UnsupportedError, completed, events_of
from pipetrail_producers.collector.sources import Source
from pipetrail_producers.message import Message, message_of
from pipetrail_producers.redact import Redactor
from pipetrail_producers.webhook import fact as facts
from pipetrail_producers.webhook.delivery import Delivery, Proof
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.systems import system
from pipetrail_producers.webhook.translation import UntranslatableError

STAGE = "collect"
EVENT, DEAD, SILENT = "event", "dead", "silent"
# The kind of what comes to /v1/events, beside the kinds that systems have.
_EVENTS = "events"
# An error's text goes into a header, which counts against the size of the message.
_MAX_ERROR_CHARS = 2000
_MAX_DELIVERY_ID = 256
# Where systems say which delivery this is; a redelivery has the same one.
_DELIVERY_IDS = (
    "x-github-delivery",
    "webhook-id",
    "svix-id",
    "idempotency-key",
    "x-gitlab-event-uuid",
    "x-request-uuid",
    "x-request-id",
    "ce-id",
)


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of an entry.

    Args:
        outcome: EVENT, DEAD (at least one dead letter) or SILENT.
        kind: of the delivery, one that its system knows, for counters.
        messages: for Kafka, in order.
        numbers: (stream, number) of agents' events.
        kept: a body that no message can carry, by the name of the file that it is to be kept in.
    """

    outcome: str
    kind: str
    messages: tuple[Message, ...] = ()
    numbers: tuple[tuple[str, int], ...] = ()
    kept: Mapping[str, bytes] | None = None


def make(entry: Entry, position: int, source: Source | None, redactor: Redactor) -> Made:
    """What becomes of an entry.

    Args:
        entry: what came.
        position: of the entry in the store, for dead letters.
        source: of a webhook; None when the settings do not have it any more.
        redactor: what takes secrets out.
    """
    if entry.door == "events":
        return _of_events(entry, position, redactor)
    return _of_hook(entry, position, source, redactor)


def delivery_id(headers: Mapping[str, str]) -> str | None:
    """Which delivery a system says that this is."""
    found = next((headers[name] for name in _DELIVERY_IDS if headers.get(name)), None)
    return found if found and len(found) <= _MAX_DELIVERY_ID else None


def dead_letter(entry: Entry, position: int, value: bytes, error: str, error_type: str) -> Message:
    """The dead letter of an entry, or of a part of it."""
    told = {
        "error": error[:_MAX_ERROR_CHARS],
        "error-type": error_type,
        "topic": entry.path,
        "partition": "0",
        "offset": str(position),
        "timestamp": str(int(entry.received.timestamp() * 1000)),
        "stage": STAGE,
        "source": entry.source,
        "authtype": entry.authtype,
        "body-sha256": entry.sha256,
        "body-redacted": "true" if entry.masked else "false",
    }
    original = [(f"original-{name}", text.encode("utf-8", "replace")) for name, text in sorted(entry.headers.items())]
    headers = (*original, *((name, text.encode("utf-8", "replace")) for name, text in told.items()))
    return Message(DEAD_LETTERS.name, entry.path.encode(), value, headers)


def _of_hook(entry: Entry, position: int, source: Source | None, redactor: Redactor) -> Made:
    kind = "unknown"
    try:
        translator = system(entry.system)
        delivery = _delivery(entry, source)
        told = translator.kind(delivery)
        kind = told if told in translator.kinds or entry.system == "generic" else "unknown"
        translation = translator.translate(delivery)
        if translation.silent and not translation.facts:
            return Made(SILENT, kind)
        if not translation.facts:
            raise UntranslatableError(f"{entry.system}: {kind}: nothing was made of it")  # noqa: TRY301 - as a translator would
        # Twice the same fact in one delivery is one event.
        raw = _raw(entry, whole=source is not None and source.keeps_payload)
        events = {one.id: _event(one, entry, raw, redactor) for one in translation.facts}
        return Made(EVENT, kind, tuple(message_of(event) for event in events.values()))
    except Exception as exc:  # noqa: BLE001 - whatever it is, the delivery must not be lost, nor hold up the others
        return _dead(entry, position, kind, exc, entry.body)


def _delivery(entry: Entry, source: Source | None) -> Delivery:
    return Delivery(
        headers=entry.headers,
        payload=payload_of(entry.body),
        received=entry.received,
        instance=None if source is None else source.instance,
        settings={} if source is None else source.settings,
    )


def _raw(entry: Entry, *, whole: bool) -> dict[str, Any]:
    """What of the body stays in an event: by what somebody shows that it is this one; on request the text as it was kept."""
    reference = {"sha256": entry.sha256}
    return {**reference, "payload": entry.body.decode("utf-8", "replace")} if whole else reference


def _event(told: Fact, entry: Entry, raw: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    identity = delivery_id(entry.headers)
    own = {"raw": raw, **(told.data.get("pipetrail") or {})}
    if identity and own.get("delivery") is None:
        own["delivery"] = {"id": identity}
    told = replace(told, data={**told.data, "pipetrail": own})
    return facts.event(told, recorded=entry.received, proof=Proof(entry.authtype, entry.authid), redactor=redactor)


def _of_events(entry: Entry, position: int, redactor: Redactor) -> Made:
    try:
        posted = events_of(entry.headers, entry.body, entry.received)
    except (InvalidEventError, UnsupportedError) as exc:
        return _dead(entry, position, _EVENTS, exc, entry.body)
    made = [_of_event(one, entry, position, redactor, alone=len(posted) == 1) for one in posted]
    outcome = max((one.outcome for one in made), key=(SILENT, EVENT, DEAD).index, default=SILENT)
    return Made(
        outcome,
        _EVENTS,
        tuple(message for one in made for message in one.messages),
        tuple(number for one in made for number in one.numbers),
        {name: body for one in made for name, body in (one.kept or {}).items()},
    )


def _of_event(one: Posted, entry: Entry, position: int, redactor: Redactor, *, alone: bool) -> Made:
    problems = one.problems
    if not problems:
        try:
            event = ready(_stamped(completed(one.content, entry.received), entry), redactor)
            return Made(EVENT, _EVENTS, (message_of(event),), tuple(_number(event)))
        except InvalidEventError as exc:
            problems = tuple(exc.problems)
    refusal = InvalidEventError(list(problems))
    return _dead(entry, position, _EVENTS, refusal, entry.body if alone else orjson.dumps(one.content))


def _stamped(event: dict[str, Any], entry: Entry) -> dict[str, Any]:
    """The event with who proved to be its sender; what it says of that itself counts for nothing."""
    stamped = {**event, "authtype": entry.authtype, "authid": entry.authid}
    data = event["data"]
    own = data.get("pipetrail") or {}
    said = own.get("labels") or {}
    # Whoever was not proven by a token must not seem to be.
    labels = {name: text for name, text in said.items() if not name.startswith(PREFIX)} | dict(entry.claims)
    if labels != said:
        stamped["data"] = {**data, "pipetrail": {**own, "labels": labels}}
    return stamped


def _number(event: Mapping[str, Any]) -> Sequence[tuple[str, int]]:
    stream, number = (lookup(event, f"data.pipetrail.delivery.{name}") for name in ("id", "sequence"))
    return [(stream, number)] if isinstance(stream, str) and isinstance(number, int) else []


def _dead(entry: Entry, position: int, kind: str, error: Exception, value: bytes) -> Made:
    kept = None
    if len(value) > MAX_MESSAGE_BYTES:
        digest = hashlib.sha256(value).hexdigest()
        kept = {digest: value}
        value = orjson.dumps({"not_sent": {"bytes": len(value), "sha256": digest}})
    letter = dead_letter(entry, position, value, str(error) or repr(error), type(error).__name__)
    return Made(DEAD, kind, (letter,), kept=kept)
