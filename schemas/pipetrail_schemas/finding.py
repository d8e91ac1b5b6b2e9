"""The finding: one hit of one rule, with its evidence. The value on `pipetrail.findings.v1` and its document in the index.

Its id is a hash of the rule and of what it was found on, so the same hit found again is the same finding. A finding whose
ground is gone (a late event showed that the tests did run) is published again with status `withdrawn`; it is never deleted.

People decide about findings by events (`finding.acknowledged` and so on), which the finding shows: the latest one of each kind
that counts, and those that do not, with the reason why.
"""

from typing import Literal

from pydantic import Field

from pipetrail_schemas.event import Deployment, Model, Name, Person, Ticket, Time, User, Vcs
from pipetrail_schemas.trail import Related

SCHEMA_VERSION = "1.0"

Category = Literal["override", "policy", "anomaly"]
Severity = Literal["low", "medium", "high", "critical"]
# `excluded`: a rule's exclusion says that it is known and accepted for now; it is counted, and nobody is called.
Status = Literal["open", "acknowledged", "justified", "resolved", "withdrawn", "excluded"]

# ECS `event.severity` is a number; these leave room between the names.
SEVERITY_NUMBERS: dict[Severity, int] = {"low": 25, "medium": 50, "high": 75, "critical": 95}


class Rule(Model):
    """ECS `rule`: which rule was hit, in which version."""

    id: Name
    name: str
    version: Name
    description: str | None = Field(default=None, description="why it matters")


class FindingEvent(Model):
    """ECS `event` of a finding."""

    kind: Literal["alert"] = "alert"
    id: Name
    severity: int = Field(ge=0, le=100)
    reason: str | None = Field(default=None, description="the reason that the actor gave")


class Exclusion(Model):
    """Who accepted such findings, why, and until when. A finding that is not `excluded` came after it had expired."""

    owner: Name
    reason: str
    expires: Time


class Decision(Model):
    """What somebody decided about a finding. `event_id` is the event that tells it."""

    by: Person | None = Field(default=None, description="who decided; absent where the event names nobody")
    time: Time
    reason: str
    ticket: Name | None = None
    event_id: Name


class Uncounted(Decision):
    """A decision that does not count."""

    status: Status = Field(description="what it would have made of the finding")
    why: str = Field(description="why it does not count")


class Measured(Model):
    """What was measured, where the finding is an anomaly: the numbers, and what they were compared with."""

    name: Name = Field(description="the measure")
    value: str
    normal: str = Field(description="the normal range")
    samples: int = Field(ge=0, description="how many earlier ones it was compared with")
    since: Time = Field(description="when the first of them was")
    score: int = Field(ge=0, description="how far from normal it is, in whole deviations or times")


class FindingState(Model):
    """`pipetrail.finding`."""

    id: Name
    revision: int = Field(ge=1, description="grows with every change of status; the sink's external version")
    category: Category
    severity: Severity
    status: Status = "open"
    title: str = Field(description="what happened, with actor and place filled in")
    runbook: list[str] = Field(default_factory=list, description="what to do, step by step")
    evidence: list[Name] = Field(description="ids of the events that show it")
    correction: str | None = Field(default=None, description="what an earlier verdict was corrected by, and to what")
    exclusion: Exclusion | None = None
    measure: Measured | None = None
    on_behalf_of: Person | None = Field(default=None, description="the human behind an actor (`user`) that is none")
    acknowledged: Decision | None = None
    justified: Decision | None = None
    resolved: Decision | None = None
    reopened: Decision | None = None
    uncounted: list[Uncounted] | None = Field(default=None, description="decisions that do not count, with the reason why")
    review_due: Time | None = Field(
        default=None, description="until when somebody is to justify or resolve it; past that and not done, it is overdue"
    )
    key: Name | None = Field(
        default=None, description="the Kafka key of events about it, where it belongs to no repository, whose URL that is"
    )


class TrailRef(Model):
    """The trail that the finding belongs to."""

    id: Name


class FindingFields(Model):
    """`pipetrail` of a finding document."""

    finding: FindingState
    trail: TrailRef | None = None
    ticket: Ticket | None = None
    stage: Name | None = None


class Finding(Model):
    """One finding as a document. `timestamp` (`@timestamp`) is the time of the event that completed the hit."""

    timestamp: Time = Field(alias="@timestamp", serialization_alias="@timestamp")
    event: FindingEvent
    rule: Rule
    message: str = Field(description="the title, for search")
    user: User | None = Field(default=None, description="who did it")
    vcs: Vcs | None = None
    deployment: Deployment | None = None
    related: Related = Field(default_factory=Related)
    pipetrail: FindingFields
