"""From findings to messages in the queues: routes, groups, waiting, quiet, throttle, escalation, restarts."""

import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_processors.trail.people import same_person
from pipetrail_schemas.finding import Finding
from pipetrail_schemas.times import format_time
from pipetrail_sinks.notify.conversation import Kind
from pipetrail_sinks.notify.quiet import Quiet, parse_hours
from pipetrail_sinks.notify.routes import Condition, Escalation, Route, Routes
from pipetrail_sinks.notify.throttle import Throttle
from support.alerts import NOON, Office, finding, parsed, told_of

Opener = Callable[..., Office]
AT_ONCE = timedelta()
CHAT = Route("all", ("chat",), wait=AT_ONCE)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PEOPLE = st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "email", "name"), st.sampled_from("ab")))


def kinds(office: Office, *channels: str) -> list[str]:
    """What kinds of messages the channels got since the last look."""
    return [alert.kind for alert in office.sent(channels or ("chat",))]


def test_once(open_office: Opener) -> None:
    """A finding is told once: not again when it comes again, nor after a restart, nor when everything is read again."""
    office = open_office(Routes((CHAT,)))
    office.take(parsed(1), parsed(1))
    assert kinds(office) == ["opened"]
    office.restart()
    office.take(parsed(1))
    assert kinds(office) == []


def test_killed_before_sent(open_office: Opener) -> None:
    """What was taken and not sent waits on disk."""
    office = open_office(Routes((CHAT,)))
    office.take(parsed(1))
    office.restart()
    assert kinds(office) == ["opened"]


def test_grouped_by_trail(open_office: Opener) -> None:
    """Findings of one trail that come within the wait make one message; those of another trail make their own."""
    office = open_office(Routes((Route("all", ("chat",), wait=MINUTE),)))
    office.take(parsed(1), parsed(2), parsed(3, trail="b"))
    assert kinds(office) == []
    office.later(MINUTE)
    assert sorted(len(alert.items) for alert in office.sent()) == [1, 2]


def test_later_siblings(open_office: Opener) -> None:
    """What joins a conversation later has the same key, so that it is the same incident or thread."""
    office = open_office(Routes((CHAT,)))
    office.take(parsed(1))
    office.take(parsed(2))
    first, second = office.sent()
    assert (first.kind, second.kind) == ("opened", "more")
    assert first.conversation == second.conversation
    assert first.id != second.id


def test_resolved(open_office: Opener) -> None:
    """When the cause is gone, that is told once, under the key that it was opened with."""
    office = open_office(Routes((CHAT,)))
    office.take(parsed(1))
    office.take(parsed(1, revision=2, status="withdrawn"))
    office.take(parsed(1, revision=2, status="withdrawn"))
    opened, resolved = office.sent()
    assert resolved.kind == "resolved"
    assert resolved.conversation == opened.conversation
    assert resolved.items[0].status == "withdrawn"


def test_acknowledgements_for_those_who_want_them(open_office: Opener) -> None:
    """That somebody takes care is told to machines, not to a chat."""
    route = Route("all", ("chat", "pager"), wait=AT_ONCE)
    office = open_office(Routes((route,)), deaf=frozenset({"chat"}))
    office.take(parsed(1))
    office.take(parsed(1, revision=2, status="acknowledged"))
    assert kinds(office, "chat") == ["opened"]
    assert kinds(office, "pager") == ["opened", "acknowledged"]


def test_one_channel_by_two_routes(open_office: Opener) -> None:
    """A channel that two routes lead to hears of a finding once."""
    other = Route("overrides", ("chat", "pager"), Condition(category=frozenset({"override"})), wait=AT_ONCE)
    office = open_office(Routes((CHAT, other)))
    office.take(parsed(1))
    assert kinds(office, "chat") == ["opened"]
    assert kinds(office, "pager") == ["opened"]


def test_last(open_office: Opener) -> None:
    """A route that is the last ends the search."""
    first = Route("prod", ("pager",), Condition(environment=("prod",)), wait=AT_ONCE, last=True)
    office = open_office(Routes((first, CHAT)))
    office.take(parsed(1))
    assert kinds(office, "chat", "pager") == ["opened"]


