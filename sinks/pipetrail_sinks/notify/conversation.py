"""What is told of findings, when, and once: the state of one conversation with a channel, and what follows from it. Pure.

A conversation is what one channel hears about one group of findings (those of a trail, say). Rules:

- A finding is told once while it stays open; again only when it was closed or acknowledged and opened anew, or grew worse.
- It is told when it is due and open at that time: what was acknowledged or withdrawn meanwhile is nobody's call any more. What
  waits in the same conversation is told along, so that siblings make one message; each is escalated in its own time.
- When nothing that was told is open any more, the conversation is resolved; when all of it is taken care of by somebody, it is
  acknowledged. Each is told once.
- A revision that is not newer than the known one changes nothing: replays and repetitions have no effect.

When something is due (waiting time, quiet hours, escalation) is decided by the caller, what a message says in alert.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from pipetrail_schemas.finding import SEVERITY_NUMBERS, Severity, Status

Kind = Literal["opened", "more", "escalated", "acknowledged", "resolved"]

CLOSED: frozenset[Status] = frozenset({"justified", "resolved", "withdrawn", "excluded"})


@dataclass(frozen=True, slots=True)
class Sight:
    """What a message on the findings topic says of a finding, as far as it decides anything."""

    finding: str
    revision: int
    status: Status
    severity: Severity


@dataclass(frozen=True, slots=True)
class Member:
    """A finding in a conversation: `told` with which severity, None if not; `due` when it is to be told, None if it is not."""

    finding: str
    revision: int
    status: Status
    severity: Severity
    told: Severity | None = None
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """Something to be told, about these findings."""

    kind: Kind
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """`begun`: people were told and do not know that it is over. `acknowledged`: they were told that somebody takes care."""

    members: Mapping[str, Member] = field(default_factory=dict)
    begun: bool = False
    acknowledged: bool = False

    @property
    def due(self) -> datetime | None:
        """When something is to be told, None if nothing waits."""
        return min((member.due for member in self.members.values() if member.due), default=None)

    @property
    def pending(self) -> tuple[Member, ...]:
        """What waits to be told, the most severe and oldest first."""
        waiting = [member for member in self.members.values() if member.due]
        return tuple(sorted(waiting, key=lambda one: (-SEVERITY_NUMBERS[one.severity], one.due, one.finding)))


def observe(conversation: Conversation, sight: Sight, due: datetime | None) -> Conversation:
    """Take note of a finding; `due` is when it is to be told if it is to be told at all, None for never (too old, say)."""
    known = conversation.members.get(sight.finding)
    if known and sight.revision <= known.revision:
        return conversation
    told = known.told if known else None
    if known and known.status != "open" and sight.status == "open":
        told = None
    waits = sight.status == "open" and (told is None or SEVERITY_NUMBERS[sight.severity] > SEVERITY_NUMBERS[told])
    # What grew worse may not have to wait any more; otherwise it waits no longer than it was to.
    first_due = min((one for one in (known.due if known else None, due) if one), default=None)
    member = Member(sight.finding, sight.revision, sight.status, sight.severity, told, first_due if waits else None)
    return replace(conversation, members={**conversation.members, sight.finding: member})


def advance(conversation: Conversation, now: datetime, *, step: int = 0) -> tuple[Conversation, tuple[Act, ...]]:
    """What is to be told now, and the state after it was. `step` is 0 for the first telling, else the step of escalation."""
    conversation, closing = _close(conversation)
    conversation, telling = _tell(conversation, now, step)
    return conversation, (*closing, *telling)


def _close(conversation: Conversation) -> tuple[Conversation, tuple[Act, ...]]:
    if not conversation.begun:
        return conversation, ()
    told = [member for member in conversation.members.values() if member.told]
    standing = [member for member in told if member.status not in CLOSED]
    names = tuple(one.finding for one in sorted(told, key=lambda one: (-SEVERITY_NUMBERS[one.severity], one.finding)))
    if not standing:
        # What was told is over; opened anew, it is told anew.
        members = {name: replace(one, told=None) for name, one in conversation.members.items()}
        return replace(conversation, members=members, begun=False, acknowledged=False), (Act("resolved", names),)
    if not conversation.acknowledged and all(member.status == "acknowledged" for member in standing):
        return replace(conversation, acknowledged=True), (Act("acknowledged", names),)
    return conversation, ()


def _tell(conversation: Conversation, now: datetime, step: int) -> tuple[Conversation, tuple[Act, ...]]:
    due = conversation.due
    if due is None or due > now:
        return conversation, ()
    pending = tuple(one for one in conversation.pending if not step or (one.due and one.due <= now))
    members = {**conversation.members, **{one.finding: replace(one, told=one.severity, due=None) for one in pending}}
    kind: Kind = "escalated" if step else "more" if conversation.begun else "opened"
    after = Conversation(members, begun=True, acknowledged=False)
    return after, (Act(kind, tuple(one.finding for one in pending)),)
