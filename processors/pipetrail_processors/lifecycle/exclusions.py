"""The exclusions file: findings that are known and accepted for a while, for all rules, beside the policy.

exclusions:
  - rules: [forced-push]
    actors: [release-bot]              # id, name or e-mail address
    repositories: ["*/acme/*"]         # their URLs
    environments: [staging]
    when: event.branch == "next"       # as in rules, for whatever else
    owner: ann@acme.example
    reason: the bot rebases its own branch
    expires: 2027-03-31T00:00:00Z

All parts that are given must hold, and there is at least one beside `rules`. What happens from `expires` on is found again, and
the finding names the exclusion that it had fallen under.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple, Self

from pipetrail_schemas.service import yamlfile
from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from pipetrail_processors.detect.case import Case
from pipetrail_processors.detect.expression import Expression
from pipetrail_processors.guard.freeze import Part, Pattern, Text, matches
from pipetrail_processors.guard.roles import names_of
from pipetrail_processors.watch.state_fields import STATE

SETTING = "exclusions"
_ABOUT = ("actors", "repositories", "environments", "when")


def _compiled(value: str) -> str:
    if asked := STATE.keys() & Expression(value).paths:
        raise ValueError(f"{min(asked)} can be asked by rules alone")
    return value


class Excluded(Part):
    """One exclusion of the file."""

    rules: Annotated[tuple[Text, ...], Field(min_length=1)]
    actors: tuple[Pattern, ...] = ()
    repositories: tuple[Pattern, ...] = ()
    environments: tuple[Pattern, ...] = ()
    when: Annotated[str, AfterValidator(_compiled)] | None = None
    owner: Text
    reason: Text
    expires: AwareDatetime

    @model_validator(mode="after")
    def _is_about_something(self) -> Self:
        if not any(getattr(self, name) for name in _ABOUT):
            raise ValueError(f'says nothing of what is excluded: {", ".join(_ABOUT)} (`when: "true"` is everything)')
        return self


class ExclusionsFile(Part):
    """The content of the file."""

    exclusions: tuple[Excluded, ...]


class Ground(NamedTuple):
    """An exclusion, ready to judge."""

    excluded: Excluded
    when: Expression | None

    def holds(self, case: Case) -> bool:
        """Whether the hit is one that the exclusion is about, whenever it happened."""
        one, entry = self.excluded, case.entry
        return (
            (not one.actors or any(matches(one.actors, name) for name in names_of(entry.get("actor", {}), {})))
            and (not one.repositories or matches(one.repositories, case.view.subject.repository or ""))
            and (not one.environments or matches(one.environments, str(entry.get("environment", ""))))
            and (self.when is None or self.when.holds(case))
        )


def load(path: Path | None, known: Sequence[str]) -> list[Ground]:
    """The exclusions of a file; none without one.

    Args:
        path: of the file.
        known: the ids of the rules that there are.

    Raises:
        SettingError: the file cannot be read or is wrong; names file, line and what is allowed.
    """
    if path is None:
        return []
    file = yamlfile.read(path, setting=SETTING)
    content = file.validated(ExclusionsFile)
    for number, one in enumerate(content.exclusions):
        for place, name in enumerate(one.rules):
            if name not in known:
                raise file.error(
                    ("exclusions", number, "rules", place), f"{name!r} is no rule; `pipetrail rules list` names them"
                )
    return [Ground(one, Expression(one.when) if one.when else None) for one in content.exclusions]
