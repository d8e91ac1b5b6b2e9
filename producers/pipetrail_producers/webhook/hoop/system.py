"""hoop's webhooks: access by hand to databases and shells, as interventions and approvals. Pure.

hoop tells no times: an event's time is that of receipt. What somebody typed stays with hoop, whose session page the event
names: it may hold whatever a database holds. Its size and SHA-256 are kept, so that it can be shown to be the same.

Who reviewed a session hoop does not tell in its webhooks; that it was reviewed, and with what outcome, comes with the session.
"""

import base64
import binascii
import hashlib
from datetime import datetime
from typing import Any

from pipetrail_schemas.types import Decision, Result

from pipetrail_producers.webhook.cloudevent import required
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.hoop.review_card import is_card, review
from pipetrail_producers.webhook.payload import at, items
from pipetrail_producers.webhook.translation import Kind, System, Translation, UntranslatableError
from pipetrail_producers.webhook.values import Data, address, cut, merged, name, said, title

NO_INSTANCE = "urn:hoop"
_REVIEW_CREATED = "microsoftteams.review.create"
_SILENT = {
    "dbroles.job.finished": "hoop made the roles that it connects to a database with",
    "dbroles.custom.job.finished": "hoop made the roles that it connects to a database with",
}
# The status of a session's review → what was decided. What is being or was executed was approved before.
_DECISIONS = {
    "APPROVED": Decision.APPROVED,
    "PROCESSING": Decision.APPROVED,
    "EXECUTED": Decision.APPROVED,
    "REJECTED": Decision.REJECTED,
    "REVOKED": Decision.DISMISSED,
}
_WAITING = "PENDING"
# hoop's sign that the exit code is not known.
_UNKNOWN_EXIT = -100
_MAX_ARGUMENTS = 100


def kind(delivery: Delivery) -> str:
    """The event type; that of a review for a card; "unknown" for all else."""
    told = name(delivery.payload, "event_type")
    return told or (_REVIEW_CREATED if is_card(delivery.payload) else "unknown")


def translate(delivery: Delivery) -> Translation:
    """The facts of a delivery.

    Raises:
        UntranslatableError: it is of no kind that is known, or names no session.
    """
    told = kind(delivery)
    if told in _SILENT:
        return Translation(silent=_SILENT[told])
    if told == "session.open":
        return _opened(delivery)
    if told == "session.close":
        return _closed(delivery)
    if told == _REVIEW_CREATED:
        return _review(delivery)
    raise UntranslatableError(f"hoop {told:.100}: event_type is none that is known")


def _opened(delivery: Delivery) -> Translation:
    payload = delivery.payload
    session = required(name(payload, "id"), "hoop", "session.open", "id")
    instance = _instance(delivery)
    who = {
        "user": {"id": name(payload, "user_id"), "name": name(payload, "user_email"), "email": name(payload, "user_email")},
        "pipetrail": {"actor": {"type": "user"}},
    }
    where = _where(instance, session, name(payload, "connection"))
    status = name(payload, "review.status")
    facts = []
    if status == _WAITING:
        facts.append(_fact(instance, session, ("approval.requested", "requested"), delivery.received, merged(where, who)))
    elif status and (decision := _DECISIONS.get(status.upper())):
        own = {"pipetrail": {"decision": decision.value, "result_raw": status}, "user": {"target": _owner(payload)}}
        facts.append(_fact(instance, session, ("approval.decided", decision.value), delivery.received, merged(where, own)))
    # A session that waits for its review, or was refused it, has not been let in.
    if not facts or facts[0].state == Decision.APPROVED:
        data = merged(where, who, _typed(payload), {"event": {"action": "session_open"}})
        facts.append(_fact(instance, session, ("intervention.recorded", "open"), delivery.received, data))
    return Translation(tuple(facts))


