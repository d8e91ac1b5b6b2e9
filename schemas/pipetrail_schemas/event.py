"""The event: one immutable fact from outside, a CloudEvent 1.0 whose `data` says who, what, when, where and why.

Field names are OpenTelemetry's for CI/CD nouns (semantic conventions 1.44), Elastic Common Schema's for who and what happened,
and `pipetrail.*` for the rest; they are also the paths in OpenSearch. Writers forbid unknown fields (`Event.model_validate(…,
extra="forbid")`, which `codec.encode` uses), readers allow and keep them, so that within a major version fields can be added.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from pipetrail_schemas.check import unknown_type
from pipetrail_schemas.times import format_time, parse_time, truncate
from pipetrail_schemas.types import BY_FULL_NAME, ActorType, Decision, EventType, Result, Skip

MAX_LONG = 2**63 - 1  # what OpenSearch's `long` holds
FULL_REVISION = 40  # hexadecimal digits of a SHA-1; SHA-256 repositories have 64


def _utc(value: object) -> object:
    if isinstance(value, str):
        return parse_time(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return truncate(value)
    raise ValueError("is no RFC 3339 time with a zone")


# Long enough for any name seen in practice, short enough for a keyword field (Lucene's limit is 32,766 bytes).
Name = Annotated[str, Field(min_length=1, max_length=4096)]
# Read from RFC 3339 only (not from numbers), held and written in UTC and milliseconds.
Time = Annotated[AwareDatetime, BeforeValidator(_utc), PlainSerializer(format_time, return_type=str)]
Count = Annotated[int, Field(strict=True, ge=0, le=MAX_LONG)]
# The description says in words what the pattern wants: it ends up in error messages.
Uri = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f]+$",
        max_length=4096,
        description="an absolute URI, like https://host/path",
    ),
]
Uuid = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        description="a UUID in lower case (pipetrail_schemas.ids.event_id makes one)",
    ),
]
Revision = Annotated[
    str,
    Field(pattern=r"^([0-9a-f]{7,40}|[0-9a-f]{64})$", description="a commit id: 7 to 40, or 64, lower-case hexadecimal digits"),
]
FullRevision = Annotated[
    str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$", description="a full commit id: 40 or 64 lower-case hexadecimal digits")
]
Digest = Annotated[
    str,
    Field(
        pattern=r"^(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$",
        description="algorithm and digest, like sha256: and 64 lower-case hexadecimal digits",
    ),
]
Purl = Annotated[
    str, Field(pattern=r"^pkg:[a-z][^\x00-\x20\x7f]*$", max_length=4096, description="a package URL, like pkg:pypi/name@1.0")
]


class Model(BaseModel):
    """Base of all: immutable; unknown fields are kept on reading."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True, protected_namespaces=())


class Url(Model):
    """`url.full` of OpenTelemetry."""

    full: Uri


class Person(Model):
    """Somebody who is named in passing: the target of a role change, a bot's human, a commit's committer."""

    id: Name | None = None
    name: Name | None = None
    email: Name | None = None


class UserChanges(Model):
    """ECS `user.changes`: what a role change altered."""

    roles: list[Name] | None = None
    permission: Name | None = None


class User(Person):
    """ECS `user`: the actor as of the event, with the roles held then."""

    roles: list[Name] | None = None
    target: Person | None = None
    changes: UserChanges | None = None


class EventFields(Model):
    """ECS `event`, the part that an origin tells; the rest is derived when the event is recorded."""

    action: Name | None = None
    reason: Annotated[str, Field(max_length=10_000)] | None = None
    start: Time | None = None
    end: Time | None = None
    duration: Count | None = Field(default=None, description="nanoseconds, as ECS has it")


class Repository(Model):
    """OpenTelemetry `vcs.repository`; `url.full` is canonical (`ids.canonical_repository`)."""

    name: Name | None = None
    url: Url | None = None


class Ref(Model):
    """OpenTelemetry `vcs.ref.head` or `.base`."""

    name: Name | None = None
    type: Literal["branch", "tag"] | None = None
    revision: Revision | None = None


class Refs(Model):
    """The ref that an event is about, and the one that it is compared with or merged into."""

    head: Ref | None = None
    base: Ref | None = None


class Change(Model):
    """OpenTelemetry `vcs.change`: a pull or merge request."""

    id: Name | None = None
    title: Annotated[str, Field(max_length=10_000)] | None = None
    state: Literal["open", "wip", "closed", "merged"] | None = None
    url: Url | None = None


class Vcs(Model):
    """OpenTelemetry `vcs`: where in version control."""

    repository: Repository | None = None
    ref: Refs | None = None
    change: Change | None = None


