"""Which findings go where, and when: the compiled routes file. Pure.

Every route whose conditions hold takes the finding, in the order of the file, until one that is `last`. A channel hears of a
finding once: of several routes that lead to it, the first counts. That holds for the first telling and for each step of
escalation. `file.py` reads the file; `conversation.py` decides what is told.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal

from pipetrail_schemas.finding import SEVERITY_NUMBERS, Category, Severity

from pipetrail_sinks.notify.alert import Item
from pipetrail_sinks.notify.links import Links
from pipetrail_sinks.notify.quiet import Quiet
from pipetrail_sinks.notify.throttle import Throttle

GroupBy = Literal["trail", "repository", "environment", "actor", "rule", "finding"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a finding must be; an empty part says nothing. Several values are alternatives, several parts must all hold.

    `severity` is the lowest one. Repositories are patterns (`*`, `?`, `[…]`) of addresses without their scheme; `teams` are
    those of the teams named.
    """

    severity: Severity | None = None
    category: frozenset[Category] = frozenset()
    rule: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    repository: tuple[str, ...] = ()
    teams: tuple[str, ...] | None = None

    def holds(self, item: Item) -> bool:
        """Whether the finding is that. A finding that lacks what is asked for is not."""
        return (
            (self.severity is None or SEVERITY_NUMBERS[item.severity] >= SEVERITY_NUMBERS[self.severity])
            and (not self.category or item.category in self.category)
            and (not self.rule or _fits(item.rule, self.rule))
            and (not self.environment or _fits(item.environment, self.environment))
            and (not self.repository or _fits(_bare(item.repository), self.repository))
            and (self.teams is None or _fits(_bare(item.repository), self.teams))
        )


@dataclass(frozen=True, slots=True)
class Escalation:
    """Whom to tell, too, when nobody has acknowledged it so long after it was told."""

    after: timedelta
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """A route. `quiet_unless` and `throttle_unless` are the lowest severities that neither holds back."""

    name: str
    to: tuple[str, ...]
    when: Condition = Condition()
    unless: Condition | None = None
    group: GroupBy = "trail"
    wait: timedelta = timedelta(seconds=10)
    quiet: Quiet | None = None
    quiet_unless: Severity = "critical"
    throttle: Throttle | None = None
    throttle_unless: Severity = "critical"
    escalate: tuple[Escalation, ...] = ()
    last: bool = False

    def takes(self, item: Item) -> bool:
        """Whether the finding goes this way."""
        return self.when.holds(item) and not (self.unless and self.unless.holds(item))

    def due(self, severity: Severity, step: int, now: datetime) -> datetime:
        """When a finding that is seen now is to be told, at the latest, if no throttle holds it."""
        moment = self._awake(now + self.wait, severity)
        # An escalation counts from when people were told, not from when they slept.
        return self._awake(moment + self.escalate[step - 1].after, severity) if step else moment

    def _awake(self, moment: datetime, severity: Severity) -> datetime:
        if self.quiet is None or SEVERITY_NUMBERS[severity] >= SEVERITY_NUMBERS[self.quiet_unless]:
            return moment
        return self.quiet.end(moment)


@dataclass(frozen=True, slots=True)
class Lane:
    """A channel as a route leads to it. `step` 0 is the first telling."""

    channel: str
    step: int
    route: Route

    @property
    def key(self) -> str:
        """Names the lane in the notifier's state."""
        return f"{self.channel}/{self.step}/{self.route.name}"


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes. `max_age`: findings that are older when they are first seen are noted and not told."""

    routes: tuple[Route, ...]
    max_age: timedelta = timedelta(days=7)
    links: Links = field(default_factory=Links)

    def lanes(self, item: Item) -> list[Lane]:
        """Where the finding goes."""
        found: dict[tuple[str, int], Lane] = {}
        for route in self.routes:
            if not route.takes(item):
                continue
            for lane in lanes_of(route):
                found.setdefault((lane.channel, lane.step), lane)
            if route.last:
                break
        return list(found.values())

    @property
    def by_key(self) -> Mapping[str, Lane]:
        """Every lane that there is, by its key."""
        return {lane.key: lane for route in self.routes for lane in lanes_of(route)}


def lanes_of(route: Route) -> Iterator[Lane]:
    """A route's lanes: its channels, then those of each step of escalation."""
    yield from (Lane(channel, 0, route) for channel in route.to)
    for step, escalation in enumerate(route.escalate, start=1):
        yield from (Lane(channel, step, route) for channel in escalation.to)


def group_key(by: GroupBy, item: Item) -> str:
    """What findings have in common that are told together; a finding without it stands for itself."""
    value = {
        "trail": item.trail,
        "repository": item.repository,
        "environment": f"{item.repository} {item.environment}" if item.environment else None,
        "actor": item.person.key if item.person else None,
        "rule": item.rule,
        "finding": item.finding,
    }[by]
    return f"{by}:{value}" if value else f"finding:{item.finding}"


def _fits(value: str | None, patterns: tuple[str, ...]) -> bool:
    return value is not None and any(fnmatchcase(value, pattern) for pattern in patterns)


def _bare(repository: str | None) -> str | None:
    return repository.partition("://")[2] or repository if repository else None