def test_quiet(open_office: Opener) -> None:
    """What can wait is held until the quiet ends; what cannot is not."""
    quiet = Quiet(ZoneInfo("UTC"), parse_hours(["11:00-14:00"]))
    office = open_office(Routes((Route("all", ("chat",), wait=AT_ONCE, quiet=quiet),)))
    office.take(parsed(1, severity="high"), parsed(2, severity="critical", trail="b"))
    (urgent,) = office.sent()
    assert urgent.severity == "critical"
    office.later(2 * HOUR - MINUTE)
    assert office.sent() == []
    office.later(MINUTE)
    assert kinds(office) == ["opened"]


def test_grew_worse_in_the_quiet(open_office: Opener) -> None:
    """What could wait and cannot any more does not."""
    quiet = Quiet(ZoneInfo("UTC"), parse_hours(["11:00-14:00"]))
    office = open_office(Routes((Route("all", ("chat",), wait=AT_ONCE, quiet=quiet),)))
    office.take(parsed(1, severity="medium"))
    assert office.sent() == []
    office.take(parsed(1, revision=2, severity="critical"))
    assert kinds(office) == ["opened"]


def test_tidy(open_office: Opener) -> None:
    """What is long over is forgotten, and stays untold; what is open is not forgotten."""
    office = open_office(Routes((CHAT,)))
    office.take(parsed(1), parsed(1, revision=2, status="resolved"), parsed(2), parsed(3, trail="b"))
    office.take(parsed(3, trail="b", revision=2, status="resolved"))
    office.sent()
    office.later(timedelta(days=200))
    with office.store.transaction() as records:
        known = [bool(records.places(parsed(number).pipetrail.finding.id)) for number in (1, 2, 3)]
    assert known == [False, True, False]
    office.take(parsed(1), parsed(2), parsed(3, trail="b"))
    assert office.sent() == []


def test_throttle(open_office: Opener) -> None:
    """What exceeds the throttle is gathered, and told in one message when there is room; nothing is dropped."""
    route = Route("all", ("chat",), wait=AT_ONCE, throttle=Throttle(2, HOUR))
    office = open_office(Routes((route,)))
    for number in range(10):
        office.take(parsed(number, trail=str(number)))
        office.later(MINUTE)
    assert kinds(office) == ["opened", "opened"]
    office.later(HOUR)
    (digest,) = office.sent()
    assert digest.digest
    assert len(digest.items) == 8
    office.take(parsed(20, trail="x"))
    office.later(2 * HOUR)
    assert kinds(office) == ["opened"]


def test_throttle_lets_the_worst_through(open_office: Opener) -> None:
    """No throttle holds back what is critical."""
    route = Route("all", ("chat",), wait=AT_ONCE, throttle=Throttle(1, HOUR))
    office = open_office(Routes((route,)))
    for number in range(3):
        office.take(parsed(number, trail=str(number), severity="critical"))
    assert kinds(office) == ["opened"] * 3


def test_digest_is_resolved(open_office: Opener) -> None:
    """What was told in a digest is resolved with it."""
    route = Route("all", ("chat",), wait=AT_ONCE, throttle=Throttle(1, HOUR))
    office = open_office(Routes((route,)))
    for number in range(3):
        office.take(parsed(number, trail=str(number)))
    office.later(HOUR)
    _, digest = office.sent()
    office.take(parsed(1, trail="1", revision=2, status="resolved"))
    assert office.sent() == []
    office.take(parsed(2, trail="2", revision=2, status="resolved"))
    (resolved,) = office.sent()
    assert (resolved.kind, resolved.conversation) == ("resolved", digest.conversation)


ESCALATING = Route("all", ("chat",), wait=AT_ONCE, escalate=(Escalation(30 * MINUTE, ("pager",)), Escalation(HOUR, ("boss",))))


def test_escalation(open_office: Opener) -> None:
    """When nobody acknowledges, others are told, step by step, each once."""
    office = open_office(Routes((ESCALATING,)))
    office.take(parsed(1))
    office.later(29 * MINUTE)
    assert kinds(office, "chat", "pager", "boss") == ["opened"]
    office.later(MINUTE)
    (escalated,) = office.sent(("pager",))
    assert escalated.headline.startswith("Not acknowledged for 30 min: ")
    office.later(HOUR)
    assert kinds(office, "chat", "pager", "boss") == ["escalated"]


def test_no_escalation_of_what_is_acknowledged(open_office: Opener) -> None:
    """Who acknowledges in time spares the others."""
    office = open_office(Routes((ESCALATING,)))
    office.take(parsed(1))
    office.later(10 * MINUTE)
    office.take(parsed(1, revision=2, status="acknowledged"))
    office.later(2 * HOUR)
    assert kinds(office, "pager", "boss") == []


