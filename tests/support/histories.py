"""Generated histories of deliveries with planted anomalies, and how well findings tell them: precision and recall.

A history is what a team makes in weeks: changes, builds of changes and of the trunk, a nightly run, deployments. It has what
makes real ones hard to judge: hours and time zones, busy afternoons, cold caches, drift, failures that come in bursts, large
Mondays, an override now and then, somebody who deploys in the evening. Everything follows from the seed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple

import orjson
from pipetrail_processors.detect.labelled import START, messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.state.state import MemoryState
from pipetrail_schemas.times import parse_time
from pipetrail_schemas.topics import FINDINGS

Event = dict[str, Any]

WEEKS = 24
# Until then nothing is planted that wants a history; what wants a long one comes later.
_LEARNED, _LEARNED_WELL = 8, 16
_DAY, _WEEK = 24 * 60, 7 * 24 * 60
_HEADERS = (("content-type", b"application/cloudevents+json"),)
_PEOPLE = ("Ann", "Bob", "Cem")
_WEIGHTS = (5, 4, 2)
MEASURED = (
    "unusual-build-duration",
    "unusual-failure-rate",
    "unusual-deployment-failures",
    "unusual-override-rate",
    "unusual-override-rate-of-actor",
    "unusual-deployment-size",
    "unusual-deployment-hour",
    "unusual-deployment-hour-of-actor",
    "first-deployment",
)


class Plant(NamedTuple):
    """Something out of the ordinary: which rule is to find it, where, and between which minutes."""

    rule: str
    repository: str
    first: float
    last: float


@dataclass
class History:
    """Events in order of time, and what was planted among them."""

    events: list[Event] = field(default_factory=list)
    plants: list[Plant] = field(default_factory=list)


class Score(NamedTuple):
    """How well findings tell what was planted: found and missed plants, and findings about nothing."""

    found: int
    missed: int
    false: int

    @property
    def precision(self) -> float:
        """The share of the findings that are about something."""
        return self.found / (self.found + self.false) if self.found + self.false else 1.0

    @property
    def recall(self) -> float:
        """The share of what was planted that was found."""
        return self.found / (self.found + self.missed) if self.found + self.missed else 1.0


class Team:
    """One repository and those who work on it."""

    def __init__(self, seed: int, weeks: int, *, planted: bool) -> None:
        self._random = Random(seed)  # noqa: S311 - a history, not a secret
        self._weeks = weeks
        self._planted = planted
        self._repository = f"https://git.example/acme/shop-{seed}"
        self._zone = self._random.choice((-480, -300, 0, 60, 330, 540))
        self._pace = self._random.choice((4, 6, 9))  # changes a working day
        self._usual_ms = self._random.choice((90, 480, 1500)) * 1000
        self._spread = self._random.uniform(0.08, 0.2)
        self._fails = self._random.uniform(0.02, 0.1)
        self._commits = 0
        self._was_bad = False
        self.history = History()

    def work(self) -> History:
        """The team's history."""
        for week in range(self._weeks):
            special = self._specials(week)
            for day in range(7):
                start = week * _WEEK + day * _DAY - 540 - self._zone
                if day < 5:
                    self._working_day(start, special.get(day, ""))
                elif self._random.random() < 0.02:
                    self._change(start + 840)
                self._nightly(start + 120)
            self._around_the_clock(week * _WEEK)
        self.history.events.sort(key=lambda event: event["minute"])
        return self.history

    def _specials(self, week: int) -> dict[int, str]:
        """What is planted on which working day of a week: one thing a week and kind, so that each stands alone."""
        if not self._planted or week < _LEARNED:
            return {}
        early = ("slow", "quick", "failures", "large", "newcomer", "overrides", "deployments fail")
        kinds = (*early, "night") if week >= _LEARNED_WELL else early
        chosen = kinds[week % len(kinds)]
        other = kinds[(week + 3) % len(kinds)]
        # Weeks apart: of two nights within one, the second is no news.
        return {1: chosen, 3: "strange night" if other == "night" else other}

    def _working_day(self, start: float, special: str) -> None:
        hours = sorted(self._random.gauss(13, 2.2) for _ in range(self._pace))
        if self._random.random() < 0.15:
            hours.append(self._random.uniform(18, 20.5))
        changes = [start + 60 * hour for hour in hours]
        for minute in changes:
            self._change(minute, factor=1 + 0.25 * (13 <= (minute - start) / 60 <= 17))
        last = changes[-1]
        if special in {"slow", "quick"}:
            factor = 6.0 if special == "slow" else 1 / 8
            self._plant("unusual-build-duration", last + 8, 30 + 2 * factor * self._usual_ms / 60_000)
            self._build(last + 9, "ci", factor=factor, certain=True)
        elif special == "failures":
            self._plant("unusual-failure-rate", last, _DAY)
            for number in range(18):
                self._build(last + 10 + 8 * number, "ci", result="failure" if number % 7 else "success")
        elif special == "overrides":
            self._overrides(last + 5)
        elif special == "large":
            self._many_commits(last)
        self._deployments(start, hours, special)

    def _deployments(self, start: float, hours: list[float], special: str) -> None:
        for hour in (11, 15, *((hours[-1] + 0.5,) if hours[-1] > 17 else ())):
            self._deploy(start + 60 * hour + self._random.uniform(-40, 60))
        if special == "large":
            last = start + 60 * hours[-1]
            self._plant("unusual-deployment-size", last, 30)
            self._deploy(last + 5, certain=True)
        elif special == "newcomer":
            self._plant("first-deployment", start + 14 * 60, 30)
            self._deploy(start + 14 * 60 + 5, who=f"new {start}")
        elif special == "deployments fail":
            self._plant("unusual-deployment-failures", start + 13 * 60, 300)
            for number in range(14):
                self._deploy(start + 13 * 60 + 20 * number, who="Ann", result="failure" if number % 7 else "success")
        elif special == "night":
            self._plant("unusual-deployment-hour", start + 27 * 60 - 30, 120)
            self._deploy(start + 27 * 60, who="Ann")
        elif special == "strange night":
            # Where a bot deploys around the clock the hour says nothing of the place, and all the more of her.
            self._plant("unusual-deployment-hour-of-actor", start + 27 * 60 - 30, 120)
            self._deploy(start + 27 * 60, who="Ann", environment="staging")

    def _change(self, minute: float, factor: float = 1.0) -> None:
        who = self._person()
        self._commit(minute)
        commit = f"{self._commits:040x}"
        self._tell("change.merged", minute + 0.1, commit, {"vcs.change.id": str(self._commits)}, who)
        for number in range(self._random.choice((0, 1, 2))):
            failing = "failure" if self._random.random() < 3 * self._fails else "success"
            self._build(minute - 60 - 20 * number, "ci", commit=f"f{self._commits:038x}{number}", branch="wip", result=failing)
        self._build(minute + 1, "ci", commit=commit, factor=factor)
        if self._random.random() < 0.02:
            self._tell("policy.bypassed", minute + 0.05, commit, {"pipetrail.control": "branch protection"}, who)

    def _commit(self, minute: float) -> None:
        self._commits += 1
        commit, parent = f"{self._commits:040x}", f"{self._commits - 1:040x}"
        about = {"message": "Do it", "parents": [parent]}
        self._tell("commit.recorded", minute, commit, {"pipetrail.commit": about, "vcs.ref.head.name": "main"})

    def _build(
        self,
        minute: float,
        pipeline: str,
        *,
        commit: str = "",
        branch: str = "main",
        result: str = "",
        factor: float = 1.0,
        certain: bool = False,
    ) -> None:
        if not result:
            bad = self._random.random() < (0.35 if self._was_bad else self._fails)
            self._was_bad = bad and not certain
            result = "failure" if self._was_bad else "success"
        cold = 1.0 if certain or self._random.random() > 0.05 else 2.5
        drift = 1 + 0.2 * minute / (self._weeks * _WEEK)
        usual = self._usual_ms * (4 if pipeline == "nightly" else 1)
        took = usual * self._random.lognormvariate(0, self._spread) * factor * cold * drift
        if result == "failure":
            took *= self._random.random()
        self._tell(
            "build.finished",
            minute + took / 60_000 * (branch == "main"),
            commit or f"{self._commits:040x}",
            {
                "cicd.pipeline.name": pipeline,
                "vcs.ref.head.name": branch,
                "pipetrail.result": result,
                "event.duration": int(took * 1e6),
            },
        )

    def _nightly(self, minute: float) -> None:
        self._build(minute, "nightly")

    def _around_the_clock(self, start: float) -> None:
        """A bot keeps staging up to date, and Ann looks at something there once a week."""
        for number in range(24):
            self._deploy(start + 7 * 60 * number, who="deployer", certain=True, environment="staging")
        self._deploy(start + 13 * 60 - 540 - self._zone, who="Ann", certain=True, environment="staging")

    def _deploy(
        self, minute: float, *, who: str = "", result: str = "", certain: bool = False, environment: str = "prod"
    ) -> None:
        failed = not certain and self._random.random() < 0.03
        ours = environment == "prod"  # what is tried elsewhere are commits of their own, of which nobody tells
        self._tell(
            "deployment.finished",
            minute,
            "" if ours else f"e{len(self.history.events):039x}",
            {
                "deployment.environment.name": environment,
                "deployment.id": f"{len(self.history.events)}",
                "pipetrail.result": result or ("failure" if failed else "success"),
                "latest": ours,
            },
            who or self._person(),
        )

    def _overrides(self, minute: float) -> None:
        """Many once each, which is about the repository, and then Bob, again and again."""
        for rule in ("unusual-override-rate", "unusual-override-rate-of-actor"):
            self._plant(rule, minute, _DAY)
        for number, who in enumerate([*(f"guest {number}" for number in range(6)), *["Bob"] * 10]):
            what = {"pipetrail.control": "branch protection"}
            self._tell("policy.bypassed", minute + 3 * number, f"{self._commits:040x}", what, who)

    def _many_commits(self, minute: float) -> None:
        for number in range(self._random.randint(60, 120)):
            self._commit(minute + 0.2 + number * 0.01)

    def _person(self) -> str:
        return self._random.choices(_PEOPLE, _WEIGHTS)[0]

    def _plant(self, rule: str, minute: float, lasts: float) -> None:
        self.history.plants.append(Plant(rule, self._repository, minute, minute + lasts))

    def _tell(self, kind: str, minute: float, commit: str, fields: Event, who: str = "") -> None:
        event = {
            "type": kind,
            "minute": minute,
            "key": f"{self._repository} {len(self.history.events)}",
            "vcs.repository.url.full": self._repository,
            "partitionkey": self._repository,
            "vcs.ref.head.revision": commit,
            **fields,
        }
        if who:
            event["user.name"] = who
        self.history.events.append(event)


