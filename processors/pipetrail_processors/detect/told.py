"""Histories as systems tell them, which show who can express a rule: `told/SYSTEM/RULE.yaml` beside the rule's file.

    cannot:
      audit log: it does not tell of pushes      # why there is none, for docs/rules.md
    webhook:
      - says: the trunk was rewritten
        fires: 1
        deliveries:
          - {send: push, with: {forced: true, after: c2}}
          - {send: push, with: {ref: "refs/heads/{n}"}, repeat: 5, every: 10}

A delivery is a sample (`sample`, in `told/samples/SYSTEM.yaml`) that is changed by dotted paths, or a whole `payload`; short
forms are those of `notation`. Deliveries come a minute apart unless their `minute` from the start, or their moment (`at`), is
given. They go through the system's own translator (`pipetrail rules test`). Nothing of this is read but for tests and pages.
docs/told.md is for those who write them.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pipetrail_schemas.service import yamlfile
from pipetrail_schemas.service.yamlfile import YamlFile
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from pipetrail_processors.detect import sample
from pipetrail_processors.detect.notation import START, filled
from pipetrail_processors.detect.sample import Sample, WrongChangeError
from pipetrail_processors.guard.duration import parse_duration
from pipetrail_processors.guard.policy import Policy

BUILT_IN = Path(str(resources.files("pipetrail_processors"))) / "rules"
_SETTING = "rules"
_FOLDER, _SAMPLES = "told", "samples"

How = Literal["webhook", "audit log"]
_Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
_Reason = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class Sent(NamedTuple):
    """One delivery, as the system makes it, and when it was received."""

    headers: dict[str, str]
    payload: Any
    received: datetime
    instance: str | None


class Told(NamedTuple):
    """A history as a system tells it; `fires` is how many findings of the rule there are in the end."""

    by: str
    how: How
    says: str
    fires: int
    policy: Policy
    deliveries: tuple[Sent, ...]
    ends: datetime | None


class Page(NamedTuple):
    """What a system tells about a rule: histories, and by format why there are none."""

    histories: tuple[Told, ...] = ()
    cannot: Mapping[How, str] = {}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class _Delivery(_Part):
    """One delivery, or `repeat` of them, `every` so many minutes; `cycle`: by path, values that they take in turns."""

    send: str | None = Field(default=None, description="the sample's name")
    put: dict[str, Any] = Field(default={}, alias="with", description="by path, values instead of the sample's")
    add: dict[str, Any] = Field(default={}, description="by path, what the sample has not")
    without: tuple[str, ...] = Field(default=(), description="paths of what is taken out")
    payload: dict[str, Any] | list[Any] | None = Field(default=None, description="instead of a sample: what is sent, whole")
    headers: dict[str, str] = {}
    instance: str | None = None
    minute: int | None = Field(default=None, description="when, in minutes from the start")
    at: AwareDatetime | None = Field(default=None, description="when, instead of `minute`")
    received: AwareDatetime | None = Field(default=None, description="when it came, if that is not when it happened")
    repeat: int = Field(default=1, ge=1, le=1000)
    every: int = Field(default=1, ge=1)
    cycle: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.send is None) == (self.payload is None):
            raise ValueError("either `send` names a sample, or `payload` says it whole")
        if self.minute is not None and self.at is not None:
            raise ValueError("either `minute` or `at` says when")
        return self


class _History(_Part):
    """One history. `waited`: the wait for links ends afterwards. `ends`: how long after the start it is looked at."""

    says: str
    fires: int = Field(ge=0)
    waited: bool = False
    ends: _Duration | None = None
    policy: Policy = Policy()
    deliveries: Annotated[tuple[_Delivery, ...], Field(min_length=1)]


class _File(_Part):
    """A file of them."""

    cannot: dict[How, _Reason] = {}
    webhook: tuple[_History, ...] = ()
    audit_log: tuple[_History, ...] = Field(default=(), alias="audit log")

    @property
    def by_format(self) -> dict[How, tuple[_History, ...]]:
        return {"webhook": self.webhook, "audit log": self.audit_log}

    @model_validator(mode="after")
    def _cannot_and_does(self) -> Self:
        if both := [how for how, histories in self.by_format.items() if histories and how in self.cannot]:
            raise ValueError(f"{both[0]}: it cannot be told, and here it is")
        return self


def pages(rule: str, folder: Path = BUILT_IN) -> dict[str, Page]:
    """What systems tell about a rule, by system.

    Args:
        rule: its id.
        folder: of the rule's file.

    Raises:
        SettingError: names file, line and what is wrong.
    """
    found = sorted((folder / _FOLDER).glob(f"*/{rule}.yaml"))
    return {file.parent.name: _page(file, _samples(folder, file.parent.name)) for file in found}


def told(rule: str, folder: Path = BUILT_IN) -> list[Told]:
    """The histories of all systems; see `pages`."""
    return [history for page in pages(rule, folder).values() for history in page.histories]


@cache
def _samples(folder: Path, system: str) -> dict[str, Sample]:
    known = {} if folder == BUILT_IN else _samples(BUILT_IN, system)
    return sample.load(folder / _FOLDER / _SAMPLES / f"{system}.yaml", known)


def _page(file: Path, samples: Mapping[str, Sample]) -> Page:
    read = yamlfile.read(file, setting=_SETTING)
    content = read.validated(_File)
    histories = []
    for how, written in content.by_format.items():
        for number, one in enumerate(written):
            sent = tuple(_deliveries(one, (how, number, "deliveries"), read, samples))
            last = max(delivery.received for delivery in sent)
            ends = START + one.ends if one.ends else last + timedelta(days=1) if one.waited else None
            histories.append(Told(file.parent.name, how, one.says, one.fires, one.policy, sent, ends))
    return Page(tuple(histories), content.cannot)


def _deliveries(history: _History, place: yamlfile.Place, read: YamlFile, samples: Mapping[str, Sample]) -> Iterator[Sent]:
    count = 0
    for number, one in enumerate(history.deliveries):
        where = (*place, number)
        if one.send is not None and one.send not in samples:
            raise read.error((*where, "send"), f"there is no sample {one.send!r}; allowed: {', '.join(sorted(samples))}")
        model = samples[one.send] if one.send is not None else Sample()
        for turn in range(one.repeat):
            count += 1
            cycled = {path: values[turn % len(values)] for path, values in one.cycle.items()}
            try:
                put, add = (sample.put_together(part, samples) for part in ({**one.put, **cycled}, one.add))
                whole = model.payload if one.payload is None else sample.put_together(one.payload, samples)
                payload = sample.changed(whole, put, add, one.without)
            except WrongChangeError as exc:
                raise read.error((*where, *_blamed(one, exc)), str(exc)) from exc
            start = one.at or START + timedelta(minutes=number if one.minute is None else one.minute)
            moment = start + timedelta(minutes=turn * one.every)
            numbers = {"i": count, "n": turn + 1, "before": turn}
            headers = {name: str(filled(text, numbers, moment)) for name, text in {**model.headers, **one.headers}.items()}
            yield Sent(headers, filled(payload, numbers, moment), one.received or moment, one.instance or model.instance)


def _blamed(delivery: _Delivery, error: WrongChangeError) -> yamlfile.Place:
    """The place of the change that went wrong, in its delivery."""
    path = str(error).partition(":")[0]
    holders: dict[str, Any] = {"with": delivery.put, "add": delivery.add, "cycle": delivery.cycle}
    without = ("without",) if path in delivery.without else ()
    return next(((name, path) for name, holder in holders.items() if path in holder), without)