def test_escalation_counts_from_the_telling(open_office: Opener) -> None:
    """Time in which people slept is none in which they did not acknowledge."""
    quiet = Quiet(ZoneInfo("UTC"), parse_hours(["11:00-14:00"]))
    route = Route("all", ("chat",), wait=AT_ONCE, quiet=quiet, escalate=(Escalation(HOUR, ("pager",)),))
    office = open_office(Routes((route,)))
    office.take(parsed(1))
    office.later(2 * HOUR)
    assert kinds(office, "chat", "pager") == ["opened"]
    office.later(HOUR)
    assert kinds(office, "chat", "pager") == ["escalated"]


def test_too_old(open_office: Opener) -> None:
    """A first look at an old history calls nobody."""
    office = open_office(Routes((CHAT,), max_age=timedelta(days=7)))
    office.take(parsed(1, time=NOON - timedelta(days=8)), parsed(2, time=NOON - timedelta(days=6)))
    (alert,) = office.sent()
    assert told_of(alert) == [parsed(2).pipetrail.finding.id]


def test_earlier_overrides(open_office: Opener) -> None:
    """A message says what its actor overrode before, and not what turned out to be none, nor what others did."""
    office = open_office(Routes((CHAT,)))
    for number in range(1, 5):
        office.take(parsed(number, time=NOON - number * HOUR, trail=str(number)))
    office.take(parsed(5, time=NOON - HOUR, status="withdrawn"), parsed(6, actor="Ann", time=NOON - HOUR))
    office.sent()
    office.take(parsed(7, trail="new"))
    (alert,) = office.sent()
    assert alert.items[0].overrides == 4
    assert [one.time for one in alert.items[0].latest_overrides] == [NOON - number * HOUR for number in (1, 2, 3)]


def test_what_one_deed_broke_is_not_earlier(open_office: Opener) -> None:
    """A deployment without build, test and approval is three findings of one moment: none of them came before another."""
    office = open_office(Routes((CHAT,)))
    office.take(*(parsed(number, trail="one") for number in range(1, 4)))
    (alert,) = office.sent()
    assert [(item.overrides, item.latest_overrides) for item in alert.items] == [(0, ()), (0, ()), (0, ())]


def test_the_same_person_under_another_name(open_office: Opener) -> None:
    """Earlier overrides are the person's: by id, else e-mail address, else name; a bot's are those of whom it acted for."""
    office = open_office(Routes((CHAT,)))
    people = [
        {"id": "7", "name": "Bob"},
        {"id": "7", "name": "bob the builder"},  # renamed
        {"id": "8", "name": "Bob"},  # somebody else of that name
        {"name": "BOB"},  # told without an id
        {"email": "bob@acme.example", "name": "R. Meier"},  # told without an id, by another name
        {"id": "9", "email": "bob@acme.example"},  # an address that somebody else has, by the id
    ]
    for number, user in enumerate(people, start=1):
        office.take(parsed(number, time=NOON - number * HOUR, trail=str(number), user=user))
    bot = finding(20, time=NOON - 9 * HOUR, trail="bot", user={"id": "b", "name": "deployer"})
    bot["pipetrail"]["finding"]["on_behalf_of"] = {"id": "7"}
    office.take(Finding.model_validate(bot))
    office.sent()
    asked = {"id": "7", "email": "bob@acme.example", "name": "Bob"}
    office.take(parsed(30, trail="new", user=asked))
    (alert,) = office.sent()
    assert alert.items[0].overrides == 5
    assert [one.time for one in alert.items[0].latest_overrides] == [NOON - number * HOUR for number in (1, 2, 4)]


@given(known=st.lists(PEOPLE, max_size=6), asked=PEOPLE.filter(bool))
@settings(max_examples=60, deadline=None)
def test_people_are_told_apart_as_the_processor_does(known: list[dict[str, str]], asked: dict[str, str]) -> None:
    """Whatever is known of somebody: the notifier counts the overrides that the processor would call the same person's."""
    with tempfile.TemporaryDirectory() as folder, closing(Office(Path(folder), Routes((CHAT,)))) as office:
        for number, user in enumerate(known, start=1):
            office.take(parsed(number, time=NOON - number * HOUR, trail=str(number), user=user))
        office.sent()
        office.take(parsed(30, trail="new", user=asked))
        (alert,) = office.sent()
        assert alert.items[0].overrides == sum(same_person(one, asked) for one in known)


