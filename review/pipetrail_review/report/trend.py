"""The trend: deployments and overrides over time, in equal steps few enough to be seen. Pure.

The steps are days where the period allows it, else weeks, months or years, in the zone that the report is written for.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from pipetrail_review.query import Window

# More bars than this are thinner than a finger and than most pens.
MOST_BARS = 62
# A period of a day or two would be one wide bar; two weeks show what is usual.
FEWEST_DAYS = 14
_WEEK, _MONTHS_A_YEAR = 7, 12


@dataclass(slots=True)
class Step:
    """One step of time: from `start` for a day, week, month or year."""

    start: date
    label: str
    succeeded: int = 0
    failed: int = 0
    overrides: int = 0

    @property
    def deployments(self) -> int:
        """All deployments that ended in this step."""
        return self.succeeded + self.failed


@dataclass(frozen=True, slots=True)
class Trend:
    """The steps, oldest first, and what a step is: `day`, `week`, `month` or `year`."""

    unit: str
    steps: Sequence[Step]

    @property
    def most_deployments(self) -> int:
        """The highest bar above the line."""
        return max((step.deployments for step in self.steps), default=0)

    @property
    def most_overrides(self) -> int:
        """The longest bar below the line."""
        return max((step.overrides for step in self.steps), default=0)


def trend(
    deployments: Iterable[tuple[datetime, bool]],
    overrides: Iterable[datetime],
    *,
    now: datetime,
    window: Window,
    zone: tzinfo | None,
) -> Trend:
    """Count deployments (when, and whether they succeeded) and overrides a step; without steps if there are neither."""
    deployed = [(moment.astimezone(zone).date(), succeeded) for moment, succeeded in deployments]
    overridden = [moment.astimezone(zone).date() for moment in overrides]
    seen = [day for day, _ in deployed] + overridden
    if not seen:
        return Trend("day", [])
    ends = ((window.until or now) - timedelta(milliseconds=1)).astimezone(zone).date()
    last = max(*seen, ends)
    first = min(*seen, last - timedelta(days=FEWEST_DAYS - 1))
    unit = _unit(first, last)
    steps = {start: Step(start, _label(start, unit)) for start in _starts(first, last, unit)}
    for day, succeeded in deployed:
        step = steps[_start(day, unit)]
        step.succeeded += succeeded
        step.failed += not succeeded
    for day in overridden:
        steps[_start(day, unit)].overrides += 1
    return Trend(unit, list(steps.values()))


def _unit(first: date, last: date) -> str:
    days = (last - first).days + 1
    months = (last.year - first.year) * _MONTHS_A_YEAR + last.month - first.month + 1
    if days <= MOST_BARS:
        return "day"
    if days <= MOST_BARS * _WEEK - _WEEK:
        return "week"
    return "month" if months <= MOST_BARS else "year"


def _starts(first: date, last: date, unit: str) -> Iterator[date]:
    start = _start(first, unit)
    while start <= last:
        yield start
        start = _next(start, unit)


def _start(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if unit == "year" else day


def _next(start: date, unit: str) -> date:
    # 32 and 366 days after a first of the month or year lies the next one's, at some day of its first month.
    days = {"day": 1, "week": _WEEK, "month": 32, "year": 366}[unit]
    return _start(start + timedelta(days=days), unit)


def _label(start: date, unit: str) -> str:
    if unit == "week":
        return f"week of {start.isoformat()}"
    return {"day": start.isoformat(), "month": f"{start:%Y-%m}", "year": f"{start:%Y}"}[unit]
