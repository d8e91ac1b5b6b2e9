"""Freeze windows: when an environment may not be deployed to. By the event's own time, deny beats allow.

A window that says `allow` makes all other time closed; one that says `deny` closes what is open. A calendar that cannot be read
closes, and says so. An exception opens what is closed, for those it names, until it expires.

    - name: weekend
      environments: [prod]
      cron: "0 18 * * 5"       # or `calendar: freezes.ics`, or `from:` and `until:`
      lasts: 62h
      zone: Europe/Berlin
      exceptions:
        - {who: [oncall], reason: security fixes, expires: 2026-12-31T00:00:00Z}
"""

import fnmatch
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

from croniter import croniter  # type: ignore[import-untyped]  # it ships no types
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pipetrail_processors.guard.calendar import CalendarError, Cron, Span, Windows, read_calendar
from pipetrail_processors.guard.duration import parse_duration

Pattern = Annotated[str, StringConstraints(min_length=1, to_lower=True)]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
_MAX_CALENDAR_BYTES = 4 * 1024 * 1024


class Part(BaseModel):
    """A part of the policy file: no unknown fields, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Exemption(Part):
    """Who may deploy although it is frozen, why, and until when."""

    reason: Text
    expires: AwareDatetime
    who: tuple[Text, ...] = Field(default=(), description="ids, names, e-mail addresses or groups; empty: everybody")


class FreezeWindow(Part):
    """One window, or all windows of a calendar."""

    name: Text
    environments: Annotated[tuple[Pattern, ...], Field(min_length=1)] = ("*",)
    repositories: Annotated[tuple[Pattern, ...], Field(min_length=1)] = ("*",)
    effect: Literal["deny", "allow"] = "deny"
    cron: str | None = None
    lasts: Duration | None = None
    calendar: Text | None = Field(default=None, description="iCalendar file, beside the policy file")
    start: AwareDatetime | None = Field(default=None, alias="from")
    until: AwareDatetime | None = None
    zone: str = "UTC"
    exceptions: tuple[Exemption, ...] = ()
    _windows: Windows | None = PrivateAttr(default=None)
    _problem: str = PrivateAttr(default="")

    @field_validator("cron")
    @classmethod
    def _cron(cls, value: str | None) -> str | None:
        if value is not None and (not croniter.is_valid(value) or len(value.split()) != 5):  # noqa: PLR2004 - crontab's fields
            raise ValueError(f"{value!r} is no cron expression (minute hour day month weekday)")
        return value

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (OSError, ValueError, KeyError) as exc:
            raise ValueError(f"{value!r} is no time zone, like Europe/Berlin") from exc
        return value

    @model_validator(mode="after")
    def _is_one_kind(self, info: ValidationInfo) -> Self:
        kinds = [self.cron is not None, self.calendar is not None, self.start is not None or self.until is not None]
        if sum(kinds) != 1:
            raise ValueError("exactly one of `cron` with `lasts`, `calendar`, or `from` with `until` says when")
        if (self.cron is None) != (self.lasts is None):
            raise ValueError("`cron` says when it starts, `lasts` for how long: both or neither")
        if kinds[2] and not (self.start and self.until and self.start < self.until):
            raise ValueError("`from` and `until` must both be there, the earlier first")
        self._read(info.context if isinstance(info.context, Path) else None)
        return self

    def _read(self, folder: Path | None) -> None:
        zone = ZoneInfo(self.zone)
        if self.cron is not None and self.lasts is not None:
            self._windows = Cron(self.cron, self.lasts, zone)
        elif self.start and self.until:
            self._windows = Span(self.start, self.until)
        else:
            try:
                self._windows = read_calendar(_text_of(folder, str(self.calendar)), zone)
            except CalendarError as exc:
                self._problem = f"calendar {self.calendar} {exc}"

    @property
    def problem(self) -> str:
        """Why the calendar cannot be read; "" where it can."""
        return self._problem

    def applies(self, repository: str, environment: str) -> bool:
        """Whether this is about the repository's environment."""
        return matches(self.environments, environment) and matches(self.repositories, repository)

    def holds(self, moment: datetime) -> str:
        """Which window the moment is in, in words; "" for none."""
        window = self._windows.at(moment) if self._windows else None
        if window is None:
            return ""
        name = f"{self.name} ({window.name})" if window.name else self.name
        return f"{name}, {_shown(window.start)} to {_shown(window.end)}"


class Freeze(NamedTuple):
    """Whether it is frozen, why or why not, and the place in the policy that decides; `name` of the window."""

    frozen: bool
    why: str
    place: tuple[str | int, ...] = ()
    name: str = ""


def judge(
    windows: tuple[FreezeWindow, ...], repository: str, environment: str, who: frozenset[str], moment: datetime
) -> Freeze:
    """Whether the environment is frozen for somebody at the moment.

    Args:
        windows: of the policy.
        repository: canonical URL.
        environment: its name.
        who: every id, name, e-mail address and group of the one who asks, in lower case.
        moment: when.
    """
    about = [(number, window) for number, window in enumerate(windows) if window.applies(repository, environment)]
    closed: list[tuple[int, FreezeWindow, str]] = []
    for number, window in about:
        if window.problem:
            closed.append((number, window, f"{window.name}: {window.problem}; a broken calendar denies"))
        elif window.effect == "deny" and (held := window.holds(moment)):
            closed.append((number, window, f"in the freeze {held}"))
    allowing = [(number, window) for number, window in about if window.effect == "allow" and not window.problem]
    inside = [(number, held) for number, window in allowing if (held := window.holds(moment))]
    if allowing and not inside:
        number, window = allowing[0]
        closed.append((number, window, f"outside of every window that allows it ({', '.join(w.name for _, w in allowing)})"))
    opened: Freeze | None = None
    for number, window, why in closed:
        excepted = _excepted(window, who, moment)
        if excepted is None:
            return Freeze(True, why, ("freezes", number), window.name)  # noqa: FBT003 - named by its type
        place = ("freezes", number, "exceptions", excepted)
        opened = Freeze(False, f"{why}, but excepted: {window.exceptions[excepted].reason}", place, window.name)  # noqa: FBT003
    if opened:
        return opened
    if inside:
        return Freeze(False, f"in the window {inside[0][1]}", ("freezes", inside[0][0]))  # noqa: FBT003
    return Freeze(False, "in no freeze window")  # noqa: FBT003


@lru_cache(maxsize=4096)
def matches(patterns: tuple[str, ...], name: str) -> bool:
    """Whether one of the shell patterns matches the name, whatever its case."""
    return any(fnmatch.fnmatchcase(name.lower(), pattern) for pattern in patterns)


def _excepted(window: FreezeWindow, who: frozenset[str], moment: datetime) -> int | None:
    for number, exception in enumerate(window.exceptions):
        named = frozenset(name.lower() for name in exception.who)
        if moment < exception.expires and (not named or named & who):
            return number
    return None


def _text_of(folder: Path | None, name: str) -> str:
    path = (folder or Path()) / name
    try:
        if path.stat().st_size > _MAX_CALENDAR_BYTES:
            raise CalendarError(f"has more than {_MAX_CALENDAR_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as exc:
        if isinstance(exc, CalendarError):
            raise
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise CalendarError(f"cannot be read: {reason}") from exc


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}Z"
