"""The routes file: who is told what, on which channel, when. The file that PIPETRAIL_NOTIFY_ROUTES names.

    teams: {payments: [github.com/acme/pay-*]}       # used in conditions
    allow: [alerts.acme.example]                      # hosts that may be called, beside those of Slack, Teams and PagerDuty
    links: {trail: "https://audit.acme.example/trails/{trail}"}
    channels:
      security: {type: slack, webhook: {env: SLACK_WEBHOOK}}
      on-call: {type: pagerduty, key: {file: /run/secrets/pagerduty}}
    routes:
      - name: payments
        when: {team: [payments], severity: high}      # high and above
        to: [security]
        quiet: {zone: Europe/Berlin, hours: ["Mon-Fri 18:00-08:00", "Sat-Sun 00:00-24:00"], unless: critical}
        throttle: {messages: 10, per: 1h}
        escalate: [{after: 30m, to: [on-call]}]

A secret is named by an environment variable or a file, never written down here; a chat's webhook address is one. Whatever is
wrong is said with file and line, and what is allowed, before anything is read or sent.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.finding import Category, Severity
from pipetrail_schemas.service import yamlfile
from pipetrail_schemas.service.yamlfile import Place, YamlFile
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pipetrail_sinks.notify.channel_settings import ChannelSettings, kinds_left_out
from pipetrail_sinks.notify.links import Links
from pipetrail_sinks.notify.quiet import Quiet, parse_hours
from pipetrail_sinks.notify.routes import Condition, Escalation, GroupBy, Route, Routes
from pipetrail_sinks.notify.throttle import Throttle

SETTING = "PIPETRAIL_NOTIFY_ROUTES"
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SOME_DAY = datetime(2026, 1, 5, tzinfo=UTC)
_DURATION = re.compile(r"(\d{1,6})([smhd])", re.ASCII)

Result = TypeVar("Result")


def _duration(value: object) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError("is no time span; allowed: a number and s, m, h or d, like 30s or 2h")
    return timedelta(seconds=int(match[1]) * _UNITS_S[match[2]])


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


_Span = Annotated[timedelta, BeforeValidator(_duration)]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
_Names = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ConditionSettings(_Model):
    """What a finding must be."""

    severity: Severity | None = None
    category: Annotated[list[Category], BeforeValidator(_listed), Field(min_length=1)] | None = None
    rule: _Names | None = None
    environment: _Names | None = None
    repository: _Names | None = None
    team: _Names | None = None


class QuietSettings(_Model):
    """When people are not to be disturbed."""

    zone: str
    hours: _Names
    unless: Severity = "critical"


class ThrottleSettings(_Model):
    """How many messages a channel bears."""

    messages: int = Field(ge=1, le=10_000)
    per: _Span
    unless: Severity = "critical"


class EscalationSettings(_Model):
    """Whom to tell when nobody acknowledges."""

    after: _Span
    to: _Names


class RouteSettings(_Model):
    """A route."""

    name: _Name
    to: _Names
    when: ConditionSettings = ConditionSettings()
    unless: ConditionSettings | None = None
    group: GroupBy = "trail"
    wait: _Span = timedelta(seconds=10)
    quiet: QuietSettings | None = None
    throttle: ThrottleSettings | None = None
    escalate: list[EscalationSettings] = []
    last: bool = False


class LinkSettings(_Model):
    """Pages of one's own."""

    trail: Annotated[str, Field(pattern=r"^https?://[^\s]*\{trail\}")] | None = None
    finding: Annotated[str, Field(pattern=r"^https?://[^\s]*\{finding\}")] | None = None


class RoutesFile(_Model):
    """The whole file."""

    teams: dict[_Name, _Names] = {}
    allow: list[Annotated[str, Field(pattern=r"^(\*\.)?[a-z0-9.-]+$")]] = []
    links: LinkSettings = LinkSettings()
    forges: dict[str, Literal["github", "gitlab", "bitbucket", "gitea"]] = {}
    max_age: _Span = timedelta(days=7)
    channels: dict[_Name, ChannelSettings]
    routes: Annotated[list[RouteSettings], Field(min_length=1)]


