"""The trail: what is known of one change. The value on `pipetrail.trails.v1` and the document in the trails index.

It is a pure function of a set of facts, so any order and any number of repetitions of the events give the same trail.
`revision` grows with the set; the sink writes with it as external version, so that an older state never replaces a newer one.
"""

from typing import Literal

from pydantic import Field

from pipetrail_schemas.event import Artifact, Count, Model, Name, Person, Ticket, Time, Uri, Url, User, Vcs
from pipetrail_schemas.types import Result, Skip, Stage

SCHEMA_VERSION = "1.0"


class Entry(Model):
    """One line of a trail's timeline: one event, in words short enough to read.

    `link` says on what evidence the event belongs to this trail (`commit`, `run`, `digest`, `deployment`, `change`).
    """

    event_id: Name
    type: Name
    time: Time
    stage: Stage | None = None
    name: Name | None = Field(default=None, description="what it is: task name, artifact file, environment …")
    result: Result | None = None
    skip: Skip | None = None
    decision: Name | None = None
    actor: Person | None = None
    actor_type: Name | None = None
    reason: str | None = None
    environment: Name | None = None
    digest: Name | None = None
    duration_ms: Count | None = None
    url: Uri | None = None
    link: Literal["commit", "run", "digest", "deployment", "change", "alias"] = "commit"


class StageState(Model):
    """Where a stage stands: its latest outcome, by event time. `result` None: started, not yet ended."""

    stage: Stage
    result: Result | None = None
    skip: Skip | None = None
    time: Time
    event_id: Name


class DeployedTo(Model):
    """An environment that the change was deployed to, with how the latest deployment there ended."""

    environment: Name
    result: Result | None = None
    time: Time
    digest: Name | None = None
    service: Name | None = None
    actor: Name | None = None


class FindingRef(Model):
    """A finding that holds for this trail."""

    id: Name
    rule: Name
    title: str
    category: Literal["override", "policy", "anomaly"]
    severity: Literal["low", "medium", "high", "critical"]
    event_id: Name = Field(description="the timeline entry that it is shown at")


class TrailState(Model):
    """`pipetrail.trail`: everything about the trail that has no standard name."""

    id: Name
    revision: int = Field(strict=True, ge=1, description="grows whenever the set of facts grows")
    entries: list[Entry]
    stages: list[StageState]
    deployments: list[DeployedTo]
    findings: list[FindingRef] = Field(default_factory=list)
    overrides: Count = Field(default=0, description="how many of the findings are overrides")
    merged_into: Name | None = Field(default=None, description="the trail that took over, once the commit was known")


class TrailFields(Model):
    """`pipetrail` of a trail document."""

    trail: TrailState
    ticket: Ticket | None = None


class Related(Model):
    """ECS `related`: everything to pivot on."""

    hash: list[Name] = Field(default_factory=list)
    user: list[Name] = Field(default_factory=list)


class Trail(Model):
    """One trail as a document. `timestamp` (`@timestamp`) is the time of its latest event, `started` of its first."""

    timestamp: Time = Field(alias="@timestamp", serialization_alias="@timestamp")
    started: Time
    message: str | None = Field(default=None, description="first line of the commit message")
    user: User | None = Field(default=None, description="the commit's author")
    vcs: Vcs
    artifact: Artifact | None = None
    url: Url | None = None
    related: Related = Field(default_factory=Related)
    pipetrail: TrailFields
