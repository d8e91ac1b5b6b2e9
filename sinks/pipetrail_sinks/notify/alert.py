"""The alert: what a message to people says, whatever channel carries it.

Made from findings when they are told, kept as JSON in the notifier's queue, and laid out by each channel in its own way. An
alert says who did what to what, where, when and why, which rule and why it matters, what to do, and what the actor did before.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pipetrail_schemas.event import Person
from pipetrail_schemas.finding import SEVERITY_NUMBERS, Category, Finding, FindingState, Severity, Status
from pydantic import BaseModel, ConfigDict

from pipetrail_sinks.notify.links import Links

AlertKind = Literal["opened", "more", "escalated", "acknowledged", "resolved", "test"]

# Findings that one message tells in full or in a line; a phone shows no more, and every channel bears as many.
MOST_ITEMS = 20


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Link(_Model):
    """Where to look further."""

    label: str
    url: str


class Doer(_Model):
    """Whose deed it is: whom it was done for where the actor acts for somebody, else the actor."""

    id: str | None = None
    email: str | None = None
    name: str | None = None

    @property
    def key(self) -> str | None:
        """The strongest name that the person has."""
        return self.id or self.email or self.name


class Override(_Model):
    """An earlier override of the same actor."""

    time: datetime
    title: str


class Decided(_Model):
    """What somebody decided about a finding: it is its status, or how it came to be open again."""

    who: str | None = None
    time: datetime
    reason: str
    ticket: str | None = None


class Accepted(_Model):
    """An exclusion that the finding fell under, or would have, had it not ended."""

    owner: str
    reason: str
    expires: datetime


class Item(_Model):
    """One finding in a message. Every text is as it stood in the finding: each channel escapes what it shows."""

    finding: str
    revision: int
    status: Status
    severity: Severity
    category: Category
    title: str
    rule: str
    rule_name: str
    why: str | None = None
    runbook: tuple[str, ...] = ()
    time: datetime
    who: str | None = None
    on_behalf_of: str | None = None
    person: Doer | None = None
    repository: str | None = None
    environment: str | None = None
    stage: str | None = None
    reason: str | None = None
    ticket: str | None = None
    ticket_url: str | None = None
    commit: str | None = None
    trail: str | None = None
    correction: str | None = None
    decided: Decided | None = None
    review_due: datetime | None = None
    exclusion: Accepted | None = None
    links: tuple[Link, ...] = ()
    overrides: int = 0
    latest_overrides: tuple[Override, ...] = ()

    @property
    def moment(self) -> datetime:
        """When it came to be as it is: it happened, was opened anew, or was not excluded any more."""
        moments = [self.time, *([self.decided.time] if self.decided else [])]
        if self.exclusion and self.status == "open":
            moments.append(self.exclusion.expires)
        return max(moments)

    @property
    def place(self) -> str:
        """The repository as people call it: its path, or the whole address where it has none."""
        if not self.repository:
            return ""
        return self.repository.partition("://")[2].partition("/")[2] or self.repository

    @property
    def where(self) -> str:
        """Repository, environment, stage and commit, as far as they are known."""
        commit = self.commit[:7] if self.commit else ""
        return " · ".join(part for part in (self.place, self.environment, self.stage, commit) if part)


class Alert(_Model):
    """A message to a channel.

    `id` is the same however often it is sent: the receiver's key to tell a repetition. `conversation` is the same for all that
    is told of a group of findings: the key of an incident or thread.
    """

    id: str
    kind: AlertKind
    conversation: str
    channel: str
    route: str
    time: datetime
    items: tuple[Item, ...]
    more: int = 0
    digest: bool = False
    waited_s: int = 0

    @property
    def severity(self) -> Severity:
        """The highest of its findings'."""
        return max((item.severity for item in self.items), key=SEVERITY_NUMBERS.__getitem__)

    @property
    def count(self) -> int:
        """How many findings it is about."""
        return len(self.items) + self.more

    @property
    def headline(self) -> str:
        """What it is in one line."""
        first = self.items[0].title
        if self.kind == "test":
            return first
        about = first if self.count == 1 else f"{self.count} findings: {first}"
        if self.kind == "resolved":
            return f"Resolved: {about}"
        if self.kind == "acknowledged":
            return f"Acknowledged: {about}"
        if self.kind == "escalated":
            return f"Not acknowledged for {spell(self.waited_s)}: {about}"
        if self.digest:
            return f"{self.count} findings were held back by the throttle: {first}" if self.count > 1 else first
        return about


def item_of(finding: Finding, links: Links) -> Item:
    """What a message says of a finding."""
    state, vcs = finding.pipetrail.finding, finding.vcs
    repository = vcs.repository.url.full if vcs and vcs.repository and vcs.repository.url else None
    refs = vcs.ref if vcs else None
    commit = refs.head.revision if refs and refs.head else None
    base = refs.base.revision if refs and refs.base else None
    change = vcs.change.url.full if vcs and vcs.change and vcs.change.url else None
    trail = finding.pipetrail.trail.id if finding.pipetrail.trail else None
    ticket = finding.pipetrail.ticket
    found = links.of(finding=state.id, trail=trail, repository=repository, commit=commit, base=base, change=change)
    return Item(
        finding=state.id,
        revision=state.revision,
        status=state.status,
        severity=state.severity,
        category=state.category,
        title=state.title,
        rule=finding.rule.id,
        rule_name=finding.rule.name,
        why=finding.rule.description,
        runbook=tuple(state.runbook),
        time=finding.timestamp,
        who=actor_of(finding.user),
        on_behalf_of=actor_of(state.on_behalf_of),
        person=_doer(state.on_behalf_of or finding.user),
        repository=repository,
        environment=finding.deployment.environment.name if finding.deployment and finding.deployment.environment else None,
        stage=finding.pipetrail.stage,
        reason=finding.event.reason,
        ticket=ticket.id if ticket else None,
        ticket_url=ticket.url.full if ticket and ticket.url else None,
        commit=commit,
        trail=trail,
        correction=state.correction,
        decided=_decided(state),
        review_due=state.review_due,
        exclusion=Accepted.model_validate(state.exclusion.model_dump()) if state.exclusion else None,
        links=tuple(Link(label=label, url=url) for label, url in found),
    )


def _decided(state: FindingState) -> Decided | None:
    """The decision that made the finding what it is."""
    by_status = {"acknowledged": state.acknowledged, "justified": state.justified, "resolved": state.resolved}
    one = state.reopened if state.status == "open" else by_status.get(state.status)
    return Decided(who=actor_of(one.by), time=one.time, reason=one.reason, ticket=one.ticket) if one else None


def actor_of(user: Person | None) -> str | None:
    """Who did it: the name, else the id, else the address."""
    return (user.name or user.id or user.email) if user else None


def _doer(user: Person | None) -> Doer | None:
    return Doer(id=user.id, email=user.email, name=user.name) if user and actor_of(user) else None


def alert_id(conversation: str, kind: str, told_of: Iterable[tuple[str, int]]) -> str:
    """The key of a message: what it tells to whom, findings by id and revision.

    Told again after the notifier's state was lost, it is the same.
    """
    told = ",".join(sorted(f"{finding}@{revision}" for finding, revision in told_of))
    return "msg_" + hashlib.sha256(f"{conversation} {kind} {told}".encode()).hexdigest()[:32]


def spell(seconds: int) -> str:
    """`90 s`, `30 min`, `4 h`, `2 d`: the largest unit that says it exactly."""
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
