"""A person as the reference files tell: the names that systems know them by, and the roles held from when to when."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pipetrail_schemas.times import format_time
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

_Text = Annotated[str, StringConstraints(min_length=1, max_length=4096, strip_whitespace=True)]
_Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", to_lower=True, max_length=4096)]
_DATE_LENGTH = len("2026-01-01")


def _moment(value: object) -> object:
    """A day is its first moment in UTC; YAML makes a date of it by itself."""
    text = value.isoformat() if hasattr(value, "isoformat") and not isinstance(value, datetime) else value
    return f"{text}T00:00:00Z" if isinstance(text, str) and len(text) == _DATE_LENGTH else text


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Role(_Part):
    """A role, held from `from` (included) to `to` (excluded); days or moments with a zone."""

    role: _Text
    since: Moment | None = Field(default=None, alias="from")
    until: Moment | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _lasts(self) -> "Role":
        if self.since and self.until and self.since >= self.until:
            raise ValueError("ends before it begins")
        return self

    def held(self, time: str) -> bool:
        """Whether it was held then (canonical time)."""
        begun = self.since is None or format_time(self.since) <= time
        return begun and (self.until is None or time < format_time(self.until))


class Person(_Part):
    """One person. A login is of every system, or of one where it begins with its host: `git.example.com/mara`."""

    id: _Text
    name: _Text | None = None
    emails: tuple[_Email, ...] = ()
    logins: tuple[_Text, ...] = ()
    teams: tuple[_Text, ...] = ()
    roles: tuple[Role, ...] = ()
    since: Moment | None = Field(default=None, alias="from", description="when they came; before, nobody is meant")
    until: Moment | None = Field(default=None, alias="to", description="when they left")

    @property
    def shown(self) -> dict[str, str]:
        """As ECS `user` has it."""
        shown = {"id": self.id, "name": self.name, "email": self.emails[0] if self.emails else None}
        return {key: value for key, value in shown.items() if value}

    @property
    def keys(self) -> Iterable[str]:
        """What the person is found by, in lower case."""
        return dict.fromkeys((self.id.casefold(), *self.emails, *(login.casefold() for login in self.logins)))

    def employed_at(self, time: str) -> bool:
        """Whether the person had come and had not left (canonical time)."""
        return Role(role="employed", since=self.since, until=self.until).held(time)

    def roles_at(self, time: str) -> list[str]:
        """The roles held then; none before the person came and after they left."""
        if not self.employed_at(time):
            return []
        return sorted({role.role for role in self.roles if role.held(time)})

    def is_called(self, owner: str, host: str) -> bool:
        """Whether an owner of CODEOWNERS is the person, or a team of theirs, on the host: `@login`, `@org/team`, an address."""
        named = owner.casefold()
        if not named.startswith("@"):
            return named in self.emails
        named = named.lstrip("@")
        teams = {team.casefold().lstrip("@") for team in self.teams}
        if "/" in named:
            return not teams.isdisjoint({named, named.rpartition("/")[2]})
        return not {named, f"{host}/{named}"}.isdisjoint(login.casefold() for login in self.logins)