class Run(Model):
    """A run of a pipeline or task: the system's own key and its page."""

    id: Name | None = None
    url: Url | None = None
    state: Literal["pending", "executing", "finalizing"] | None = None


class Task(Model):
    """OpenTelemetry `cicd.pipeline.task`."""

    name: Name | None = None
    type: Literal["build", "test", "deploy"] | None = None
    run: Run | None = None


class Pipeline(Model):
    """OpenTelemetry `cicd.pipeline`."""

    name: Name | None = None
    run: Run | None = None
    task: Task | None = None


class Worker(Model):
    """OpenTelemetry `cicd.worker`: the agent that did it."""

    id: Name | None = None
    name: Name | None = None


class Cicd(Model):
    """OpenTelemetry `cicd`."""

    pipeline: Pipeline | None = None
    worker: Worker | None = None
    system: Name | None = Field(default=None, description="which CI/CD system: github, gitlab, jenkins …")


class Artifact(Model):
    """OpenTelemetry `artifact`; `hash` is algorithm and digest, `sha256:…`."""

    hash: Digest | None = None
    purl: Purl | None = None
    version: Name | None = None
    filename: Name | None = None
    size: Count | None = Field(default=None, description="bytes")


class Named(Model):
    """A thing that is known by its name."""

    name: Name


class Deployment(Model):
    """OpenTelemetry `deployment`."""

    id: Name | None = None
    name: Name | None = None
    environment: Named | None = None
    url: Url | None = None


class Actor(Model):
    """What kind of actor `user` is, and for whom it acted."""

    type: ActorType | None = None
    on_behalf_of: Person | None = None


class Signature(Model):
    """A commit's signature: its state and signer, apart from the author, since a forge signs merges itself."""

    state: Literal["good", "bad", "unknown_key", "unverified", "none"]
    signer: Name | None = None


class Author(Person):
    """A commit's author or committer, with the time that the commit claims."""

    time: Time | None = None


class Commit(Model):
    """What a commit says of itself; and, in any event about it, whether its forge knows who wrote it."""

    message: str | None = None
    parents: list[FullRevision] | None = None
    author: Author | None = None
    committer: Author | None = None
    signature: Signature | None = None
    trailers: dict[str, list[str]] | None = None
    account: Literal["none"] | None = Field(
        default=None, description="whose account stands behind the author: nobody's, where the origin says so outright"
    )


class Ticket(Model):
    """The ticket that says why."""

    id: Name
    url: Url | None = None


class FindingName(Model):
    """The finding that the event is about."""

    id: Uuid


class SkipCounts(Model):
    """How many of the skipped test cases were skipped in which meaning (`types.Skip`)."""

    on_purpose: Count | None = None
    never_ran: Count | None = None
    neutral: Count | None = None
    not_required: Count | None = None


class TestCase(Model):
    """A test case that did not pass, and what it said."""

    __test__ = False  # pytest: not a test class

    name: Name
    suite: Name | None = None
    message: Annotated[str, Field(max_length=10_000)] | None = None


class TestCounts(Model):
    """How many test cases ended how; an absent count is unknown.

    `failures` are the cases that failed or erred, in the report's order; where there are fewer than were counted, the rest is
    in the report alone.
    """

    __test__ = False  # pytest: not a test class

    total: Count
    passed: Count | None = None
    failed: Count | None = None
    errored: Count | None = None
    skipped: Count | None = None
    skips: SkipCounts | None = None
    failures: list[TestCase] | None = None


class Command(Model):
    """A command that `pipetrail run` ran. `argv` is absent when its capture was declined."""

    argv: list[str] | None = None
    exit_code: Count | None = None
    signal: Count | None = None
    output_tail: str | None = None


class RunAttempt(Model):
    """Which attempt of a run that keeps its id."""

    attempt: Annotated[int, Field(strict=True, ge=1, le=MAX_LONG)]


class Revisions(Model):
    """The commits that a merge made: the one on the trunk, and the temporary one that was tested."""

    merge_revision: FullRevision | None = None
    test_merge_revision: FullRevision | None = None


class Squash(Model):
    """The branch that a commit holds as one: its head, where it began, and by what that is known.

    same_tree: it began at the commit's parent, and its head has the commit's very tree; same_patch: both change the same lines.
    """

    head: FullRevision
    base: FullRevision | None = None
    commits: Count | None = None
    evidence: Literal["same_tree", "same_patch"] | None = None


class Delivery(Model):
    """How the event came to pipetrail."""

    id: Name | None = None
    sequence: Count | None = None


