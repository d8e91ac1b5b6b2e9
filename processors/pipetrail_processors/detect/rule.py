"""A rule as people write it in YAML, beside the events that show when it fires. See rules/ for the built-in ones.

A rule is about a trail (`over: trail`), or about what a dossier keeps: a change's whole review, the deployments of an
environment, what an actor or a repository did lately. Over a dossier it may want several events: `threshold` of them within
`window`, or one for each of the `steps`, in their order, within `window`; then `when` is about each of them alone. With a
`measure` it finds what is out of the ordinary (docs/anomalies.md), and `when` says what of that is worth a finding.
"""

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pipetrail_schemas.check import event_type
from pipetrail_schemas.finding import Category, Severity
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from pipetrail_processors.anomaly.measure import MEASURES
from pipetrail_processors.anomaly.setting import Setting
from pipetrail_processors.detect.expression import Expression, Text
from pipetrail_processors.detect.fields import FIELDS
from pipetrail_processors.guard.duration import parse_duration
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.watch.state_fields import STATE

_Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
_MIN_LABELLED = 3  # of each kind: fewer show neither what a rule is for nor what it leaves alone


def _compiled(value: str) -> str:
    Expression(value)
    return value


def _short_names(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(event_type(name).name for name in value)


_Condition = Annotated[str, AfterValidator(_compiled)]
_EventTypes = Annotated[tuple[str, ...], AfterValidator(_short_names)]


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

    Events are written as `labelled.messages` reads them. `waited: true`: the wait for links ends afterwards. `ends`: how
    long after the first moment the history is looked at: waits have ended, and who was silent until then is. `policy`: what
    holds instead of the built-in policy. `withdrawn`: how many findings were there and are not any more.
    """

    says: str
    fires: int = Field(ge=0, description="how many findings of this rule there are in the end")
    withdrawn: int | None = Field(default=None, ge=0, description="how many were found and taken back")
    waited: bool = False
    ends: Annotated[timedelta, BeforeValidator(parse_duration)] | None = None
    policy: Policy = Policy()
    events: Annotated[list[dict[str, Any]], Field(min_length=1)]


class Exclusion(_Part):
    """Hits that are known and accepted for a while: they are counted, and nobody is called. Afterwards they come back."""

    when: _Condition
    owner: Annotated[str, StringConstraints(min_length=1)]
    reason: Annotated[str, StringConstraints(min_length=1)]
    expires: AwareDatetime = Field(description="events from then on are no longer excluded")


class Step(_Part):
    """One event of a sequence."""

    on: Annotated[_EventTypes, Field(min_length=1)]
    when: _Condition = "true"


class Rule(_Part):
    """One rule."""

    id: _Id
    version: Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)*$")]
    name: str
    category: Category
    severity: tuple[Choice, ...]
    title: tuple[Choice, ...]
    why: str
    runbook: Annotated[tuple[str, ...], Field(min_length=1)]
    over: Literal["trail", "change", "environment", "actor", "repository"] = "trail"
    on: _EventTypes = ()
    each: Literal["required", "failed", "checks"] | None = None
    when: _Condition = "true"
    threshold: int | None = Field(default=None, ge=2, le=100, description="so many events within `window` are one finding")
    window: Annotated[timedelta, BeforeValidator(parse_duration)] | None = None
    steps: tuple[Step, ...] = ()
    replaces: tuple[_Id, ...] = Field(default=(), description="rules whose findings about the same events this one stands for")
    dedupe: tuple[str, ...] = Field(default=(), description="hits with equal values of these fields are one finding")
    exclusions: tuple[Exclusion, ...] = ()
    measure: Setting | None = Field(default=None, description="what is measured and compared with its own history")
    enabled: bool = Field(default=True, description="false: the rule is known, and is not asked")
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

    @field_validator("dedupe")
    @classmethod
    def _fields(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in FIELDS:
                raise ValueError(f"{name!r} is no field")
        return value

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if bool(self.on) == bool(self.steps):
            raise ValueError("either `on` or `steps` says which events it is about")
        if len(self.steps) == 1:
            raise ValueError("steps: one step is no sequence")
        several = self.threshold is not None or bool(self.steps)
        if several and (self.over == "trail" or self.window is None or self.each):
            raise ValueError("`threshold` and `steps` want a `window`, are over a dossier, and not `each`")
        if not several and self.window is not None:
            raise ValueError("window: only with `threshold` or `steps`")
        return self

    @model_validator(mode="after")
    def _measures_what_there_is(self) -> Self:
        if self.measure is None:
            return self
        known = MEASURES[self.measure.name]
        if self.threshold is not None or self.steps or self.each:
            raise ValueError("`measure` goes without `threshold`, `steps` and `each`; it has a threshold of its own")
        if self.over not in known.over:
            raise ValueError(f"{self.measure.name} is over {' or '.join(sorted(known.over))}, not {self.over}")
        if other := sorted(set(self.on) - known.types):
            raise ValueError(f"{self.measure.name} is not in {', '.join(other)}; allowed: {', '.join(sorted(known.types))}")
        return self

    @model_validator(mode="after")
    def _asks_for_the_state_where_it_is_known(self) -> Self:
        for path in sorted(self.state_fields):
            over = " or ".join(sorted(STATE[path].over))
            if self.over not in STATE[path].over or self.threshold is not None or self.steps or self.measure:
                raise ValueError(f"{path} can be asked by rules over {over} about single events")
        return self

    @cached_property
    def state_fields(self) -> frozenset[str]:
        """The fields of the state (`watch.state_fields`) that it asks for."""
        chosen = [one.when for one in (*self.severity, *self.title) if one.when]
        conditions = [self.when, *chosen, *(one.when for one in self.exclusions)]
        # Almost no rule asks for any: what does not have its letters is not compiled for it.
        asking = [source for source in conditions if any(path in source for path in STATE)]
        paths = {path for source in asking for path in Expression(source).paths}
        paths |= {path for choice in self.title for path in Text(choice.value).paths}
        return frozenset(paths.union(self.dedupe) & STATE.keys())

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
