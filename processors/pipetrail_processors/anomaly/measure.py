"""The measures: which events carry one, whose history it belongs to, what its value is, and how it is judged. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import NamedTuple

from pipetrail_processors.anomaly import hour, level, newcomer, rate
from pipetrail_processors.anomaly.series import WINDOW, Series, Slot, key_of
from pipetrail_processors.anomaly.setting import MeasureName, Setting
from pipetrail_processors.anomaly.verdict import DAY_HOURS, HOUR_MS, Verdict, hour_of_week
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.trail.fact import Fact

_FAILED = frozenset({"failure", "error", "timeout"})
_BOTS = frozenset({"app", "service_account", "system", "api_key"})
_RUNS = frozenset({"build.finished", "testsuiterun.finished", "pipelinerun.finished", "taskrun.finished"})
_DELIVERIES = frozenset({"change.merged", "build.finished", "deployment.finished"})
_OVERRIDES = frozenset({"policy.bypassed", "taskrun.skipped"})
_DEPLOYMENT = "deployment.finished"

# Within its repository, whose history an event belongs to; None where it does not say.
SubjectOf = Callable[[Fact, Policy], str | None]


class Measure(NamedTuple):
    """One measure.

    Attributes:
        over: whose history it may be about: repository, environment or actor.
        types: the types of events that carry it.
        value: of an event; None where it says nothing. What `build_duration` and `deployment_size` are is not known from the
            event alone: see `durations`, `graph.streams`.
        judge: whether the sample at a place of a series is out of the ordinary.
        slot: what of a series' older samples stand for each other.
        span: so many samples are what one finding is about; of several only those that count (1.0) are shown.
    """

    over: frozenset[str]
    types: frozenset[str]
    value: Callable[[Fact], float | None]
    judge: Callable[[Series, int, Setting], Verdict | None]
    slot: Slot
    span: int = 1


def subject_of(name: MeasureName, over: str) -> SubjectOf:
    """What says whose history of a measure an event belongs to, where the rule is over this."""
    if over == "actor":
        return _actor_subject
    if over == "environment":
        return _environment_subject
    return _repository_subject if name == "override_rate" else _run_subject


def _actor_subject(fact: Fact, _: Policy) -> str | None:
    return actor_of(fact)


def _environment_subject(fact: Fact, _: Policy) -> str | None:
    environment = fact["e"].get("environment")
    return None if environment is None else f"{environment} {fact.get('v', '')}"


def _repository_subject(_: Fact, __: Policy) -> str | None:
    return ""


def _run_subject(fact: Fact, policy: Policy) -> str | None:
    """What ran, of which pipeline and task, and whether on the trunk."""
    kind: str = fact["e"]["type"]
    run = fact.get("k")
    if not run:
        return kind
    head = fact["w"].get("head", {}) if "w" in fact else {}
    where = "trunk" if head.get("type") != "tag" and policy.is_trunk(head.get("name", "")) else ""
    return f"{kind} {run} {where}"


def actor_of(fact: Fact) -> str | None:
    """Who did it, as one text; None where nobody is named."""
    actor = fact["e"].get("actor", {})
    name: str | None = actor.get("id") or actor.get("email") or actor.get("name")
    return name.casefold() if name else None


@lru_cache(maxsize=256)  # several measures of an event ask, and it was recorded when others were
def time_ms(time: str) -> int:
    """Milliseconds since 1970 of a canonical time."""
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def _failed(fact: Fact) -> float | None:
    result = fact["e"].get("result")
    return 1.0 if result in _FAILED else 0.0 if result == "success" else None


def _override(fact: Fact) -> float | None:
    entry = fact["e"]
    if entry["type"] == "policy.bypassed":
        return 1.0
    if entry["type"] == "taskrun.skipped":
        on_purpose = entry.get("skip") == "on_purpose" and "s" in fact and entry.get("actor_type") not in _BOTS
        return 1.0 if on_purpose else None
    return 0.0


def _hour(fact: Fact) -> float | None:
    if fact["e"].get("result") == "skip":
        return None
    return hour_of_week(time_ms(fact["e"]["time"]))


def _actor(fact: Fact) -> float | None:
    name = actor_of(fact) if fact["e"].get("result") != "skip" else None
    return _number_of(name) if name else None


@lru_cache(maxsize=1024)  # people; some are asked about with each deployment
def _number_of(name: str) -> float:
    # As many bits as a float has exactly.
    return float(key_of(name) >> 12)


def _unknown(_: Fact) -> float | None:
    return None


_EACH_HOUR, _EACH_WEEK = Slot(HOUR_MS), Slot(7 * DAY_HOURS * HOUR_MS, each_value=True)
_ENVIRONMENT, _REPOSITORY = frozenset({"environment"}), frozenset({"repository"})
_DEPLOYED = frozenset({_DEPLOYMENT})
MEASURES: Mapping[str, Measure] = {
    "build_duration": Measure(_REPOSITORY, _RUNS, _unknown, partial(level.judge, level.DURATION), _EACH_HOUR),
    "deployment_size": Measure(_ENVIRONMENT, _DEPLOYED, _unknown, partial(level.judge, level.SIZE), _EACH_HOUR),
    "failure_rate": Measure(_REPOSITORY | _ENVIRONMENT, _RUNS | _DEPLOYED, _failed, rate.judge, _EACH_HOUR, WINDOW),
    "override_rate": Measure(
        frozenset({"repository", "actor"}), _DELIVERIES | _OVERRIDES, _override, rate.judge, _EACH_HOUR, WINDOW
    ),
    "deployment_hour": Measure(frozenset({"environment", "actor"}), _DEPLOYED, _hour, hour.judge, _EACH_HOUR),
    "first_deployment": Measure(_ENVIRONMENT, _DEPLOYED, _actor, newcomer.judge, _EACH_WEEK),
}
