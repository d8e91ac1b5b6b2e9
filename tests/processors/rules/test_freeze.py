"""Freeze windows: by cron, iCalendar or span, in their own time zone; deny beats allow; what cannot be read denies."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pipetrail_processors.guard.decision import Question, decide, freeze_of
from pipetrail_processors.guard.policy import Policy
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.times import parse_time

CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//acme//freezes//EN
BEGIN:VEVENT
UID:weekly
DTSTART;TZID=Europe/Berlin:20260102T180000
DTEND;TZID=Europe/Berlin:20260105T080000
RRULE:FREQ=WEEKLY;UNTIL=20261231T235959Z
EXDATE;TZID=Europe/Berlin:20260109T180000
SUMMARY:weekend
END:VEVENT
BEGIN:VEVENT
UID:weekly
RECURRENCE-ID;TZID=Europe/Berlin:20260116T180000
DTSTART;TZID=Europe/Berlin:20260117T120000
DTEND;TZID=Europe/Berlin:20260117T130000
SUMMARY:a short weekend
END:VEVENT
BEGIN:VEVENT
UID:day
DTSTART;VALUE=DATE:20261224
SUMMARY:Christmas Eve
END:VEVENT
BEGIN:VEVENT
UID:off
STATUS:CANCELLED
DTSTART:20260301T000000Z
DTEND:20260401T000000Z
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def _frozen(policy: Policy, at: str, who: str = "ann", environment: str = "prod") -> bool:
    question = Question({"name": who}, "deploy", "https://git.example/acme/shop", environment, parse_time(at))
    return freeze_of(policy, question).frozen


def _cron(zone: str = "Europe/Berlin") -> Policy:
    text = f'freezes: [{{name: weekend, cron: "0 18 * * 5", lasts: 62h, zone: {zone}}}]'
    return Policy.parse(text, name="p.yaml")


@pytest.mark.parametrize(
    ("at", "frozen"),
    [
        ("2026-11-20T16:59:59Z", False),
        ("2026-11-20T17:00:00Z", True),
        ("2026-11-23T06:59:59Z", True),
        ("2026-11-23T07:00:00Z", False),
        # In summer the same wall-clock time is an hour earlier in UTC.
        ("2026-07-03T15:59:59Z", False),
        ("2026-07-03T16:00:00Z", True),
        # The clocks change within the window: it starts at 18:00 winter time, and lasts 62 hours.
        ("2026-03-27T16:59:59Z", False),
        ("2026-03-27T17:00:00Z", True),
        ("2026-03-30T06:59:59Z", True),
        ("2026-03-30T07:00:00Z", False),
    ],
)
def test_a_window_by_cron_follows_the_clock_of_its_zone(at: str, frozen: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Friday 18:00 is that in summer and in winter, also when the clocks change until Monday."""
    assert frozen is _frozen(_cron(), at)


@pytest.mark.parametrize(
    ("at", "frozen"),
    [
        ("2026-01-02T17:00:00Z", True),
        ("2026-01-05T07:00:00Z", False),
        ("2026-07-10T16:00:00Z", True),
        ("2026-01-10T12:00:00Z", False),  # left out by EXDATE
        ("2026-01-16T18:00:00Z", False),  # moved …
        ("2026-01-17T11:30:00Z", True),  # … to here
        ("2026-12-23T22:59:00Z", False),
        ("2026-12-23T23:00:00Z", True),  # a whole day in the window's own zone
        ("2026-03-18T12:00:00Z", False),  # cancelled
        ("2027-01-02T12:00:00Z", False),  # after UNTIL
    ],
)
def test_a_calendar_is_read_as_calendars_are(tmp_path: Path, at: str, frozen: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """RRULE, EXDATE, moved and cancelled occurrences, whole days."""
    (tmp_path / "freezes.ics").write_text(CALENDAR, encoding="utf-8")
    (tmp_path / "p.yaml").write_text(
        "freezes: [{name: holidays, calendar: freezes.ics, zone: Europe/Berlin}]", encoding="utf-8"
    )
    assert frozen is _frozen(Policy.load(tmp_path / "p.yaml"), at)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Friday: frozen\n",
        "BEGIN:VCALENDAR\n",
        CALENDAR.replace("FREQ=WEEKLY", "FREQ=SECONDLY"),
        CALENDAR.replace("Europe/Berlin", "Mars/Olympus"),
        CALENDAR.replace("DTSTART;VALUE=DATE:20261224", "X-NOTHING:1"),
        CALENDAR.replace("DTEND;TZID=Europe/Berlin:20260105T080000", "DTEND;TZID=Europe/Berlin:20260101T080000"),
    ],
    ids=["empty", "no calendar", "cut off", "too often", "unknown zone", "no start", "ends before it starts"],
)
def test_a_calendar_that_is_broken_denies_and_says_so(tmp_path: Path, text: str) -> None:
    """Nothing is allowed because something could not be read; why is said in one line."""
    (tmp_path / "freezes.ics").write_text(text, encoding="utf-8")
    (tmp_path / "p.yaml").write_text("freezes: [{name: holidays, calendar: freezes.ics}]", encoding="utf-8")
    policy = Policy.load(tmp_path / "p.yaml")
    question = Question({"name": "ann"}, "deploy", "", "prod", datetime(2026, 6, 3, 12, tzinfo=UTC))
    found = freeze_of(policy, question)
    assert found.frozen
    assert "a broken calendar denies" in found.why
    assert "\n" not in found.why


