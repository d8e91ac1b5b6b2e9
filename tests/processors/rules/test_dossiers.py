"""Bursts, sequences and dossiers: by event time, in any order, bounded; exclusions hide for a while and count."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet, read_rule
from pipetrail_processors.state.state import MemoryState
from pipetrail_processors.watch import watch
from pipetrail_processors.watch.dossier import BOUNDS, Dossier
from pipetrail_processors.watch.kept import Bounds
from pipetrail_schemas.topics import FINDINGS
from support.world import World

RULES = RuleSet.load()
SMALL = Bounds(5, 2, timedelta(minutes=30))


@st.composite
def _event(draw: st.DrawFn) -> dict[str, Any]:
    """One event of those that dossiers keep."""
    kind = draw(st.sampled_from(sorted(_KINDS)))
    event = {"type": kind, "user.name": draw(st.sampled_from(["Ann", "Bob"])), "minute": draw(st.integers(0, 40))}
    return {**event, **draw(st.sampled_from(_KINDS[kind]))}


_CHANGE = {"vcs.change.id": "7", "vcs.ref": {"head": {"revision": "c2"}, "base": {"name": "main"}}}
_PROTECTION = {"vcs.ref": None, "pipetrail.control": "branch protection"}
_KINDS: dict[str, list[dict[str, Any]]] = {
    "policy.changed": [{**_PROTECTION, "event.action": action} for action in ("deleted", "created", "edited")],
    "policy.bypassed": [{"pipetrail.control": "branch protection"}, {**_PROTECTION}],
    "push.received": [{"vcs.ref.head.name": "main"}, {"vcs.ref.head.name": "main", "event.action": "forced"}],
    "change.created": [_CHANGE],
    "change.updated": [{**_CHANGE, "vcs.ref.head.revision": revision} for revision in ("c2", "c3")],
    "change.reviewed": [{**_CHANGE, "pipetrail.decision": decision} for decision in ("approved", "dismissed", "rejected")],
    "change.merged": [{**_CHANGE, "pipetrail.change.merge_revision": "c4"}],
    "taskrun.skipped": [
        {"vcs.ref.head.revision": "c2", "cicd.pipeline.task.name": "t", "pipetrail": {"stage": "test", "skip": "on_purpose"}}
    ],
    "deployment.finished": [
        {"vcs.ref.head.revision": commit, "deployment.environment.name": "qa", "pipetrail.result": "success"}
        for commit in ("c1", "c2")
    ],
    "source.gap": [{"vcs.ref": None, "event.reason": "lost"}],
}


@given(st.lists(_event(), min_size=1, max_size=14), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_any_order_and_repetition_ends_in_the_same_findings(events: list[dict[str, Any]], random: Any) -> None:
    """What compares events compares them by their own time: late ones correct, repeated ones change nothing."""
    told = list(messages(events))
    shuffled = told + told[:3]
    random.shuffle(shuffled)
    assert _open(told) == _open(shuffled)


@given(st.lists(_event(), min_size=1, max_size=14), st.data())
@settings(max_examples=150, deadline=None)
def test_what_is_not_judged_anew_would_not_have_changed(events: list[dict[str, Any]], data: st.DataObject) -> None:
    """Most events concern no rule over a dossier, others a few of them: judged whole each time, it gives the same messages."""
    told = list(messages(events))
    order = data.draw(st.permutations(told + told[:2]))
    small = {what: data.draw(st.sampled_from([bounds, Bounds(4, 2, timedelta(minutes=20))])) for what, bounds in BOUNDS.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "BOUNDS", small)
        spared = _published(order)
        patch.setattr(watch.Watch, "_concerned", lambda _, rules, *__: list(rules.rules))
        patch.setattr(watch, "_passes", lambda *_: lambda *_: False)
        patch.setattr(watch.Watch, "_part", lambda *_: None)
        assert _published(order) == spared


def test_a_dossier_keeps_the_newest_whatever_the_order() -> None:
    """Bounded by number and by event time."""
    facts = [_fact(minute) for minute in range(0, 60, 4)]
    for order in (facts, facts[::-1], facts[5:] + facts[:5]):
        state = MemoryState()
        dossier = Dossier(state, "r", "k")
        for fact in order:
            dossier.add(fact, SMALL)
        dossier.save()
        assert [int(fact["e"]["time"][14:16]) for fact in Dossier(state, "r", "k").facts] == [40, 44, 48, 52, 56]


def test_what_comes_all_day_does_not_drive_out_what_is_rare() -> None:
    """A protection that was switched off is still known after a hundred pushes, and so is the first of them."""
    dossier = Dossier(MemoryState(), "r", "k")
    dossier.add(_fact(30), SMALL)
    for minute in range(31, 50):
        dossier.add(_fact(minute, "push.received"), SMALL)
    assert [int(fact["e"]["time"][14:16]) for fact in dossier.facts] == [30, 31, 48, 49]


def test_a_story_stands_whatever_comes_after_it() -> None:
    """Protection off, a push, on again: that is found still when forty pushes followed, told in any order."""
    off, on = ({"type": "policy.changed", **_PROTECTION, "event.action": action} for action in ("deleted", "created"))
    push = {"type": "push.received", "vcs.ref.head.name": "main"}
    told = list(messages([{**off, "minute": 0}, {**push, "minute": 1}, {**on, "minute": 2}]))
    later = list(messages([{**push, "minute": 3 + minute, "key": f"{minute}"} for minute in range(40)]))
    for order in (told + later, [*told[:2], *later, told[2]], [told[0], told[2], *later[:9], told[1], *later[9:]]):
        world = World(rules=RULES)
        world.take(order)
        (story,) = world.findings()
        assert (story["rule"]["id"], len(story["pipetrail"]["finding"]["evidence"])) == ("protection-toggled", 3)


def test_what_is_older_than_what_is_kept_is_not_taken_in() -> None:
    """An event that comes again after it was forgotten is no news."""
    dossier = Dossier(MemoryState(), "r", "k")
    dossier.add(_fact(50), SMALL)
    assert dossier.add(_fact(10), SMALL)[:2] == (False, False)


def test_a_late_event_withdraws_the_parts_of_a_story_and_tells_it_once() -> None:
    """Off and on again were two matters until the push in between was told: then they are one, and say so."""
    world = World(rules=RULES)
    off, on = ({"type": "policy.changed", **_PROTECTION, "event.action": action} for action in ("deleted", "created"))
    push = {"type": "push.received", "vcs.ref.head.name": "main", "minute": 1, "recorded": 50}
    told = list(messages([{**off, "minute": 0}, {**on, "minute": 2}, push]))
    world.take(told[:2])
    assert [one["rule"]["id"] for one in world.findings()] == ["protection-weakened"]
    world.take(told[2:])
    assert [one["rule"]["id"] for one in world.findings()] == ["protection-toggled"]
    (gone,) = world.findings("withdrawn")
    assert gone["pipetrail"]["finding"]["correction"].startswith("withdrawn after push.received of 2026-01-05T09:01")


def test_an_exclusion_hides_until_it_expires_and_counts() -> None:
    """Known and accepted for a while: published as excluded, in no trail, and back afterwards."""
    rule = next(one.rule for one in RULES.rules if one.rule.id == "protection-bypassed")
    excluded = {"when": "event.actor == 'bot'", "owner": "Ann", "reason": "migration", "expires": "2026-01-05T09:30:00Z"}
    rule = rule.model_validate({**rule.model_dump(), "exclusions": [excluded]})
    world = World(rules=RuleSet.of([rule]))
    bypass = {"type": "policy.bypassed", "pipetrail.control": "branch protection", "user.name": "bot"}
    world.take(messages([{**bypass, "minute": 1}, {**bypass, "minute": 40}, {**bypass, "minute": 2, "user.name": "Ann"}]))
    hidden = world.findings("excluded")
    assert [one["user"]["name"] for one in hidden] == ["bot"]
    assert hidden[0]["pipetrail"]["finding"]["exclusion"]["owner"] == "Ann"
    assert sorted(one["user"]["name"] for one in world.findings()) == ["Ann", "bot"]
    (trail,) = world.trails()
    assert trail["pipetrail"]["trail"]["overrides"] == 2


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("threshold: 2", "over: actor", "want a `window`"),
        ("window: 1h", "over: actor", "window: only with"),
        ("threshold: 2\nwindow: 1h", "over: trail", "are over a dossier"),
        ("window: 1h\nsteps: [{on: [push.received]}, {on: [push.received]}]", "over: actor", "either `on` or `steps`"),
        ("exclusions: [{when: event.bot, owner: a, reason: b}]", "over: trail", "expires: is missing"),
        ("dedupe: [event.nothing]", "over: trail", "is no field"),
    ],
)
def test_a_rule_that_mixes_kinds_is_refused(field: str, value: str, problem: str) -> None:
    """A rule says one thing."""
    tests = "\n".join(f"  - {{says: a, fires: {number % 2}, events: [{{type: push.received}}]}}" for number in range(6))
    text = (
        'id: x\nversion: "1"\nname: X\ncategory: policy\nseverity: low\ntitle: t\nwhy: w\nrunbook: [r]\non: [push.received]\n'
        f"{field}\n{value}\ntests:\n{tests}\n"
    )
    with pytest.raises(Exception, match=r"r\.yaml") as caught:
        read_rule(text, name="r.yaml")
    assert problem in str(caught.value)


def _open(told: list[bytes]) -> list[dict[str, Any]]:
    world = World(rules=RULES)
    world.take(told)
    found = world.findings()
    for finding in found:
        del finding["pipetrail"]["finding"]["revision"]
        finding["pipetrail"]["finding"].pop("correction", None)  # says what came last
    ids = {output.key for output in world.published[FINDINGS]}
    assert {orjson.loads(value)["event"]["id"].encode() for value in world.latest(FINDINGS).values()} == ids
    return found


def _fact(minute: int, kind: str = "policy.changed") -> dict[str, Any]:
    time = f"2026-01-05T09:{minute:02}:00.000Z"
    return {"e": {"event_id": f"{minute:03}", "time": time, "type": kind}, "r": "2026-11-02T09:00:00.000Z", "h": ""}


def _published(told: list[bytes]) -> list[tuple[bytes, bytes | None]]:
    world = World(rules=RULES)
    world.take(told)
    return [(output.key, output.value) for output in world.published[FINDINGS]]