def load(path: Path) -> tuple[YamlFile, RoutesFile, Routes]:
    """Read the file: as it stands, as its settings, and its routes compiled.

    Raises:
        SettingError: names file and line, and what is allowed.
    """
    file = yamlfile.read(path, setting=SETTING)
    try:
        content = RoutesFile.model_validate({} if file.content is None else file.content)
    except ValidationError as exc:
        raise _complaint(file, exc) from exc
    names = [route.name for route in content.routes]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise file.error(("routes", index, "name"), f"{name!r} is the name of two routes")
    routes = tuple(_route(file, content, index) for index in range(len(names)))
    unused = content.channels.keys() - {name for route in routes for name in _channels(route)}
    if unused:
        raise file.error(("channels", min(unused)), "no route leads here: remove it, or name it in a route's `to`")
    return file, content, Routes(routes, content.max_age, Links(content.links.trail, content.links.finding, content.forges))


def _channels(route: Route) -> list[str]:
    return [*route.to, *(name for step in route.escalate for name in step.to)]


def _route(file: YamlFile, content: RoutesFile, index: int) -> Route:
    place: Place = ("routes", index)
    one = content.routes[index]
    targets = [(("to",), one.to), *((("escalate", number, "to"), step.to) for number, step in enumerate(one.escalate))]
    for where, names in targets:
        for name in names:
            if name not in content.channels:
                raise file.error((*place, *where), f"{name!r} is no channel; there are: {', '.join(content.channels)}")
    return Route(
        name=one.name,
        to=tuple(one.to),
        when=_condition(file, content, (*place, "when"), one.when),
        unless=None if one.unless is None else _condition(file, content, (*place, "unless"), one.unless),
        group=one.group,
        wait=one.wait,
        quiet=None if one.quiet is None else _quiet(file, (*place, "quiet"), one.quiet),
        quiet_unless=one.quiet.unless if one.quiet else "critical",
        throttle=None if one.throttle is None else _throttle(file, (*place, "throttle"), one.throttle),
        throttle_unless=one.throttle.unless if one.throttle else "critical",
        escalate=tuple(Escalation(step.after, tuple(step.to)) for step in one.escalate),
        last=one.last,
    )


def _condition(file: YamlFile, content: RoutesFile, place: Place, one: ConditionSettings) -> Condition:
    if place[-1] == "unless" and one == ConditionSettings():
        raise file.error(place, "is empty, so nothing would ever take this route")
    for team in one.team or []:
        if team not in content.teams:
            known = ", ".join(content.teams) or "none: name them under `teams`"
            raise file.error((*place, "team"), f"{team!r} is no team; there are: {known}")
    teams = [pattern for team in one.team or [] for pattern in content.teams[team]]
    return Condition(
        severity=one.severity,
        category=frozenset(one.category or ()),
        rule=tuple(one.rule or ()),
        environment=tuple(one.environment or ()),
        repository=tuple(_without_scheme(pattern) for pattern in one.repository or ()),
        teams=None if one.team is None else tuple(_without_scheme(pattern) for pattern in teams),
    )


def _without_scheme(pattern: str) -> str:
    return pattern.partition("://")[2] or pattern


def _quiet(file: YamlFile, place: Place, one: QuietSettings) -> Quiet:
    try:
        zone = ZoneInfo(one.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise file.error((*place, "zone"), f"{one.zone!r} is no time zone; allowed: a name like Europe/Berlin or UTC") from exc
    hours = _told(file, (*place, "hours"), lambda: parse_hours(one.hours))
    quiet = Quiet(zone, hours)
    # Any moment will do: a week that is quiet throughout is so from everywhere.
    _told(file, (*place, "hours"), lambda: quiet.end(_SOME_DAY))
    return quiet


def _throttle(file: YamlFile, place: Place, one: ThrottleSettings) -> Throttle:
    if not one.per:
        raise file.error((*place, "per"), "must be longer than nothing")
    return Throttle(one.messages, one.per)


def _told(file: YamlFile, place: Place, work: Callable[[], Result]) -> Result:
    try:
        return work()
    except ValueError as exc:
        raise file.error(place, str(exc)) from exc


def _complaint(file: YamlFile, exc: ValidationError) -> SettingError:
    errors = exc.errors()
    # A misspelt name is told rather than that the right one is missing.
    error: Any = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    place = kinds_left_out(error["loc"])
    if error["type"] != "extra_forbidden":
        return file.error(place, yamlfile.words(error))
    return file.error(place, "is not known here; docs/alerts.md has what is allowed")