def history(seeds: Iterable[int], *, weeks: int = WEEKS, planted: bool = True) -> History:
    """The histories of the teams of these seeds, one after the other."""
    whole = History()
    for seed in seeds:
        team = Team(seed, weeks, planted=planted).work()
        whole.events += _deployed(team.events)
        whole.plants += team.plants
    return whole


def measuring() -> RuleSet:
    """The built-in rules that measure, as they come."""
    return RuleSet.of([compiled.rule for compiled in RuleSet.load().rules if compiled.rule.measure])


def judged(told: History) -> list[Event]:
    """What the built-in rules find in a history."""
    return findings(messages(told.events), measuring())


def findings(values: Iterable[bytes], rules: RuleSet) -> list[Event]:
    """The findings that are open in the end, in order of time.

    Args:
        values: events as messages, of repositories' own only.
        rules: by which to judge.
    """
    pipeline, state = Pipeline(policy=Policy(), rules=rules, alias_wait=timedelta(minutes=10)), MemoryState()
    latest: dict[bytes, Event] = {}
    for value in values:
        for output in pipeline.on_event(value, _HEADERS, state):
            if output.topic is FINDINGS:
                latest[output.key] = orjson.loads(output.value or b"")
    found = [one for one in latest.values() if one["pipetrail"]["finding"]["status"] == "open"]
    return sorted(found, key=lambda one: (one["@timestamp"], one["event"]["id"]))


