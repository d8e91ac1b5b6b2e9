"""The registry of event types: what each means, which stage it belongs to, what it must carry. Standard library only.

A type's name is `dev.pipetrail.<subject>.<verb>.v<major>`; in code and on the command line the short form `<subject>.<verb>`
is used. Nouns and verbs follow CDEvents 0.5.1 where it has them. `category` and `types` are the Elastic Common Schema's
allowed values for `event.category` and `event.type`, in the pairs that it expects (ECS 8, "Categorization fields").
"""

from dataclasses import dataclass
from enum import StrEnum

PREFIX = "dev.pipetrail."
MAJOR = 1
# The version of the payload schemas; the minor goes up when optional fields or enum values are added.
SCHEMA_VERSION = "1.0"
SCHEMA_URL = "https://pipetrail.dev/schemas"


class Stage(StrEnum):
    """The stages of a trail, in the order in which a change passes them."""

    COMMIT = "commit"
    REVIEW = "review"
    BUILD = "build"
    TEST = "test"
    ARTIFACT = "artifact"
    APPROVAL = "approval"
    DEPLOY = "deploy"


class Result(StrEnum):
    """How something ended: OpenTelemetry's `cicd.pipeline.result` (semantic conventions 1.44). None while unfinished."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLATION = "cancellation"
    SKIP = "skip"


class Skip(StrEnum):
    """What a skip meant. Four different things that other tools call "skipped" and count as passed."""

    ON_PURPOSE = "on_purpose"  # somebody or a condition decided against it
    NEVER_RAN = "never_ran"  # it was due and did not come to pass (an earlier stage failed, no agent …)
    NEUTRAL = "neutral"  # it ran and declines to judge
    NOT_REQUIRED = "not_required"  # it does not apply to this change


class Decision(StrEnum):
    """What a reviewer or approver decided."""

    APPROVED = "approved"
    REJECTED = "rejected"
    COMMENTED = "commented"
    DISMISSED = "dismissed"  # an earlier decision was taken back
    EDITED = "edited"  # the words of an earlier decision were changed after it was given


class ActorType(StrEnum):
    """What kind of actor `user` is."""

    USER = "user"
    SERVICE_ACCOUNT = "service_account"
    APP = "app"
    SYSTEM = "system"
    API_KEY = "api_key"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event.

    `required` lists the fields of `data`, in dotted notation, without which the event says nothing.
    """

    name: str
    summary: str
    category: str
    types: tuple[str, ...]
    required: tuple[str, ...] = ()
    stage: Stage | None = None

    @property
    def full_name(self) -> str:
        """The CloudEvents `type`."""
        return f"{PREFIX}{self.name}.v{MAJOR}"

    @property
    def schema_url(self) -> str:
        """The CloudEvents `dataschema`: where the JSON Schema of this type stands, with its full version."""
        return f"{SCHEMA_URL}/{self.name}/{SCHEMA_VERSION}.json"


_REPO = "vcs.repository.url.full"
_HEAD = "vcs.ref.head.name"
_SHA = "vcs.ref.head.revision"
_CHANGE = (_REPO, "vcs.change.id")
_RUN = ("cicd.pipeline.run.id",)
_TASK = ("cicd.pipeline.task.name",)
_RESULT = ("pipetrail.result",)
_ARTIFACT = ("artifact.hash",)
_ENVIRONMENT = ("deployment.environment.name",)
_REASON = ("event.reason",)
_DECISION = ("pipetrail.finding.id", "event.reason")

