"""What a delivery must have gone through: the policy file. Without one the built-in default holds.

environments:            # the first whose patterns match decides
  - match: [prod, "prod-*"]
    production: true
    require: [build, test, approval]
  - match: ["*"]
    require: [build, test]
trunk: [main]
tickets:
  projects: [PAY, OPS]
  required_since: 2026-01-01T00:00:00Z
"""

import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.times import format_time
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from pipetrail_processors.yamlfile import parse

_Pattern = Annotated[str, StringConstraints(min_length=1, to_lower=True)]
_StageName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
_ProjectKey = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{1,9}$")]
# Names that teams give to what their users use. A default has to guess; a policy file need not.
_PRODUCTION = ("prod", "production", "live", "prod-*", "prod/*", "production-*", "production/*", "*-prod", "*-production")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Environment(_Part):
    """What holds for the environments that match: shell patterns, case ignored."""

    match: Annotated[tuple[_Pattern, ...], Field(min_length=1)]
    repositories: Annotated[tuple[_Pattern, ...], Field(min_length=1)] = ("*",)
    production: bool = False
    require: tuple[_StageName, ...] = Field(default=(), description="stages that must have a passing run before a deployment")
    approvers: tuple[str, ...] = Field(default=(), description="id, name or e-mail of who may approve; empty: everybody")

    def applies(self, repository: str, environment: str) -> bool:
        """Whether this is about the repository's environment."""
        return _matches(self.match, environment) and _matches(self.repositories, repository)


class Tickets(_Part):
    """What holds for tickets of commits."""

    projects: tuple[_ProjectKey, ...] = Field(default=(), description="keys that there are; empty: any that looks like one")
    repositories: tuple[_Pattern, ...] = Field(default=("*",), description="whose commits need one; empty: none")
    required_since: AwareDatetime | None = Field(default=None, description="older commits need none")
    exempt_merges: bool = True
    exempt_reverts: bool = True
    exempt_bots: bool = True

    def required(self, repository: str, time: str) -> bool:
        """Whether a commit made then (canonical time) needs a ticket."""
        since = self.required_since
        return _matches(self.repositories, repository) and (since is None or format_time(since) <= time)


class Policy(_Part):
    """One policy, for all repositories."""

    environments: tuple[Environment, ...] = (
        Environment(match=_PRODUCTION, production=True, require=("build", "test", "approval")),
        Environment(match=("*",), require=("build", "test")),
    )
    trunk: tuple[_Pattern, ...] = Field(default=("main", "master", "trunk"), description="branches that are released from")
    tickets: Tickets = Tickets()

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
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingError("policy", f"{path} cannot be read: {exc}") from exc
        return cls.parse(text, name=str(path))

    @classmethod
    def parse(cls, text: str, *, name: str) -> "Policy":
        """The policy of a YAML text.

        Raises:
            SettingError: as `load` does.
        """
        return parse(text, setting="policy", name=name).validated(cls)

    def environment(self, repository: str, name: str) -> Environment | None:
        """What holds for the repository's environment; None where no pattern matches: nothing is required there."""
        return next((environment for environment in self.environments if environment.applies(repository, name)), None)

    def is_trunk(self, branch: str) -> bool:
        """Whether the branch is one that is released from."""
        return _matches(self.trunk, branch)


@lru_cache(maxsize=4096)
def _matches(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), pattern) for pattern in patterns)