def _closed(delivery: Delivery) -> Translation:
    payload = delivery.payload
    session = required(name(payload, "id"), "hoop", "session.close", "id")
    instance = _instance(delivery)
    code = at(payload, "exit_code")
    code = int(code) if isinstance(code, int | float) and not isinstance(code, bool) and abs(code) < 2**31 else _UNKNOWN_EXIT
    result = None if code == _UNKNOWN_EXIT else Result.SUCCESS if code == 0 else Result.FAILURE
    own: Data = {
        "event": {"action": "session_close"},
        "pipetrail": {
            "result": result.value if result else None,
            "result_raw": said(payload, "exit_code"),
            "command": {"exit_code": code if code >= 0 else None},
            "labels": {"error": title(payload, "exit_err")},
        },
    }
    data = merged(_where(instance, session, None), own)
    return Translation((_fact(instance, session, ("intervention.recorded", "close"), delivery.received, data),))


def _review(delivery: Delivery) -> Translation:
    found = review(delivery.payload)
    if found is None:
        raise UntranslatableError(f"hoop {_REVIEW_CREATED}: attachments[].content.body[].text links no session")
    instance = _instance(delivery)
    own: Data = {
        "user": {"name": found.email or found.owner, "email": found.email},
        "pipetrail": {
            "actor": {"type": "user"},
            "labels": {"reviewers": found.groups, "session_time": found.duration, "page": found.page, "owner": found.owner},
        },
    }
    data = merged(_where(instance, found.session, found.connection), own)
    return Translation((_fact(instance, found.session, ("approval.requested", "requested"), delivery.received, data),))


def _where(instance: str, session: str, connection: str | None) -> Data:
    page = None if instance == NO_INSTANCE else address(f"{instance}/sessions/{session}")
    labels = {"session": session, "connection": connection, "page": page}
    return {
        "cicd": {"system": "hoop"},
        "service": {"name": connection} if connection else None,
        "pipetrail": {"labels": labels},
    }


def _typed(payload: Any) -> Data:
    """The command, and what is told of what was typed into it."""
    command = items(payload, "command") or [at(payload, "command")]
    argv = [found for one in command[:_MAX_ARGUMENTS] if (found := name({"": one}, ""))]
    labels = {
        "verb": name(payload, "verb"),
        "connection_type": name(payload, "connection_type"),
        "input_bytes": said(payload, "input_size"),
        "input_sha256": _digest(at(payload, "input")),
        "input_truncated": said(payload, "is_input_truncated"),
        "input_variables": cut(", ".join(found for one in items(payload, "input_envs") if (found := name({"": one}, "")))),
    }
    return {"pipetrail": {"command": {"argv": argv}, "trigger": name(payload, "verb"), "labels": labels}}


def _digest(encoded: Any) -> str | None:
    if not isinstance(encoded, str) or not encoded:
        return None
    try:
        return hashlib.sha256(base64.b64decode(encoded, validate=True)).hexdigest()
    except (binascii.Error, ValueError):
        return None


def _owner(payload: Any) -> Data:
    email = name(payload, "review.owner_email")
    return {"name": email, "email": email} if email else {}


def _instance(delivery: Delivery) -> str:
    return (address(delivery.instance) or NO_INSTANCE).rstrip("/")


def _fact(instance: str, session: str, what: tuple[str, str], time: datetime, data: Data) -> Fact:
    """A fact; `what` is its type and state."""
    type_, state = what
    return Fact(
        type=type_,
        time=time,
        provider="hoop",
        instance=instance,
        kind="review" if type_.startswith("approval") else "session",
        native_id=session,
        state=state,
        data=data,
    )


_KINDS = {
    "session.open": Kind(
        ("intervention.recorded", "approval.requested", "approval.decided"),
        "session, user, connection, command, size and digest of the input, state of the review",
    ),
    "session.close": Kind(("intervention.recorded",), "session, exit code, error"),
    _REVIEW_CREATED: Kind(("approval.requested",), "session, who asks, connection, groups that may approve"),
    **{one: Kind((), why) for one, why in _SILENT.items()},
}
SYSTEM = System("hoop", "hoop", _KINDS, kind, translate)
