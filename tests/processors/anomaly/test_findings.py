"""What a finding about something out of the ordinary says, how it is set, and that people decide about it as about others."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from pipetrail_processors.anomaly.verdict import hour_of_week, is_within, weekend
from pipetrail_processors.detect.labelled import REPOSITORY, messages
from pipetrail_processors.detect.rule import Exclusion, Rule
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_schemas.finding import Finding
from pydantic import ValidationError
from support.histories import measuring
from support.world import World

BUILD = next(one.rule for one in measuring().rules if one.rule.id == "unusual-build-duration")
SLOW = BUILD.tests[0]


def _world(rule: Rule, events: list[dict[str, Any]]) -> World:
    world = World(rules=RuleSet.of([rule]))
    world.take(messages(events))
    return world


def test_it_has_the_numbers_and_the_normal_range() -> None:
    """Value, normal range, samples and since when stand in the message, and as fields of a valid document."""
    (found,) = _world(BUILD, SLOW.events).findings()
    Finding.model_validate(found, extra="forbid")
    assert found["message"] == (
        "ci took 1 h; normal is 2 min 29 s to 40 min 3 s, typically 10 min (of 60 since 2026-01-05): acme/shop"
    )
    measure = found["pipetrail"]["finding"]["measure"]
    assert (measure["name"], measure["value"], measure["samples"]) == ("build_duration", "1 h", 60)
    assert measure["since"] == "2026-01-05T09:00:00.000Z"
    assert found["pipetrail"]["finding"]["category"] == "anomaly"


def test_thresholds_are_settings() -> None:
    """A larger factor, or more samples, and the same run is nothing to speak of."""
    assert BUILD.measure
    for change in ({"least": 10.0}, {"samples": 100}, {"threshold": 50.0}):
        rule = BUILD.model_copy(update={"measure": BUILD.measure.model_copy(update=change)})
        assert _world(rule, SLOW.events).findings() == []


def test_a_rule_that_is_not_enabled_is_not_asked() -> None:
    """`enabled: false` in a rule of a team's own folder turns the built-in one of the same id off."""
    assert RuleSet.of([BUILD.model_copy(update={"enabled": False})]).rules == []


def test_its_condition_says_what_is_worth_a_finding() -> None:
    """`when` leaves out what does not matter to a team; what is normal is known from all."""
    assert _world(BUILD.model_copy(update={"when": 'measure.run != "ci"'}), SLOW.events).findings() == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"over": "environment"}, "build_duration is over repository, not environment"),
        ({"on": ["deployment.finished"]}, "build_duration is not in deployment.finished; allowed: build.finished"),
        ({"measure": {"name": "height", "threshold": 1, "samples": 20}}, "Input should be 'build_duration'"),
        ({"measure": {"name": "build_duration", "threshold": 0, "samples": 20}}, "greater than 0"),
        ({"measure": {"name": "build_duration", "threshold": 5, "samples": 2}}, "greater than or equal to 5"),
        ({"threshold": 3, "window": "1d"}, "it has a threshold of its own"),
    ],
)
def test_a_bad_measure_is_refused(change: dict[str, Any], problem: str) -> None:
    """The message says what is allowed."""
    fields = BUILD.model_dump(mode="json", exclude={"window": True, "tests": {"__all__": {"policy"}}})
    with pytest.raises(ValidationError, match=problem):
        Rule.model_validate({**fields, **change})


def test_people_decide_about_it_as_about_any_other() -> None:
    """Whoever takes care of it is shown in it, also when more is told of the series afterwards."""
    world = _world(BUILD, SLOW.events)
    (found,) = world.findings()
    decision = {"type": "finding.acknowledged", "user.name": "Ann", "event.reason": "on it", "minute": 11_000}
    told = {**decision, "pipetrail.finding.id": found["event"]["id"], "key": "decision", "vcs.ref": None}
    again = {**SLOW.events[-1], "minute": 10_901, "key": "again"}
    world.take(messages([told, again]))
    (after,) = world.findings("acknowledged")
    assert after["pipetrail"]["finding"]["acknowledged"]["by"] == {"name": "Ann"}
    assert after["event"]["id"] == found["event"]["id"]


def test_a_correction_says_what_corrected_it() -> None:
    """A late event that makes it normal withdraws it, by name."""
    labelled = next(one for one in BUILD.tests if one.withdrawn)
    (gone,) = _world(BUILD, labelled.events).findings("withdrawn")
    assert gone["pipetrail"]["finding"]["correction"].startswith("withdrawn after build.finished of 2026-01-")


def test_repositories_do_not_share_a_history() -> None:
    """What is normal for one says nothing of another."""
    other = REPOSITORY + "-other"
    elsewhere = {**SLOW.events[-1], "vcs.repository.url.full": other, "partitionkey": other}
    assert _world(BUILD, [*SLOW.events[:-1], elsewhere]).findings() == []


@pytest.mark.parametrize("zone", range(-11, 13))
def test_the_weekend_is_learned_in_any_time_zone(zone: int) -> None:
    """Of a team that works from Monday to Friday from nine to six, Saturday noon is on it, and none of those hours is."""
    office = [day * 24 + hour - zone for day in range(5) for hour in range(9, 18)]
    start = weekend(hour % 168 for hour in office)
    assert is_within((5 * 24 + 12 - zone) % 168, start)
    assert is_within((6 * 24 + 18 - zone) % 168, start)
    assert not any(is_within(hour % 168, start) for hour in office)