def scores(told: History, found: Iterable[Event]) -> dict[str, Score]:
    """By rule, how well its findings tell what was planted. One finding is about one plant."""
    hits: Counter[str] = Counter()
    false: Counter[str] = Counter()
    open_plants = list(told.plants)
    for finding in found:
        rule = finding["rule"]["id"]
        plant = next((one for one in open_plants if _is_about(one, finding)), None)
        if plant:
            open_plants.remove(plant)
        (hits if plant else false)[rule] += 1
    missed = Counter(plant.rule for plant in open_plants)
    return {rule: Score(hits[rule], missed[rule], false[rule]) for rule in MEASURED}


def total(each: dict[str, Score]) -> Score:
    """All of them together."""
    return Score(*(sum(column) for column in zip(*each.values(), strict=True)))


def table(each: dict[str, Score]) -> Iterator[str]:
    """The scores for people."""
    yield f"{'rule':34}{'planted':>9}{'found':>7}{'false':>7}{'precision':>11}{'recall':>8}"
    for name, score in [*each.items(), ("in all", total(each))]:
        planted = score.found + score.missed
        yield f"{name:34}{planted:>9}{score.found:>7}{score.false:>7}{score.precision:>11.2f}{score.recall:>8.2f}"


def _is_about(plant: Plant, finding: Event) -> bool:
    minute = (parse_time(finding["@timestamp"]) - START) / timedelta(minutes=1)
    where = finding["vcs"]["repository"]["url"]["full"]
    return (plant.rule, plant.repository) == (finding["rule"]["id"], where) and plant.first <= minute <= plant.last


def _deployed(events: list[Event]) -> Iterator[Event]:
    """Deployments are of the latest commit before them."""
    latest = f"{0:040x}"
    for event in events:
        if event["type"] == "commit.recorded":
            latest = event["vcs.ref.head.revision"]
        if event.pop("latest", False):
            event["vcs.ref.head.revision"] = latest
        yield event