_ALL = (
    EventType("push.received", "A ref was pushed to", "configuration", ("change",), (_REPO, _HEAD), Stage.COMMIT),
    EventType(
        "commit.recorded", "A commit came into a repository", "configuration", ("creation",), (_REPO, _SHA), Stage.COMMIT
    ),
    EventType(
        "commit.squashed",
        "A commit was found to hold a branch as one",
        "configuration",
        ("info",),
        (_REPO, _SHA, "pipetrail.squash.head"),
    ),
    EventType("branch.created", "A branch was created", "configuration", ("creation",), (_REPO, _HEAD)),
    EventType("branch.deleted", "A branch was deleted", "configuration", ("deletion",), (_REPO, _HEAD)),
    EventType("tag.created", "A tag was created", "configuration", ("creation",), (_REPO, _HEAD)),
    EventType("tag.deleted", "A tag was deleted", "configuration", ("deletion",), (_REPO, _HEAD)),
    EventType("change.created", "A change was proposed", "configuration", ("creation",), _CHANGE, Stage.REVIEW),
    EventType("change.updated", "A proposed change was altered", "configuration", ("change",), _CHANGE, Stage.REVIEW),
    EventType("change.reviewed", "A proposed change was reviewed", "configuration", ("info",), _CHANGE, Stage.REVIEW),
    EventType("change.merged", "A proposed change was merged", "configuration", ("change",), _CHANGE, Stage.REVIEW),
    EventType("change.abandoned", "A proposed change was closed unmerged", "configuration", ("change",), _CHANGE, Stage.REVIEW),
    EventType("pipelinerun.queued", "A pipeline run waits for an agent", "process", ("info",), _RUN),
    EventType("pipelinerun.started", "A pipeline run started", "process", ("start",), _RUN),
    EventType("pipelinerun.finished", "A pipeline run ended", "process", ("end",), _RUN + _RESULT),
    EventType("taskrun.started", "A task of a pipeline started", "process", ("start",), _TASK),
    EventType("taskrun.finished", "A task of a pipeline ended", "process", ("end",), _TASK + _RESULT),
    EventType("taskrun.skipped", "A task of a pipeline was skipped", "process", ("info",), (*_TASK, "pipetrail.skip")),
    EventType("build.queued", "A build waits for an agent", "process", ("info",), (), Stage.BUILD),
    EventType("build.started", "A build started", "process", ("start",), (), Stage.BUILD),
    EventType("build.finished", "A build ended", "process", ("end",), _RESULT, Stage.BUILD),
    EventType("testsuiterun.started", "A test suite started", "process", ("start",), (), Stage.TEST),
    EventType("testsuiterun.finished", "A test suite ended", "process", ("end",), _RESULT, Stage.TEST),
    EventType("artifact.packaged", "An artifact was made", "file", ("creation",), _ARTIFACT, Stage.ARTIFACT),
    EventType("artifact.published", "An artifact was put where others get it", "package", ("info",), _ARTIFACT, Stage.ARTIFACT),
    EventType("artifact.signed", "An artifact was signed", "package", ("change",), _ARTIFACT, Stage.ARTIFACT),
    EventType("artifact.attested", "Something was attested about an artifact", "package", ("info",), _ARTIFACT, Stage.ARTIFACT),
    EventType("artifact.deleted", "An artifact was deleted", "package", ("deletion",), _ARTIFACT, Stage.ARTIFACT),
    EventType("release.published", "A release was published", "package", ("info",), (_REPO,), Stage.ARTIFACT),
    EventType("approval.requested", "An approval was asked for", "iam", ("info",), (), Stage.APPROVAL),
    EventType(
        "approval.decided", "An approval was given or refused", "iam", ("info",), ("pipetrail.decision",), Stage.APPROVAL
    ),
    EventType("approval.closed", "A request for approval ended without a decision", "iam", ("info",), (), Stage.APPROVAL),
    EventType("deployment.requested", "A deployment was asked for", "process", ("info",), _ENVIRONMENT, Stage.DEPLOY),
    EventType("deployment.started", "A deployment started", "process", ("start",), _ENVIRONMENT, Stage.DEPLOY),
    EventType("deployment.finished", "A deployment ended", "process", ("end",), _ENVIRONMENT + _RESULT, Stage.DEPLOY),
    EventType("deployment.rolledback", "A deployment was rolled back", "process", ("change",), _ENVIRONMENT, Stage.DEPLOY),
    EventType("deployment.removed", "What was deployed was removed", "process", ("end",), _ENVIRONMENT, Stage.DEPLOY),
    EventType("environment.created", "An environment was created", "configuration", ("creation",), _ENVIRONMENT),
    EventType("environment.modified", "An environment was altered", "configuration", ("change",), _ENVIRONMENT),
    EventType("environment.deleted", "An environment was deleted", "configuration", ("deletion",), _ENVIRONMENT),
    EventType(
        "policy.changed", "A rule that guards the line was altered", "configuration", ("change",), ("pipetrail.control",)
    ),
    EventType("policy.bypassed", "A control was passed over", "configuration", ("access",), ("pipetrail.control",)),
    EventType("role.changed", "Somebody's role or access was altered", "iam", ("change",), ("user.target.name",)),
    EventType("intervention.recorded", "Somebody stepped in by hand", "process", ("info",), ("event.action",)),
    EventType("finding.acknowledged", "Somebody takes care of a finding", "process", ("info",), _DECISION),
    EventType("finding.justified", "Somebody said why a finding is all right", "process", ("info",), _DECISION),
    EventType("finding.resolved", "Somebody said that a finding's cause is gone", "process", ("info",), _DECISION),
    EventType("finding.reopened", "Somebody opened a finding anew", "process", ("info",), _DECISION),
    EventType("ticket.created", "A ticket was created", "configuration", ("creation",), ("pipetrail.ticket.id",)),
    EventType("ticket.updated", "A ticket was altered", "configuration", ("change",), ("pipetrail.ticket.id",)),
    EventType("ticket.closed", "A ticket was closed", "configuration", ("change",), ("pipetrail.ticket.id",)),
    EventType("incident.detected", "An incident was detected", "process", ("info",), _REASON),
    EventType("incident.reported", "An incident was reported", "process", ("info",), _REASON),
    EventType("incident.resolved", "An incident was resolved", "process", ("end",), _REASON),
    EventType("source.gap", "Deliveries were lost or cut", "host", ("info",), _REASON),
    EventType("source.silent", "Nothing is heard any more", "host", ("info",), _REASON),
)

EVENT_TYPES: dict[str, EventType] = {event_type.name: event_type for event_type in _ALL}
BY_FULL_NAME: dict[str, EventType] = {event_type.full_name: event_type for event_type in _ALL}