def test_weeks_begin_on_monday() -> None:
    """The epoch was a Thursday at midnight."""
    assert hour_of_week(0) == 72
    assert orjson.loads(orjson.dumps(hour_of_week(4 * 86_400_000))) == 0


def test_an_hour_that_is_unusual_for_place_and_actor_is_told_once() -> None:
    """Of the place, which says more; of the actor where others deploy there then, also where that is told late."""
    place, actor = "unusual-deployment-hour", "unusual-deployment-hour-of-actor"
    (told,) = (one.rule.tests for one in measuring().rules if one.rule.id == place)
    *days, night = told[0].events
    earlier = {**night, "deployment.id": "bob", "user.name": "Bob", "minute": 66_000 - 8 * 1440, "key": "bob"}

    def found(*events: dict[str, Any]) -> list[tuple[str, str]]:
        world = World(rules=measuring())
        world.take(messages(events))
        return sorted((one["rule"]["id"], one["user"]["name"]) for one in world.findings())

    assert found(*days, night) == [(place, "Ann")]
    assert found(*days, earlier, night) == [(place, "Bob"), (actor, "Ann")]
    assert found(*days, night, earlier) == [(place, "Bob"), (actor, "Ann")]


def test_where_the_finding_about_the_place_is_excluded_the_actors_is_told() -> None:
    """What nobody is told does not stand for something else."""
    place = next(one.rule for one in measuring().rules if one.rule.id == "unusual-deployment-hour")
    exclusion = Exclusion(when="true", owner="ann", reason="known", expires=datetime(2027, 1, 1, tzinfo=UTC))
    others = [one.rule for one in measuring().rules if one.rule.id != place.id]
    world = World(rules=RuleSet.of([place.model_copy(update={"exclusions": (exclusion,)}), *others]))
    world.take(messages(place.tests[0].events))
    assert [one["rule"]["id"] for one in world.findings()] == ["unusual-deployment-hour-of-actor"]


RATE, OF_ACTOR, BURST = "unusual-override-rate", "unusual-override-rate-of-actor", "many-overrides"
BY_ID = {one.rule.id: one.rule for one in RuleSet.load().rules}
CALM = next(one.rule for one in measuring().rules if one.rule.id == RATE).tests[0].events[0]


def _overrides(every: int, *people: str) -> list[dict[str, Any]]:
    """Overrides after a calm time of sixty changes, by these in turn."""
    return [
        {
            "type": "policy.bypassed",
            "pipetrail.control": "branch protection",
            "user.name": who,
            "minute": 14_500 + number * every,
            "key": f"override {number}",
            "vcs.ref.head.revision": f"b{number:039x}",
        }
        for number, who in enumerate(people)
    ]


def _told(overrides: list[dict[str, Any]], *, without: str = "") -> list[tuple[str, str]]:
    world = World(rules=RuleSet.of([BY_ID[name] for name in (RATE, OF_ACTOR, BURST) if name != without]))
    world.take(messages([CALM, *overrides]))
    return sorted((one["rule"]["id"], one["user"]["name"]) for one in world.findings())


def test_overrides_of_one_actor_are_told_once() -> None:
    """As a burst where they come fast, else as the actor's rate; as the repository's where most are not one actor's."""
    fast, slow = _overrides(60, *["Ann"] * 8), _overrides(3 * 1440, *["Ann"] * 8)
    many = _overrides(60, "Bob", "Cem", "Dee", "Eve", "Bob", "Cem", "Dee", "Eve")
    assert _told(fast) == [(BURST, "Ann")]
    assert _told(fast, without=BURST) == [(OF_ACTOR, "Ann")]
    assert _told(slow, without=BURST) == [(OF_ACTOR, "Ann")]
    assert [rule for rule, _ in _told(many)] == [RATE]


def test_one_who_only_joins_in_does_not_make_it_another_story() -> None:
    """Most of the overrides that the repository's rate shows are Ann's, whoever made the last of them."""
    assert _told(_overrides(60, "Ann", "Ann", "Ann", "Ann", "Bob", "Ann", "Ann")) == [(BURST, "Ann")]


def test_a_rate_that_was_told_before_the_burst_was_known_is_withdrawn() -> None:
    """The events that make it one actor's burst come late; the finding about the rate says what it was withdrawn after."""
    overrides = _overrides(60, *["Ann"] * 4, "Bob", "Bob", *["Ann"] * 2)
    world = World(rules=RuleSet.of([BY_ID[name] for name in (RATE, BURST)]))
    world.take(messages([CALM, *overrides[:-2]]))
    assert [one["rule"]["id"] for one in world.findings()] == [RATE]
    world.take(list(messages([CALM, *overrides]))[-2:])
    assert [one["rule"]["id"] for one in world.findings()] == [BURST]
    (gone,) = world.findings("withdrawn")
    assert gone["rule"]["id"] == RATE
    assert gone["pipetrail"]["finding"]["correction"].startswith("withdrawn after policy.bypassed of 2026-01-")


def test_a_burst_that_is_excluded_stands_for_nothing() -> None:
    """Where somebody takes the burst upon them, what else is out of the ordinary is told."""
    exclusion = Exclusion(when="true", owner="ann", reason="known", expires=datetime(2027, 1, 1, tzinfo=UTC))
    burst = BY_ID[BURST].model_copy(update={"exclusions": (exclusion,)})
    world = World(rules=RuleSet.of([burst, BY_ID[RATE]]))
    world.take(messages([CALM, *_overrides(60, *["Ann"] * 8)]))
    assert [one["rule"]["id"] for one in world.findings()] == [RATE]
