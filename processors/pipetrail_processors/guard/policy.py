"""What a delivery must have gone through: the policy file. Without one the built-in default holds.

environments:            # the first whose patterns match decides
  - match: [prod, "prod-*"]
    production: true
    require: [build, test, approval]
  - match: ["*"]
    require: [build, test]
trunk: [main]
checks: [lint, "security *"] # tasks that must not be skipped when a change is merged, beside the required stages
tickets:
  projects: [PAY, OPS]
  patterns: ["AB#<number>"]
  required_since: 2026-01-01T00:00:00Z
reviews:                 # four eyes, see guard/reviews.py
  - {branches: [main], approvals: 2}
people: {ann@acme.dev: [release_manager]}
groups: {payments: {members: [bob, cem], roles: [developer]}}
allow:                   # the matrix, see guard/roles.py
  - {roles: [developer], actions: [commit, merge, approve, build]}
  - {roles: [release_manager], actions: [deploy, roll_back], environments: [prod]}
expect:                  # silences, see guard/expect.py
  - {repositories: ["*/acme/shop"], every: 2d}
freezes:                 # see guard/freeze.py
  - {name: weekend, environments: [prod], cron: "0 18 * * 5", lasts: 62h, zone: Europe/Berlin}
findings:                # see lifecycle/duties.py
  review: {critical: 1d, high: 3d, medium: 7d}
  four_eyes: [override]
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.service.yamlfile import Place, YamlFile, parse
from pipetrail_schemas.ticket import ticket_pattern
from pipetrail_schemas.times import format_time
from pydantic import AfterValidator, AwareDatetime, Field, PrivateAttr, StringConstraints, model_validator

from pipetrail_processors.guard.expect import Expectation
from pipetrail_processors.guard.freeze import FreezeWindow, Part, Pattern, Text, matches
from pipetrail_processors.guard.reviews import Reviews
from pipetrail_processors.guard.roles import STANDARD_ROLES, Grant, Group, RoleName
from pipetrail_processors.lifecycle.duties import Duties

_StageName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
_ProjectKey = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{1,9}$")]


def _is_ticket_pattern(text: str) -> str:
    ticket_pattern(text)
    return text


_TicketPattern = Annotated[str, AfterValidator(_is_ticket_pattern)]
# Names that teams give to what their users use. A default has to guess; a policy file need not.
_PRODUCTION = ("prod", "production", "live", "prod-*", "prod/*", "production-*", "production/*", "*-prod", "*-production")


# Stages that must not have failed before a deployment, whatever the policy requires.
JUDGED_WITHOUT_POLICY = frozenset({"build", "test"})


class Environment(Part):
    """What holds for the environments that match: shell patterns, case ignored."""

    match: Annotated[tuple[Pattern, ...], Field(min_length=1)]
    repositories: Annotated[tuple[Pattern, ...], Field(min_length=1)] = ("*",)
    production: bool = False
    require: tuple[_StageName, ...] = Field(default=(), description="stages that must have a passing run before a deployment")
    approvers: tuple[str, ...] = Field(default=(), description="id, name or e-mail of who may approve; empty: everybody")

    @cached_property
    def watched(self) -> frozenset[str]:
        """The stages that a deployment there is judged by."""
        return JUDGED_WITHOUT_POLICY.union(self.require)

    def applies(self, repository: str, environment: str) -> bool:
        """Whether this is about the repository's environment."""
        return matches(self.match, environment) and matches(self.repositories, repository)


class Tickets(Part):
    """What holds for tickets of commits."""

    projects: tuple[_ProjectKey, ...] = Field(default=(), description="keys that there are; empty: any that looks like one")
    patterns: tuple[_TicketPattern, ...] = Field(default=(), description="how else tickets are written: `AB#<number>`")
    repositories: tuple[Pattern, ...] = Field(default=("*",), description="whose commits need one; empty: none")
    required_since: AwareDatetime | None = Field(default=None, description="older commits need none")
    exempt_merges: bool = True
    exempt_reverts: bool = True
    exempt_bots: bool = True

    def required(self, repository: str, time: str) -> bool:
        """Whether a commit made then (canonical time) needs a ticket."""
        since = self.required_since
        return matches(self.repositories, repository) and (since is None or format_time(since) <= time)


