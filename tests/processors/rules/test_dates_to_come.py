"""Events that are dated in times to come, by mistake or to that end, hide nothing."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.watch.kept import Bounds, Kept, row_of
from support.world import World

RULES = RuleSet.load()
# Minutes from the labelled events' beginning, in 2026, to the end of the century.
FAR = 73 * 365 * 24 * 60
TO_COME = {"type": "push.received", "vcs.ref.head.revision": "c99", "vcs.ref.head.name": "main", "minute": FAR, "recorded": 0}
_OFF = {"type": "policy.changed", "vcs.ref": None, "pipetrail.control": "branch protection", "event.action": "disabled"}
_ON = {**_OFF, "event.action": "enabled"}
_PUSH = {"type": "push.received", "vcs.ref.head.name": "main", "user.name": "Ann"}


def _found(told: list[bytes]) -> list[tuple[str, str, list[str]]]:
    world = World(rules=RULES)
    world.take(told)
    return sorted((one["rule"]["id"], one["message"], one["pipetrail"]["finding"]["evidence"]) for one in world.findings())


@pytest.mark.parametrize("rule", ["protection-toggled", "protection-weakened", "owner-added", "runner-registered"])
def test_a_push_of_the_next_century_hides_nothing(rule: str) -> None:
    """What a rule finds of a repository, it finds after such a push, too: a dossier keeps the last two weeks."""
    labelled = next(one for compiled in RULES.rules if compiled.rule.id == rule for one in compiled.rule.tests if one.fires)
    events = [{"minute": number, **event} for number, event in enumerate(labelled.events)]
    told = list(messages([TO_COME, *events]))
    assert rule in {name for name, _, _ in _found(told)}
    assert _found(told) == _found([*told[1:], told[0]])


@given(
    st.lists(st.tuples(st.sampled_from([_OFF, _PUSH, _ON]), st.sampled_from([0, 1, 2, FAR, FAR + 1])), max_size=7),
    st.randoms(use_true_random=False),
)
@settings(max_examples=40, deadline=None)
def test_any_order_ends_alike(drawn: list[tuple[dict[str, Any], int]], chance: Any) -> None:
    """Whichever of the events, of now and of times to come, is told first: the findings are the same."""
    told = list(messages({**event, "minute": minute, "recorded": number} for number, (event, minute) in enumerate(drawn)))
    other = list(told)
    chance.shuffle(other)
    assert _found(told) == _found(other)


def test_what_is_kept_is_counted_from_what_was_recorded() -> None:
    """The newest fact is worth its date only up to when it was recorded; what is older than the bound before that has to go."""
    facts = [_fact("01-01", "2026-01-01"), _fact("01-20", "2026-01-20"), _fact("01-21", "2099-01-01")]
    kept = Kept([row_of(fact) for fact in facts], [orjson.dumps(fact) for fact in facts])
    assert kept.beyond(Bounds(9, 9, timedelta(days=14))) == [row_of(facts[0])]


def _fact(recorded: str, happened: str) -> dict[str, Any]:
    entry = {"event_id": happened, "time": f"{happened}T09:00:00.000Z", "type": "policy.changed"}
    return {"e": entry, "r": f"2026-{recorded}T09:00:00.000Z", "h": ""}
