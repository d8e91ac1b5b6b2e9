"""A rule as people write it in YAML, beside the events that show when it fires. See rules/ for the built-in ones."""

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pipetrail_schemas.check import event_type
from pipetrail_schemas.finding import Category, Severity
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from pipetrail_processors.expression import Expression, Text

_MIN_LABELLED = 3  # of each kind: fewer show neither what a rule is for nor what it leaves alone


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Choice(_Part):
    """One of several values, the first whose condition holds; the last has none."""

    when: str | None = None
    value: str

    @cached_property
    def condition(self) -> Expression | None:
        """The compiled condition."""
        return None if self.when is None else Expression(self.when)


class Labelled(_Part):
    """A small history that shows that the rule fires, or that it does not.

    Events are written as `labelled.messages` reads them. `waited: true`: the wait for links ends afterwards.
    """

    says: str
    fires: int = Field(ge=0, description="how many findings of this rule there are in the end")
    waited: bool = False
    events: Annotated[list[dict[str, Any]], Field(min_length=1)]


class Rule(_Part):
    """One rule."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
    version: Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)*$")]
    name: str
    category: Category
    severity: tuple[Choice, ...]
    title: tuple[Choice, ...]
    why: str
    runbook: Annotated[tuple[str, ...], Field(min_length=1)]
    on: Annotated[tuple[str, ...], Field(min_length=1)]
    each: Literal["required", "failed"] | None = None
    when: str
    tests: Annotated[list[Labelled], Field(min_length=1)]

    @field_validator("severity", "title", mode="before")
    @classmethod
    def _plain_is_the_only_choice(cls, value: Any) -> Any:
        return [{"value": value}] if isinstance(value, str) else value

    @field_validator("severity")
    @classmethod
    def _severities(cls, value: tuple[Choice, ...]) -> tuple[Choice, ...]:
        allowed = Severity.__args__  # type: ignore[attr-defined]
        for choice in value:
            if choice.value not in allowed:
                raise ValueError(f"{choice.value!r} is not one of {', '.join(allowed)}")
        return _complete(value)

    @field_validator("title")
    @classmethod
    def _titles(cls, value: tuple[Choice, ...]) -> tuple[Choice, ...]:
        for choice in value:
            Text(choice.value)
        return _complete(value)

    @field_validator("on")
    @classmethod
    def _event_types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(event_type(name).name for name in value)

    @field_validator("when")
    @classmethod
    def _condition(cls, value: str) -> str:
        Expression(value)
        return value

    @model_validator(mode="after")
    def _has_labelled_events(self) -> Self:
        firing = sum(labelled.fires > 0 for labelled in self.tests)
        if min(firing, len(self.tests) - firing) < _MIN_LABELLED:
            raise ValueError(f"tests: at least {_MIN_LABELLED} must fire and {_MIN_LABELLED} must not, so that both are shown")
        return self


def _complete(choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
    if not choices or choices[-1].when is not None:
        raise ValueError("the last choice must have no `when`, so that there always is one")
    if any(choice.when is None for choice in choices[:-1]):
        raise ValueError("only the last choice may be without `when`")
    for choice in choices:
        _ = choice.condition
    return choices