class Policy(Part):
    """One policy, for all repositories."""

    environments: tuple[Environment, ...] = (
        Environment(match=_PRODUCTION, production=True, require=("build", "test", "approval")),
        Environment(match=("*",), require=("build", "test")),
    )
    trunk: tuple[Pattern, ...] = Field(default=("main", "master", "trunk"), description="branches that are released from")
    tickets: Tickets = Tickets()
    checks: tuple[Pattern, ...] = Field(default=(), description="names of tasks that a merge needs to have passed")
    reviews: tuple[Reviews, ...] = (Reviews(),)
    roles: tuple[RoleName, ...] = Field(default=(), description="roles beside developer, release_manager and administrator")
    roles_from: Literal["policy", "events"] = Field(
        default="policy", description="events: roles that events carry count, too; only where nobody can write their own"
    )
    people: dict[Text, tuple[RoleName, ...]] = Field(default_factory=dict)
    groups: dict[Text, Group] = Field(default_factory=dict)
    allow: tuple[Grant, ...] = ()
    freezes: tuple[FreezeWindow, ...] = ()
    expect: tuple[Expectation, ...] = Field(default=(), description="who is to be heard of, and how often")
    findings: Duties = Duties()
    _file: YamlFile | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _knows_its_roles_and_groups(self) -> Self:
        for where, role in self._roles_named():
            if role not in self.known_roles:
                raise ValueError(f"{where}: {role!r} is no role; there are {', '.join(self.known_roles)} (more by `roles`)")
        named = [("reviews", name) for needs in self.reviews for name in needs.groups]
        for where, name in (*named, *(("findings", name) for name in self.findings.groups)):
            if name not in self.groups:
                raise ValueError(f"{where}: {name!r} is no group; there are: {', '.join(self.groups) or 'none'}")
        return self

    def _roles_named(self) -> Iterator[tuple[str, str]]:
        yield from ((f"people.{name}", role) for name, roles in self.people.items() for role in roles)
        yield from ((f"groups.{name}", role) for name, group in self.groups.items() for role in group.roles)
        yield from ((f"allow.{number}", role) for number, grant in enumerate(self.allow) for role in grant.roles)

    @property
    def known_roles(self) -> tuple[str, ...]:
        """The roles that there are."""
        return (*STANDARD_ROLES, *self.roles)

    def line(self, place: Place) -> int | None:
        """The line of the policy file where something stands; None for the built-in policy."""
        return self._file.line(place) if self._file and place else None

    @classmethod
    def load(cls, path: Path | None) -> "Policy":
        """The policy of the file; the built-in one without a file.

        Raises:
            SettingError: the file cannot be read or is wrong; names line, field and what is allowed.
        """
        if path is None:
            return cls()
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as exc:
            raise SettingError("policy", f"{path} cannot be read: {exc.strerror}; docs/policy.md describes the file") from exc
        except UnicodeDecodeError as exc:
            raise SettingError("policy", f"{path} cannot be read: {exc}") from exc
        return cls.parse(text, name=str(path))

    @classmethod
    def parse(cls, text: str, *, name: str) -> "Policy":
        """The policy of a YAML text.

        Raises:
            SettingError: as `load` does.
        """
        file = parse(text, setting="policy", name=name)
        policy = file.validated(cls, context=Path(name).parent)
        policy._file = file  # noqa: SLF001 - its own
        return policy

    def environment(self, repository: str, name: str) -> Environment | None:
        """What holds for the repository's environment; None where no pattern matches: nothing is required there."""
        for environment in self.environments:
            if environment.applies(repository, name):
                return environment
        return None

    def is_trunk(self, branch: str) -> bool:
        """Whether the branch is one that is released from."""
        return matches(self.trunk, branch)

    def needed_reviews(self, repository: str, branch: str) -> Reviews | None:
        """What a merge into the branch needs; None: nothing is said about it."""
        trunk = self.is_trunk(branch)
        return next((needs for needs in self.reviews if needs.applies(repository, branch, trunk=trunk)), None)

    def is_check(self, task: str) -> bool:
        """Whether a merge needs the task to have passed."""
        return bool(task) and matches(self.checks, task)
