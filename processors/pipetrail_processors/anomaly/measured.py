"""The rules that measure, and what an event carries of what they measure: which samples, for which series. Pure.

Several rules ask the same of an event: each value is worked out once, and so is whose it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pipetrail_processors.anomaly.carrier import Carrier
from pipetrail_processors.anomaly.durations import durations, started
from pipetrail_processors.anomaly.measure import MEASURES, Measure, SubjectOf, subject_of
from pipetrail_processors.anomaly.newest import Sample
from pipetrail_processors.anomaly.series import most_facts
from pipetrail_processors.anomaly.setting import Setting
from pipetrail_processors.correlate.nodes import Work
from pipetrail_processors.detect.ruleset import Compiled
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.trail.fact import Fact

# Measures that an event does not carry by itself: how many commits were deployed is known with the trail.
SIZE = MEASURES["deployment_size"]
_DURATION = MEASURES["build_duration"]


class Measured(NamedTuple):
    """A rule with its measure.

    Attributes:
        id: the rule's.
        subject: says whose history an event belongs to.
        samples: with fewer before it nothing is found of any.
        is_single: findings are about one sample each, of any value; else only what counts makes one.
        most_facts: of so many samples of a series facts are kept.
    """

    rule: Compiled
    setting: Setting
    measure: Measure
    id: str
    subject: SubjectOf
    samples: int
    is_single: bool
    most_facts: int

    def may_find(self, before: int, value: float) -> bool:
        """Whether anything may be found of a sample of that value, with so many before it. Of most there cannot."""
        return before >= self.samples and (self.is_single or bool(value))

    def series(self, fact: Fact, policy: Policy) -> str | None:
        """What the series is called that an event's sample belongs to; None where the event does not say."""
        subject = self.subject(fact, policy)
        return None if subject is None else f"{self.id} {subject}"


# A sample, by which rule, and the name of its series.
Taken = tuple[Measured, str, Sample]
# Runs and how long they took.
Lengths = Sequence[tuple[Fact, float]]


class Carried:
    """What the events of one type carry."""

    def __init__(self, kind: str, rules: Sequence[Measured], policy: Policy) -> None:
        """Make it.

        Args:
            kind: the type.
            rules: those that such an event may have a sample for, or start what has one, in the order in which they are asked.
            policy: says what the trunk is.
        """
        self._policy = policy
        self._lasting = [one for one in rules if one.measure is _DURATION]
        told = [one for one in rules if kind in one.rule.on]
        self._measures = list(dict.fromkeys(one.measure for one in told))
        self._subjects = list(dict.fromkeys(one.subject for one in told))
        self._told = [(one, self._measures.index(one.measure), self._subjects.index(one.subject)) for one in told]
        # Whether there is something to look for even where nothing is known to have lasted.
        self.is_more = any(one.measure is not _DURATION for one in told)

    def lengths(self, work: Work, fact: Fact) -> Lengths:
        """How long took what an event starts or ends: see `durations`."""
        return durations(work, fact) if self._lasting else ()

    def samples(self, fact: Fact, lengths: Lengths) -> list[Taken]:
        """What an event carries, with what `lengths` said when it was joined."""
        found: list[Taken] = []
        lasted = None
        for about, length in lengths:
            if about is fact:
                lasted = length
            else:
                found += self._started(about, length)
        carrier = Carrier(fact)
        samples: list[Sample | None] = []
        for measure in self._measures:
            value = lasted if measure is _DURATION else measure.value(fact)
            samples.append(None if value is None else carrier.sample(measure, value))
        subjects = [subject(fact, self._policy) for subject in self._subjects]
        for one, measure_at, subject_at in self._told:
            sample, subject = samples[measure_at], subjects[subject_at]
            if sample is not None and subject is not None:
                found.append((one, f"{one.id} {subject}", sample))
        return found

    def _started(self, about: Fact, length: float) -> list[Taken]:
        """What the end of a run carries whose start came after it."""
        carrier = Carrier(about)
        return [
            (one, name, carrier.sample(one.measure, length))
            for one in self._lasting
            if about["e"]["type"] in one.rule.on and (name := one.series(about, self._policy))
        ]


def measured(rules: Iterable[Compiled]) -> dict[str, Measured]:
    """Those of the rules that measure, by id. Those that say more (`replaces`) come first."""
    found = {}
    for rule in sorted(rules, key=lambda rule: not rule.rule.replaces):
        if (setting := rule.rule.measure) is not None:
            measure, subject = MEASURES[setting.name], subject_of(setting.name, rule.rule.over)
            samples, span = setting.samples, measure.span
            found[rule.rule.id] = Measured(rule, setting, measure, rule.rule.id, subject, samples, span == 1, most_facts(span))
    return found


def by_type(rules: Iterable[Measured], policy: Policy) -> Mapping[str, Carried]:
    """What events carry, by their type. How long something took is known with its start, too, should that be told later."""
    asked: dict[str, list[Measured]] = {}
    for one in rules:
        if one.measure is SIZE:
            continue
        starts = {started(kind) for kind in one.rule.on} if one.measure is _DURATION else set()
        for kind in {*one.rule.on, *starts}:
            asked.setdefault(kind, []).append(one)
    return {kind: Carried(kind, those, policy) for kind, those in asked.items()}
