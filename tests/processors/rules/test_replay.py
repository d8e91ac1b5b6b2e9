"""Rules over history: what they would have found, two versions compared, thresholds from the distribution."""

from datetime import timedelta

import orjson
import pytest
from pipetrail_processors.detect.labelled import START, messages
from pipetrail_processors.detect.rule import Rule
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.replay.history import event_of, events
from pipetrail_processors.replay.thresholds import Row, graded, proposal, propose
from pipetrail_processors.replay.trial import difference, people
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.topics import RECORDS
from support.replayed import trial_of
from support.world import World

RULES = RuleSet.load()
BY_ID = {compiled.rule.id: compiled.rule for compiled in RULES.rules}


@pytest.mark.parametrize("rule", BY_ID.values(), ids=list(BY_ID))
def test_a_replay_over_records_finds_what_the_live_run_found(rule: Rule) -> None:
    """What is indexed is enough to find everything again: with the policy of each labelled history."""
    for labelled in rule.tests:
        world = World(labelled.policy, RULES)
        world.take(messages(labelled.events))
        until = START + (labelled.ends or timedelta(days=30))
        world.wait_until(until)
        live = {one["event"]["id"]: one["message"] for one in world.findings()}
        values = [event_of(orjson.loads(output.value or b"")) for output in world.published[RECORDS]]
        trial = trial_of(values, list(BY_ID.values()), labelled.policy, until=until)
        again = {key: one["message"] for key, one in trial.findings.items() if one["pipetrail"]["finding"]["status"] == "open"}
        assert live == again, labelled.says


def test_two_versions_of_a_rule_are_told_apart_by_what_they_find() -> None:
    """A narrower one loses some, and finds nothing new."""
    rule = BY_ID["protection-bypassed"]
    narrower = rule.model_copy(update={"when": rule.when + ' && event.who == "Ann"', "version": "2"})
    bypass = {"type": "policy.bypassed", "pipetrail.control": "branch protection"}
    values = list(messages([{**bypass, "user.name": name} for name in ("Ann", "Bob", "Bob")]))
    old, new = (trial_of(values, [one], Policy()) for one in (rule, narrower))
    compared = difference(old, new, rule.id)
    assert (len(compared.added), len(compared.gone), len(compared.both)) == (0, 2, 1)
    assert people(old.of(rule.id), 5) == [("Bob", 2), ("Ann", 1)]


def test_a_threshold_is_proposed_from_how_often_each_would_have_fired() -> None:
    """The smallest that gives no more than about one finding a week."""
    rule = BY_ID["many-forced-pushes"]
    pushes = [
        {"type": "push.received", "vcs.ref.head.name": "wip", "event.action": "forced", "user.name": name, "minute": minute}
        for name, times in (("Ann", 9), ("Bob", 4), ("Cem", 4), ("Dee", 2))
        for minute in range(times)
    ]
    found = propose(rule, messages(pushes), Policy(), weeks=1.0)
    assert {row.threshold: row.findings for row in found.rows if row.threshold in {2, 3, 5, 9, 10}} == {
        2: 4,
        3: 3,
        5: 1,
        9: 1,
        10: 0,
    }
    assert found.proposed == 5


def test_a_measuring_rule_is_asked_with_thresholds_around_its_own() -> None:
    """Its own is among them; of those that are bearable, the one that finds most is proposed."""
    rule = BY_ID["unusual-failure-rate"]
    assert rule.measure is not None
    thresholds = [one.measure.threshold for one in graded(rule) if one.measure]
    assert thresholds == sorted(thresholds)
    assert rule.measure.threshold in thresholds
    assert graded(BY_ID["self-approval"]) == []
    rows = [Row(2.0, 9), Row(3.0, 2), Row(4.0, 2), Row(5.0, 0)]
    assert [proposal(rows, weeks).proposed for weeks in (1.0, 2.0, 9.0)] == [5.0, 3.0, 2.0]
    assert proposal(rows[:1], 1.0).proposed is None


def test_a_history_without_anything_to_find_proposes_nothing() -> None:
    """Where every threshold gives no finding, the lowest is as good as the highest: that is no proposal."""
    assert proposal([Row(2, 0), Row(3, 0)], 13.0).proposed is None


def test_a_line_that_is_no_event_is_named() -> None:
    """Of a million lines, the one that is wrong."""
    with pytest.raises(InvalidEventError, match="line 2"):
        list(events([b"\n", b"{nonsense\n"]))
