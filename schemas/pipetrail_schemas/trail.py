"""The trail: what is known of one change. The value on `pipetrail.trails.v1` and the document in the trails index.

It is a pure function of a set of facts, so any order and any number of repetitions of the events give the same trail.
`revision` grows with the set; the sink writes with it as external version, so that an older state never replaces a newer one.
"""

from typing import Literal

from pydantic import Field

from pipetrail_schemas.event import Artifact, Count, FullRevision, Model, Name, Person, Ticket, Time, Uri, Url, User, Vcs
from pipetrail_schemas.types import Result, Skip, Stage

SCHEMA_VERSION = "1.0"

# How far evidence can be relied upon. exact: the event names the commit, or the commit graph says so. strong: a system's own
# key (run, deployment, digest, change) that exactly one commit is known for, or a forge's word on what it merged. fair: what
# people write and can change (a tag's name, a commit's message).
Strength = Literal["exact", "strong", "fair"]


class Entry(Model):
    """One line of a trail's timeline: one event, in words short enough to read.

    `link` says on what evidence the event belongs to this trail: it names the commit, or a run, digest, deployment, change or
    tag that exactly one commit is known for. `evidence` is the event that says of which commit that is.
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
    attempt: Count | None = Field(default=None, description="which attempt of its run, from the second on")
    revision: FullRevision | None = Field(
        default=None,
        description="the commit that it names, where it is of another: head of a change, or what a deployment's job ran at",
    )
    on_behalf_of: Person | None = Field(default=None, description="the human behind an actor that is none")
    human_by: Literal["origin", "trailer", "change", "reference", "unresolved"] | None = Field(
        default=None, description="how the human behind an actor that is none was found"
    )
    link: Literal["commit", "run", "digest", "deployment", "change", "tag", "alias"] = "commit"
    strength: Strength | None = Field(default=None, description="absent: exact, or for `alias` none")
    evidence: Name | None = Field(default=None, description="id of the event that the link rests on, where it is another one")


class StageState(Model):
    """Where a stage stands: its latest outcome, by event time. `result` None: started, not yet ended."""

    stage: Stage
    result: Result | None = None
    skip: Skip | None = None
    time: Time
    event_id: Name
    started: Time | None = Field(default=None, description="its first event")
    duration_ms: Count | None = Field(default=None, description="from its first event to its last")


class DeployedTo(Model):
    """An environment where the change runs, with how the latest deployment there ended.

    With `commit` and `trail` it came there with a later commit, and that commit's trail has the deployment.
    """

    environment: Name
    result: Result | None = None
    time: Time
    digest: Name | None = None
    service: Name | None = None
    actor: Name | None = None
    event_id: Name | None = None
    commit: FullRevision | None = None
    trail: Name | None = None
    lead_ms: Count | None = Field(default=None, description="from the commit to this deployment, once it has succeeded")


class Left(Model):
    """An environment where the change does not run any more: something without it was deployed."""

    environment: Name
    service: Name | None = None
    time: Time
    event_id: Name
    commit: FullRevision = Field(description="what runs there instead")
    trail: Name


class Carried(Model):
    """What one successful deployment of this commit brought to its environment, compared with what ran there before.

    `state` first: nothing is known to have run there before; unknown: the commit graph has gaps; known: compared with `since`.
    """

    event_id: Name
    environment: Name
    service: Name | None = None
    time: Time
    state: Literal["first", "unknown", "known"]
    since: FullRevision | None = Field(default=None, description="the commit that ran there before")
    direction: Literal["forward", "back", "aside", "same"] | None = None
    commits: Count = Field(default=0, description="how many commits it brought, itself among them")
    revisions: list[FullRevision] = Field(default_factory=list, description="the newest of them, at most 100")
    taken: Count = Field(default=0, description="how many commits it took away")


class Relation(Model):
    """Another commit that this one is bound to. It has a trail of its own; nothing of it is counted here."""

    kind: Literal[
        "head",
        "merged_as",
        "squash_of",
        "squashed_as",
        "merges",
        "merged_by",
        "test_merge",
        "test_merge_of",
        "cherry_pick_of",
        "cherry_picked_as",
        "reverts",
        "reverted_by",
        "same_work",
    ]
    commit: FullRevision
    trail: Name
    strength: Strength
    why: str
    event_id: Name = Field(description="the event that says so")
    how: Literal["merge", "squash", "rebase"] | None = Field(default=None, description="how a change's head was merged")
    not_counted: list[StageState] = Field(default_factory=list, description="stages of the change's head")


class Omitted(Model):
    """How many events of a stage the timeline leaves out: the older ones, where there are too many."""

    stage: Stage | None = None
    events: Count


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
    left: list[Left] = Field(default_factory=list)
    carried: list[Carried] = Field(default_factory=list)
    relations: list[Relation] = Field(default_factory=list)
    omitted: list[Omitted] = Field(default_factory=list)
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