def test_deny_beats_allow_and_an_exception_beats_deny_until_it_expires() -> None:
    """Within an allowed window a denied one still denies, but not for those it excepts, and not for ever."""
    text = """
groups: {oncall: {members: [cem]}}
freezes:
  - {name: days, effect: allow, cron: "0 8 * * *", lasts: 10h}
  - name: audit
    from: 2026-06-01T00:00:00Z
    until: 2026-07-01T00:00:00Z
    exceptions: [{who: [oncall], reason: security, expires: 2026-06-15T00:00:00Z}]
"""
    policy = Policy.parse(text, name="p.yaml")
    assert not _frozen(policy, "2026-05-05T12:00:00Z")
    assert _frozen(policy, "2026-05-05T20:00:00Z")
    assert _frozen(policy, "2026-06-05T12:00:00Z")
    assert not _frozen(policy, "2026-06-05T12:00:00Z", who="Cem")
    assert _frozen(policy, "2026-06-05T20:00:00Z", who="Cem")
    assert _frozen(policy, "2026-06-15T12:00:00Z", who="Cem")


def test_the_line_of_the_policy_that_decides_is_named() -> None:
    """People look there first."""
    text = """\
people: {ann: [developer]}
allow:
  - {roles: [developer], actions: [deploy]}
freezes:
  - {name: all, from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z}
"""
    policy = Policy.parse(text, name="p.yaml")
    moment = datetime(2026, 6, 1, tzinfo=UTC)
    frozen = decide(policy, Question({"name": "Ann"}, "deploy", "", "prod", moment))
    assert (frozen.allowed, frozen.control, frozen.line) == (False, "freeze", 5)
    later = decide(policy, Question({"name": "Ann"}, "deploy", "", "prod", moment.replace(year=2027)))
    assert (later.allowed, later.line) == (True, 3)
    other = decide(policy, Question({"name": "Bob"}, "deploy", "", "prod", moment))
    assert (other.allowed, other.control, other.line) == (False, "role", 2)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("freezes: [{name: a}]", "exactly one of `cron` with `lasts`, `calendar`, or `from` with `until`"),
        ('freezes: [{name: a, cron: "0 18 * *", lasts: 1h}]', "is no cron expression"),
        ('freezes: [{name: a, cron: "0 18 * * 5"}]', "both or neither"),
        ('freezes: [{name: a, cron: "0 18 * * 5", lasts: soon}]', "is no length of time"),
        ("freezes: [{name: a, calendar: x.ics, zone: Mars}]", "is no time zone"),
        ("people: {ann: [boss]}", "people.ann: 'boss' is no role; there are developer, release_manager, administrator"),
        ("allow: [{roles: [developer], actions: [fly]}]", "p.yaml:1: allow.0.actions.0"),
        ("reviews: [{groups: [core]}]", "'core' is no group"),
    ],
)
def test_a_wrong_policy_stops_with_file_line_and_reason(text: str, problem: str) -> None:
    """A policy that is half understood would allow what it was to forbid."""
    with pytest.raises(SettingError) as caught:
        Policy.parse(text, name="p.yaml")
    assert problem in str(caught.value)
    assert "p.yaml:1" in str(caught.value)
