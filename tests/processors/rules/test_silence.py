"""Who fell silent is a function of the events and of the moment at which it is asked; whoever speaks again was not."""

from datetime import datetime, timedelta
from itertools import permutations, product
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_processors.detect.labelled import REPOSITORY, START, messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_schemas.topics import FINDINGS
from support.world import World

RULES = RuleSet.load()
EXPECTED = Policy.parse("expect: [{repositories: ['*/acme/shop'], every: 6h}]", name="p.yaml")
JENKINS = "https://jenkins.example/job/shop"


def push(minute: int, **more: Any) -> dict[str, Any]:
    """A push that was told when it happened."""
    return {"type": "push.received", "vcs.ref": {"head": {"name": "main"}}, "minute": minute, "key": f"push {minute}", **more}


def after(hours: int) -> datetime:
    """A moment of the history."""
    return START + timedelta(hours=hours)


def silences(world: World, status: str = "open") -> list[str]:
    """Ids of the findings about somebody who fell silent."""
    return [one["event"]["id"] for one in world.findings(status) if one["rule"]["id"] == "fell-silent"]


def test_whoever_speaks_again_is_silent_no_more_and_each_silence_is_found_once() -> None:
    """The finding is withdrawn, and says by what; the next silence is another one."""
    world = World(EXPECTED, RULES)
    first, second = messages([push(0), push(60 * 10)])
    world.take([first])
    world.wait_until(after(6))
    assert silences(world) == []  # the hour in which it was heard counts as a whole
    world.wait_until(after(9))
    world.wait_until(after(10))
    (found,) = silences(world)
    world.take([second])
    assert ([], [found]) == (silences(world), silences(world, "withdrawn"))
    (taken_back,) = (one for one in world.findings("withdrawn") if one["event"]["id"] == found)
    assert "push.received" in taken_back["pipetrail"]["finding"]["correction"]
    world.wait_until(after(30))
    (again,) = silences(world)
    assert again != found


def test_what_ended_a_silence_tells_so_again_when_it_comes_again() -> None:
    """What was published the first time may have been lost with the process that did it."""
    world = World(EXPECTED, RULES)
    first, second = messages([push(0), push(60 * 10)])
    world.take([first])
    world.wait_until(after(9))
    world.take([second])
    before = len(world.published[FINDINGS])
    world.take([second])
    assert [orjson.loads(one.value or b"")["pipetrail"]["finding"]["status"] for one in world.published[FINDINGS][before:]] == [
        "withdrawn"
    ]


def test_nothing_is_said_of_a_repository_by_what_is_heard_of_another() -> None:
    """Each has its own rhythm; nobody's clock makes another one silent."""
    world = World(EXPECTED, RULES)
    other = "https://git.example/acme/other"
    world.take(messages([push(0), {**push(60 * 24 * 300), "vcs.repository.url.full": other, "partitionkey": other}]))
    world.wait_until(after(1))
    assert silences(world) == []


_EVENTS = st.lists(
    st.builds(
        lambda day, minute, source: push(day * 1440 + minute, source=source),
        st.integers(0, 20),
        st.integers(0, 180),
        st.sampled_from([REPOSITORY, JENKINS]),
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda event: event["minute"],
)


@given(_EVENTS, st.integers(0, 30), st.sampled_from([EXPECTED, Policy()]), st.data())
@settings(max_examples=100, deadline=None)
def test_any_order_and_any_look_in_between_end_in_the_same_silences(
    events: list[dict[str, Any]], end: int, policy: Policy, data: st.DataObject
) -> None:
    """Late and repeated events, and looks while some were missing, change nothing of what is open in the end."""
    told = list(messages(events))
    moment = START + timedelta(days=end)
    in_order, shuffled = World(policy, RULES), World(policy, RULES)
    in_order.take(told)
    in_order.wait_until(moment)
    order = data.draw(st.permutations(told + told[:3]))
    cut = data.draw(st.integers(0, len(order)))
    shuffled.take(order[:cut])
    shuffled.wait_until(moment)
    shuffled.take(order[cut:])
    shuffled.wait_until(moment)
    assert silences(in_order) == silences(shuffled)


def test_who_was_heard_several_times_in_an_hour_is_found_silent_by_the_same_event_in_any_order() -> None:
    """The finding rests on one of them; on which does not depend on who came first, nor on who came after it was found."""
    told = list(messages([push(0), push(7), push(20)]))
    found = set()
    for order, looked_after in product(permutations(told), range(1, 4)):
        world = World(EXPECTED, RULES)
        world.take(order[:looked_after])
        world.wait_until(after(9))
        world.take(order[looked_after:])
        world.wait_until(after(9))
        found.update(silences(world))
    assert len(found) == 1
