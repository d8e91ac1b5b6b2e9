"""Windows of time: by cron with a duration, from an iCalendar file, or from one moment to another. Pure once they are read.

Wall-clock time of the window's zone decides, so that "Friday 18:00" is that in summer and in winter. What an iCalendar file
says is RFC 5545's events (section 3.6.1) with RRULE, RDATE, EXDATE, moved and cancelled occurrences; what cannot be read or
understood is an error: whoever asks decides what follows from it.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from croniter import croniter  # type: ignore[import-untyped]  # it ships no types
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]  # it ships no types
from icalendar import Calendar

_DAY = timedelta(days=1)
# Rules that repeat more often than daily are no windows in which people deploy, and would take for ever to walk through.
_TOO_OFTEN = frozenset({"SECONDLY", "MINUTELY", "HOURLY"})
_MAX_EVENTS = 10_000
_UNTIL = re.compile(r"UNTIL=(\d{8}T\d{6})Z", re.IGNORECASE)


class CalendarError(ValueError):
    """A calendar cannot be read; the message says why. Never leaves this room: a broken calendar denies."""


class Window(NamedTuple):
    """One stretch of time that holds a moment."""

    start: datetime
    end: datetime
    name: str = ""


class Windows(Protocol):
    """When something holds."""

    def at(self, moment: datetime) -> Window | None:
        """The window that the moment is in (its start counts, its end does not), None outside."""
        ...


class Span(NamedTuple):
    """One window."""

    start: datetime
    end: datetime

    def at(self, moment: datetime) -> Window | None:
        """As `Windows`."""
        return Window(self.start, self.end) if self.start <= moment < self.end else None


class Cron(NamedTuple):
    """Windows of one length, each starting when the cron expression says."""

    expression: str
    length: timedelta
    zone: ZoneInfo

    def at(self, moment: datetime) -> Window | None:
        """As `Windows`."""
        # Naive wall-clock times: croniter loses an hour where the clocks change between two runs.
        wall = moment.astimezone(self.zone).replace(tzinfo=None)
        after = wall.replace(microsecond=0) + timedelta(seconds=1)
        wall_start: datetime = croniter(self.expression, after).get_prev(datetime)
        return _holding(wall_start, self.length, self.zone, moment)


class Event(NamedTuple):
    """One event of a calendar; `rule` is what it recurs by, over naive wall-clock times, None for one that does not."""

    name: str
    start: datetime
    length: timedelta
    zone: Any  # what icalendar gives: zoneinfo, or the file's own VTIMEZONE
    rule: Any

    def at(self, moment: datetime) -> Window | None:
        """As `Windows`."""
        if self.rule is None:
            window = _holding(self.start, self.length, self.zone, moment)
        else:
            wall = moment.astimezone(self.zone).replace(tzinfo=None)
            latest = self.rule.before(wall, inc=True)
            window = None if latest is None else _holding(latest, self.length, self.zone, moment)
        return window._replace(name=self.name) if window else None


class Events(NamedTuple):
    """All events of a calendar."""

    events: Sequence[Event]

    def at(self, moment: datetime) -> Window | None:
        """As `Windows`: the one that ends last."""
        found = [window for event in self.events if (window := event.at(moment))]
        return max(found, key=lambda window: window.end, default=None)


def read_calendar(text: str, zone: ZoneInfo) -> Events:
    """The events of an iCalendar file.

    Args:
        text: the file.
        zone: what times without a zone are in.

    Raises:
        CalendarError: it is no calendar, or says something that is not understood.
    """
    try:
        components: list[Any] = list(Calendar.from_ical(text).walk("VEVENT"))
        _require(len(components) <= _MAX_EVENTS, f"it has {len(components)} events; at most {_MAX_EVENTS} are read")
        moved: dict[str, list[Any]] = {}
        for component in components:
            if "RECURRENCE-ID" in component:
                moved.setdefault(str(component.get("UID", "")), []).append(component["RECURRENCE-ID"].dt)
        alive = [component for component in components if str(component.get("STATUS", "")).upper() != "CANCELLED"]
        return Events([_event(component, zone, moved.get(str(component.get("UID", "")), [])) for component in alive])
    except CalendarError:
        raise
    except Exception as exc:  # a parser of foreign text: whatever it raises says the same
        # The parser repeats the file's own lines; what is said is one line.
        told = " ".join(str(exc).split()) or type(exc).__name__
        raise CalendarError(f"is no calendar that can be read: {told}") from exc


def _event(component: Any, zone: ZoneInfo, moved: list[Any]) -> Event:
    name = str(component.get("SUMMARY", ""))
    given = component.get("DTSTART")
    _require(given is not None, f"event {name!r} has no DTSTART")
    own_zone, start = _zone_of(given, zone), _wall(given.dt, _zone_of(given, zone))
    if "DTEND" in component:
        end = component["DTEND"]
        length = _absolute(end.dt, _zone_of(end, zone)) - _absolute(given.dt, own_zone)
    elif "DURATION" in component:
        length = component["DURATION"].dt
    else:
        length = timedelta() if isinstance(given.dt, datetime) else _DAY
    _require(length > timedelta() or "DTEND" not in component, f"event {name!r} ends before it starts")
    rule = None if "RECURRENCE-ID" in component else _rule(component, start, own_zone, moved)
    return Event(name, start, length, own_zone, rule)


def _rule(component: Any, start: datetime, zone: Any, moved: list[Any]) -> Any:
    added, left_out = list(_dates(component, "RDATE", zone)), list(_dates(component, "EXDATE", zone))
    left_out += [_wall(value, zone) for value in moved]
    if not ("RRULE" in component or added or left_out):
        return None
    lines = []
    recurrences = component.get("RRULE", [])
    for recurrence in recurrences if isinstance(recurrences, list) else [recurrences]:
        text = recurrence.to_ical().decode()
        _require(
            _TOO_OFTEN.isdisjoint(str(part) for part in recurrence.get("FREQ", [])), f"{text} repeats more often than daily"
        )
        lines.append(f"RRULE:{_UNTIL.sub(lambda match: 'UNTIL=' + _local(match[1], zone), text)}")
    if not lines:
        lines.append("RRULE:FREQ=DAILY;COUNT=1")
    rule = rrulestr("\n".join(lines), dtstart=start, forceset=True)
    for moment in added:
        rule.rdate(moment)
    for moment in left_out:
        rule.exdate(moment)
    return rule


def _dates(component: Any, name: str, zone: Any) -> Iterator[datetime]:
    values = component.get(name, [])
    for several in values if isinstance(values, list) else [values]:
        for value in several.dts:
            _require(isinstance(value.dt, date), f"{name} of periods is not understood")
            yield _wall(value.dt, zone)


def _local(until: str, zone: Any) -> str:
    """RFC 5545 wants UNTIL in UTC; the rule is walked in wall-clock time."""
    moment = datetime.strptime(until, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return moment.astimezone(zone).strftime("%Y%m%dT%H%M%S")


def _zone_of(given: Any, zone: ZoneInfo) -> Any:
    named = given.params.get("TZID")
    own = given.dt.tzinfo if isinstance(given.dt, datetime) else None
    _require(named is None or own is not None or not isinstance(given.dt, datetime), f"the time zone {named!r} is not known")
    return own or zone


def _wall(value: date, zone: Any) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value.replace(tzinfo=None) if value.tzinfo is None else value.astimezone(zone).replace(tzinfo=None)


def _absolute(value: date, zone: Any) -> datetime:
    return _wall(value, zone).replace(tzinfo=zone).astimezone(UTC)


def _holding(wall_start: datetime, length: timedelta, zone: Any, moment: datetime) -> Window | None:
    start = wall_start.replace(tzinfo=zone).astimezone(UTC)
    end = start + length
    return Window(start, end) if start <= moment < end else None


def _require(fine: bool, problem: str) -> None:  # noqa: FBT001 - reads like an assertion
    if not fine:
        raise CalendarError(problem)