def test_routes_change(open_office: Opener) -> None:
    """What waited on a route that is gone goes where the routes lead now, and what was told is not told again."""
    office = open_office(Routes((Route("old", ("chat",), wait=HOUR),)))
    office.take(parsed(1))
    office.restart(Routes((Route("new", ("chat",), wait=AT_ONCE),)))
    office.later(MINUTE)
    assert kinds(office) == ["opened"]
    office.restart(Routes((Route("newer", ("chat",), wait=AT_ONCE),)))
    office.take(parsed(1))
    assert kinds(office) == []
    office.take(parsed(1, revision=2, status="resolved"))
    assert kinds(office) == ["resolved"]


def test_left_its_route(open_office: Opener) -> None:
    """A finding that is less severe than its route asks for by now is still resolved where it was told."""
    office = open_office(Routes((Route("all", ("chat",), Condition(severity="high"), wait=AT_ONCE),)))
    office.take(parsed(1))
    office.take(parsed(1, revision=2, severity="low"))
    office.take(parsed(1, revision=3, severity="low", status="resolved"))
    assert kinds(office) == ["opened", "resolved"]


def test_many_in_one_message(open_office: Opener) -> None:
    """Of many findings the worst are named, and the others are counted."""
    office = open_office(Routes((CHAT,)))
    office.take(*(parsed(number, severity="critical" if number == 77 else "medium") for number in range(100)))
    (alert,) = office.sent()
    assert (len(alert.items), alert.more, alert.severity) == (20, 80, "critical")


TELLING: set[Kind] = {"opened", "more"}


# From which message on everything is read again, how many are read, how long it takes, whether what waits is sent, a restart.
STEP = st.tuples(st.integers(0, 9), st.integers(1, 9), st.integers(0, 60), st.booleans(), st.booleans())


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=8), st.sampled_from([0, 10, 90]), st.booleans())
def test_restarts_and_replays(steps: list[tuple[int, int, int, bool, bool]], wait_s: int, throttled: bool) -> None:  # noqa: FBT001
    """However often the program is restarted and everything is read again, each finding is told once, and resolved once."""
    history = [
        *(parsed(number, trail=str(number % 3)) for number in range(6)),
        *(parsed(number, trail=str(number % 3), revision=2, status="resolved") for number in range(3)),
    ]
    throttle = Throttle(2, HOUR) if throttled else None
    routes = Routes((Route("all", ("chat",), wait=timedelta(seconds=wait_s), throttle=throttle),))
    # hypothesis calls this many times: each needs a state of its own
    with tempfile.TemporaryDirectory() as folder, closing(Office(Path(folder), routes)) as office:
        messages = []
        for start, count, passed_s, sends, restarts in [*steps, (0, 9, 3600, True, True)]:
            office.take(*history[start : start + count])
            office.later(timedelta(seconds=passed_s))
            messages += office.sent() if sends else []
            if restarts:
                office.restart()
        office.later(3 * HOUR)
        messages += office.sent()
    told = [name for alert in messages if alert.kind in TELLING for name in told_of(alert)]
    assert len(told) == len(set(told))
    assert {one.pipetrail.finding.id for one in history[3:6]} <= set(told)
    assert len({alert.id for alert in messages}) == len(messages)


def test_old_but_opened_anew(open_office: Opener) -> None:
    """What happened long ago is told when somebody opens it anew today, or when nothing excludes it any more."""
    office = open_office(Routes((CHAT,), max_age=HOUR))
    old = NOON - 40 * HOUR
    for number, more in enumerate(("reopened", "exclusion"), start=1):
        document = finding(number, revision=2, time=old, trail=str(number))
        told = {"time": format_time(NOON), "reason": "the same again", "event_id": "e-1"}
        ended = {"owner": "cem", "reason": "known", "expires": format_time(NOON - MINUTE)}
        document["pipetrail"]["finding"][more] = told if more == "reopened" else ended
        office.take(parsed(number, time=old, trail=str(number), status="justified" if more == "reopened" else "excluded"))
        assert kinds(office) == []
        office.take(Finding.model_validate(document))
        assert kinds(office) == ["opened"]