class Pipetrail(Model):
    """What no standard has a name for."""

    actor: Actor | None = None
    result: Result | None = None
    result_raw: Name | None = None
    skip: Skip | None = None
    decision: Decision | None = None
    stage: Name | None = Field(default=None, description="the stage of the policy that this is, or that was passed over")
    control: Name | None = Field(default=None, description="the control that was changed or passed over")
    ticket: Ticket | None = None
    finding: FindingName | None = Field(default=None, description="the finding that somebody decided about")
    trigger: Name | None = None
    run: RunAttempt | None = None
    change: Revisions | None = None
    commit: Commit | None = None
    squash: Squash | None = None
    test: TestCounts | None = None
    command: Command | None = None
    delivery: Delivery | None = None
    labels: dict[str, Name] | None = None
    raw: dict[str, Any] | None = Field(default=None, description="the origin's payload: its sha256, and the text on request")


class Data(Model):
    """The payload: who (`user`), what and why (`event`), where (`vcs`, `cicd`, `deployment`, `service`, `artifact`)."""

    event: EventFields | None = None
    user: User | None = None
    vcs: Vcs | None = None
    cicd: Cicd | None = None
    artifact: Artifact | None = None
    deployment: Deployment | None = None
    service: Named | None = None
    pipetrail: Pipetrail | None = None


class Event(Model):
    """A CloudEvent 1.0 with pipetrail's extension attributes.

    `type` is one of `types.EVENT_TYPES` in full; `source` names the system instance and repository; `id` is the fact's own
    identity (`ids.event_id`); `time` is when it happened, `recordedtime` when it was recorded; `partitionkey` (CloudEvents
    partitioning extension) is the canonical repository URL when known, else an alias; `authtype` and `authid` (CloudEvents
    authcontext extension) say how the actor was established.
    """

    specversion: Literal["1.0"]
    id: Uuid
    source: Uri
    type: str
    time: Time
    recordedtime: Time
    subject: Name | None = None
    datacontenttype: Literal["application/json"] | None = Field(default=None, description="absent means JSON, too")
    dataschema: Uri | None = None
    partitionkey: Name
    authtype: Name | None = Field(default=None, description="how the actor was established (CloudEvents authcontext)")
    authid: Name | None = None
    data: Data

    @model_validator(mode="after")
    def _has_what_its_type_requires(self) -> Self:
        event_type = BY_FULL_NAME.get(self.type)
        if event_type is None:
            raise ValueError(unknown_type(self.type))
        missing = [path for path in event_type.required if _at(self.data, path) in (None, "")]
        if missing:
            raise ValueError(f"{', '.join(missing)}: required for {event_type.name}")
        return self

    @property
    def kind(self) -> EventType:
        """What the registry says of this type."""
        return BY_FULL_NAME[self.type]

    @property
    def repository(self) -> str | None:
        """Canonical repository URL."""
        repository = self.data.vcs and self.data.vcs.repository
        return repository.url.full if repository and repository.url else None

    @property
    def commit(self) -> str | None:
        """The full commit id that the event is about; a shortened one (fewer than 40 digits) is no identity."""
        head = self.head
        revision = head.revision if head else None
        return revision if revision and len(revision) >= FULL_REVISION else None

    @property
    def head(self) -> Ref | None:
        """The ref that the event is about."""
        return self.data.vcs.ref.head if self.data.vcs and self.data.vcs.ref else None

    @property
    def change(self) -> Change | None:
        """The pull or merge request."""
        return self.data.vcs.change if self.data.vcs else None

    @property
    def pipeline(self) -> Pipeline | None:
        """The pipeline, with its run and task."""
        return self.data.cicd.pipeline if self.data.cicd else None

    @property
    def digest(self) -> str | None:
        """The artifact's digest, `sha256:…`."""
        return self.data.artifact.hash if self.data.artifact else None

    @property
    def environment(self) -> str | None:
        """The environment that is deployed to."""
        deployment = self.data.deployment
        return deployment.environment.name if deployment and deployment.environment else None

    @property
    def actor(self) -> str | None:
        """The actor's name, else id, else e-mail address."""
        user = self.data.user
        return (user.name or user.id or user.email) if user else None

    @property
    def result(self) -> Result | None:
        """How it ended, None while unfinished."""
        return self.data.pipetrail.result if self.data.pipetrail else None

    @property
    def extra(self) -> Pipetrail:
        """`data.pipetrail`, an empty one where the event has none."""
        return self.data.pipetrail or _NOTHING


_NOTHING = Pipetrail()


def _at(model: BaseModel, path: str) -> object:
    value: object = model
    for name in path.split("."):
        if value is None:
            return None
        value = getattr(value, name, None)
    return value
