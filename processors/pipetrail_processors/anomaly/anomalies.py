"""Judging events against the history before them: each goes into the series of its measures, and is judged by those.

A verdict is a function of the samples before it by event time. A late sample has those after it judged anew, up to `JUDGED`;
what they say then is published as corrected or withdrawn. What is out of the ordinary among others that are is no new finding.
Nor is what another rule `replaces`: where that one, of a measure or of a dossier, finds most of the same events. Events that
carry no measure cost one look into a table.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
from pipetrail_schemas import ids
from pipetrail_schemas.times import format_time

from pipetrail_processors.anomaly.carrier import Carrier
from pipetrail_processors.anomaly.measured import SIZE, Carried, Lengths, Measured, by_type, measured
from pipetrail_processors.anomaly.newest import Sample
from pipetrail_processors.anomaly.ordinary import followed
from pipetrail_processors.anomaly.series import (
    JUDGED,
    NEWEST,
    QUIET,
    QUIET_ALONE,
    QUIET_ALONE_MS,
    Series,
    Slot,
    key_of,
    name_of,
)
from pipetrail_processors.anomaly.told import Told
from pipetrail_processors.anomaly.verdict import Verdict
from pipetrail_processors.anomaly.view import MeasureView
from pipetrail_processors.correlate.nodes import Work
from pipetrail_processors.detect.case import Case, View
from pipetrail_processors.detect.hit import Hit, hit_of
from pipetrail_processors.detect.ruleset import Compiled, RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.output import Output
from pipetrail_processors.state.retention import Entry, enqueue
from pipetrail_processors.state.state import State
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.summary import Subject
from pipetrail_processors.watch.cases import candidates
from pipetrail_processors.watch.dossier import dossier_of, keys_of

_PREFIX = "series:"
_STORIES = frozenset({"repository", "actor"})
_ROUND = b"y"  # that under which a round's series are held; none of the state's keys


class _Round:
    """What a round's events carry, to be judged when it ends, and the series at hand. Nothing of it is written."""

    def __init__(self, _: State) -> None:
        # What was being taken in, the day of its recording, and what it is and carries.
        self.waiting: list[tuple[str, int | None, Carried, Fact, Lengths]] = []
        # Those that were read, as they are held, by name.
        self.series: dict[str, Series] = {}

    def save(self) -> None:
        """There is nothing to write."""


class Anomalies:
    """Keeps series and judges them. Keeps nothing between calls but policy and rules."""

    def __init__(self, policy: Policy, rules: RuleSet) -> None:
        self._policy = policy
        self._by_rule = measured(rules.rules)
        self._by_type = by_type(self._by_rule.values(), policy)
        self._sizes = [one for one in self._by_rule.values() if one.measure is SIZE]
        # By rule: those that say the same of an event, and more, and those that it says more than.
        self._replacing: dict[str, list[Measured]] = {}
        self._replaced: dict[str, list[Measured]] = {}
        # The same of rules over the dossiers of repositories and actors, in which a measure's events are, too.
        self._stories: dict[str, list[Compiled]] = {}
        for rule in rules.replacing:
            self._find_replaced(rule)

    def _find_replaced(self, rule: Compiled) -> None:
        replacing = self._by_rule.get(rule.rule.id)
        for other in (self._by_rule[name] for name in rule.rule.replaces if name in self._by_rule):
            if replacing:
                self._replacing.setdefault(other.id, []).append(replacing)
            elif rule.rule.over in _STORIES:
                self._stories.setdefault(other.id, []).append(rule)
            else:
                continue
            self._replaced.setdefault(rule.rule.id, []).append(other)

    def on_event(self, work: Work, fact: Fact) -> None:
        """Take in an event, to be judged when the round ends (`judge`).

        Args:
            work: the nodes of the repository, with the event joined.
            fact: of the event.
        """
        carried = self._by_type.get(fact["e"]["type"])
        if not carried or not work.repository:
            return
        lengths = carried.lengths(work, fact)
        if lengths or carried.is_more:
            work.held(_ROUND, _Round).waiting.append((work.cause, work.day, carried, fact, lengths))

    def judge(self, work: Work) -> list[Output]:
        """The round ends, and what its events told of dossiers is judged: judge what they measured. Returns findings."""
        together, state = work.held(_ROUND, _Round), work.state
        outputs: list[Output] = []
        for work.cause, day, carried, fact, lengths in together.waiting:
            work.begin(day)
            for one, name, sample in carried.samples(fact, lengths):
                if name not in together.series:
                    key = name_of(work.repository, name)
                    value = state.get(key)
                    if value and (longer := followed(value, one, sample, day or 0)):
                        state.set(key, longer)
                        continue
                    _hold(work, one, name, key, value)
                outputs += self._take(work, one, name, sample)
        together.waiting.clear()
        return outputs

    def on_findings(self, work: Work, told: Iterable[Output]) -> list[Output]:
        """Findings about dossiers were published: what they say more than is judged anew. Returns findings.

        Args:
            work: the nodes of the repository.
            told: the findings.
        """
        if not (self._stories and work.repository):
            return []
        outputs: list[Output] = []
        for document in (orjson.loads(output.value or b"") for output in told):
            if others := self._replaced.get(document["rule"]["id"]):
                outputs += self._judge_about(work, others, _shown_facts(work, document))
        return outputs

    def on_trail(self, work: Work, key: str, *, again: bool) -> list[Output]:
        """A trail was published: how many commits its deployments carried may have changed. Returns findings.

        Args:
            work: the nodes of the repository.
            key: of the trail's node.
            again: it was published because something was told again.
        """
        node = work.node(key)
        carried, told = node.get("j"), node.get("s")
        if not work.repository or not (carried or told):
            return []
        counts = {event_id: float(sums[5]) for event_id, sums in (carried or {}).items() if sums[3] == "known" and sums[5]}
        known: dict[str, float] = told or {}
        if counts != known:
            work.change(key)["s"] = counts
        outputs: list[Output] = []
        for event_id in sorted(counts.keys() | known.keys()):
            fact = node.get("f", {}).get(event_id)
            if fact is None or not (again or counts.get(event_id) != known.get(event_id)):
                continue
            outputs += self._take_sizes(work, fact, counts.get(event_id), again=again)
        return outputs

    def is_due(self, work: Work, key: str, day: int) -> bool:
        """Whether the key is of a series; it is removed where nothing was recorded of it since the day, else queued anew."""
        if not key.startswith(_PREFIX):
            return False
        name = key.removeprefix(_PREFIX)
        one = self._by_rule.get(name.partition(" ")[0])
        kept = name_of(work.repository, name)
        series = Series(work.state, kept, work.state.get(kept), one.measure.slot if one else Slot(1))
        if series.is_new:
            return True
        if series.newest.day < day:
            series.forget()
            Told(work, self._policy, name).forget()
        else:
            enqueue(work.state, series.newest.day, [Entry(work.repository, key)])
        return True

    def _take_sizes(self, work: Work, fact: Fact, count: float | None, *, again: bool) -> list[Output]:
        """How many commits a deployment carried, None where that is not known any more."""
        carrier = Carrier(fact)
        outputs: list[Output] = []
        for one in self._sizes:
            if not (name := one.series(fact, self._policy)):
                continue
            if count is None:
                outputs += self._correct(work, one, name, carrier.key, again=again)
            else:
                outputs += self._take(work, one, name, carrier.sample(one.measure, count), again=again)
        return outputs

    def _take(self, work: Work, one: Measured, name: str, sample: Sample, *, again: bool = False) -> list[Output]:
        """Put a sample into its series, and say what that changes."""
        series = self._series(work, one, name)
        newest = series.newest
        place = newest.append(sample)
        if place is None:
            return self._correct(work, one, name, sample, again=again)
        if newest.holds or (one.may_find(series.size(place), sample.value) and one.measure.judge(series, place, one.setting)):
            return self._follow(work, one, name, place, before=self._found(one, series), again=again)
        _keep(work, name, series, place)
        return []

    def _correct(self, work: Work, one: Measured, name: str, change: Sample | int, *, again: bool) -> list[Output]:
        """As `_take`, where a sample is not simply the next one, or where the one with a key is to be removed."""
        series = self._series(work, one, name)
        before = self._found(one, series)
        place = series.drop(change) if isinstance(change, int) else series.put(change)
        if place is None:
            return Told(work, self._policy, name).again() if series.newest.holds else []
        return self._follow(work, one, name, place, before=before, again=again)

    def _follow(self, work: Work, one: Measured, name: str, place: int, *, before: set[int], again: bool) -> list[Output]:
        """Judge a series that has changed from a place on, and what is replaced by what is found there."""
        series = self._series(work, one, name)
        outputs = self._judge(work, one, name, series, place, again=again)
        _keep(work, name, series, place)
        if one.id in self._replaced:
            outputs += self._judge_replaced(work, one, series, before)
        return outputs

    def _found(self, one: Measured, series: Series) -> set[int]:
        """What is out of the ordinary as far as it has been judged, where that stands for something else."""
        return _flagged(series) if one.id in self._replaced else set()

    def _series(self, work: Work, one: Measured, name: str) -> Series:
        at_hand = work.held(_ROUND, _Round).series
        series = at_hand.get(name)
        if series is None:
            key = name_of(work.repository, name)
            series = _hold(work, one, name, key, work.state.get(key))
        return series

    def _judge(self, work: Work, one: Measured, name: str, series: Series, place: int, *, again: bool = False) -> list[Output]:
        """Judge the samples from a place on, and say what that changes."""
        found = _judged(series, one, place)
        if not (found or series.newest.holds):
            return []
        hits = []
        for at, verdict in found:
            facts = _facts(series, at, verdict)
            hits += [(hit, at) for hit in self._hits(work, one, facts, verdict) if not self._is_replaced(work, one, hit, facts)]
        return Told(work, self._policy, name).correct(series, place, hits, again=again)

    def _judge_from(self, work: Work, one: Measured, name: str, keys: Collection[int]) -> list[Output]:
        """Judge anew from the first of these samples on, where there is any."""
        series = self._series(work, one, name)
        place = next((at for at, key in enumerate(series.key) if key in keys), None)
        if place is None:
            return []
        work.alter(series.name)
        return self._judge(work, one, name, series, place)

    def _judge_about(self, work: Work, others: Iterable[Measured], facts: Sequence[Fact]) -> list[Output]:
        """Judge by these measures anew from the first of the facts on, each in the series that it belongs to."""
        outputs: list[Output] = []
        for other in others:
            about: dict[str, set[int]] = {}
            for fact in facts:
                if name := other.series(fact, self._policy):
                    about.setdefault(name, set()).add(key_of(fact["e"]["event_id"]))
            for name, keys in sorted(about.items()):
                outputs += self._judge_from(work, other, name, keys)
        return outputs

    def _judge_replaced(self, work: Work, one: Measured, series: Series, before: set[int]) -> list[Output]:
        """A sample altered what the rule finds out of the ordinary: what it says more than is judged anew."""
        changed = before ^ _flagged(series)
        if not changed:
            return []
        span, keys = one.measure.span, series.key
        # What is found of a sample is about those before it.
        shown = (series.newest.fact(at) for at in range(len(keys)) if changed.intersection(keys[at : at + span]))
        return self._judge_about(work, self._replaced[one.id], [fact for fact in shown if fact])

    def _is_replaced(self, work: Work, one: Measured, hit: Hit, facts: Sequence[Fact]) -> bool:
        """Whether another rule says the same of most of what a finding shows, and more."""
        if not facts or hit.status != "open":
            return False
        name = one.id
        told = any(self._tells(work, story, facts) for story in self._stories.get(name, ()))
        return told or any(self._measures(work, other, facts) for other in self._replacing.get(name, ()))

    def _tells(self, work: Work, story: Compiled, facts: Sequence[Fact]) -> bool:
        """Whether the rule finds most of these in one dossier, whether that has been judged yet or not."""
        events = {fact["e"]["event_id"] for fact in facts}
        for key in {key for fact in facts for what, key in keys_of(fact) if what == story.rule.over}:
            view = View(_subject(work), dossier_of(work, work.repository, key).facts, self._policy)
            try:
                cases = [case for case in candidates(story, view) if story.spans or story.when.holds(case)]
            except ValueError:  # what cannot be judged stands for nothing
                continue
            for case in cases:
                shown = events.intersection(fact["e"]["event_id"] for fact in case.facts)
                accepted = story.exclusion(case)
                if 2 * len(shown) > len(events) and not (accepted and accepted.in_force):
                    return True
        return False

    def _measures(self, work: Work, other: Measured, facts: Sequence[Fact]) -> bool:
        """Whether the rule finds most of these in one series of its own, with what is found there at any of them or after."""
        names = Counter(name for name in (other.series(fact, self._policy) for fact in facts) if name)
        name, count = max(names.items(), key=itemgetter(1), default=("", 0))
        if 2 * count <= len(facts):
            return False
        series = self._series(work, other, name)
        keys = {key_of(fact["e"]["event_id"]) for fact in facts}
        places = [at for at, key in enumerate(series.key) if key in keys]
        span = other.measure.span
        for at in range(places[-1], min(places[-1] + span, len(series.newest))) if places else ():
            verdict = other.measure.judge(series, at, other.setting)
            if verdict is None or (span == 1 and _among_others(series, at, span)):
                continue
            if any(hit.status == "open" for hit in self._hits(work, other, _facts(series, at, verdict), verdict)):
                return True
        return False

    def _hits(self, work: Work, one: Measured, facts: Sequence[Fact], verdict: Verdict) -> Iterator[Hit]:
        """The finding about the first of the facts, unless the rule's condition does not hold for it."""
        if not facts:
            return
        case = Case(MeasureView(_subject(work), facts, self._policy, verdict), facts)
        try:
            problem = "" if one.rule.when.holds(case) else None
        except ValueError as exc:
            problem = str(exc)
        if problem is not None:
            hit = hit_of(one.rule, case, problem)
            hit.document["pipetrail"]["finding"]["measure"] = _shown(one, verdict)
            yield hit


def _hold(work: Work, one: Measured, name: str, key: bytes, value: bytes | None) -> Series:
    """The series of what the state has of it under its key, to be written with the round."""
    series = work.held(key, Series, key, value, one.measure.slot, one.measure.span)
    work.held(_ROUND, _Round).series[name] = series
    return series


def _facts(series: Series, place: int, verdict: Verdict) -> list[Fact]:
    """What a finding about the sample at a place shows: its event and those before it that count; none where it is gone."""
    fact = series.newest.fact(place)
    if fact is None:
        return []
    others = (series.newest.fact(at) for at in range(max(0, place - verdict.span + 1), place) if series.value[at])
    return [fact, *(other for other in others if other)]


def _keep(work: Work, name: str, series: Series, place: int) -> None:
    """Have a series written that has changed from a place on."""
    newest, day = series.newest, work.day or 0
    newest.day = max(newest.day, day)
    if series.is_new:
        enqueue(work.state, day, [Entry(work.repository, _PREFIX + name)])
        series.is_new = False
    if len(newest) > NEWEST:
        series.trim(place)
    work.alter(series.name)


def _judged(series: Series, one: Measured, place: int) -> list[tuple[int, Verdict]]:
    """What is out of the ordinary from a place on, each with the first of those that are together only."""
    count = len(series.newest)
    found = []
    for at in range(max(place, count - JUDGED - QUIET, 0), count):
        verdict = one.measure.judge(series, at, one.setting)
        series.newest.flag(at, flagged=verdict is not None)
        if verdict and at >= count - JUDGED and not _among_others(series, at, one.measure.span):
            found.append((at, verdict))
    return found


def _flagged(series: Series) -> set[int]:
    """The samples that were out of the ordinary when they were judged, by key."""
    return {key for key, flag in zip(series.key, series.flag, strict=True) if flag} if series.newest.any_flag() else set()


def _among_others(series: Series, place: int, span: int) -> bool:
    """Whether it goes on with what has been found: what is about many events ends with as many, what is about one in a week."""
    if span > 1:
        return any(series.flag[max(0, place - span) : place])
    earliest = series.ms[place] - QUIET_ALONE_MS
    return any(series.flag[at] and series.ms[at] >= earliest for at in range(max(0, place - QUIET_ALONE), place))


def _shown(one: Measured, verdict: Verdict) -> dict[str, Any]:
    return {
        "name": one.setting.name,
        "value": verdict.value,
        "normal": verdict.normal,
        "samples": verdict.samples,
        "since": _time(verdict.since_ms),
        "score": int(verdict.score),
    }


def _time(ms: int) -> str:
    return format_time(datetime.fromtimestamp(ms / 1000, UTC))


def _shown_facts(work: Work, document: Mapping[str, Any]) -> list[Fact]:
    """What is kept of the events that a finding about the repository or an actor shows."""
    evidence = document["pipetrail"]["finding"]["evidence"]
    about = keys_of({"e": {"actor": document.get("user", {})}})
    shown = {fact["e"]["event_id"]: fact for _, key in about for fact in dossier_of(work, work.repository, key).facts}
    return [shown[event_id] for event_id in evidence if event_id in shown]


def _subject(work: Work) -> Subject:
    return Subject(id=_scope_id(work.repository), repository=work.repository, commit=None, revision=1)


@lru_cache(maxsize=4096)
def _scope_id(scope: str) -> str:
    return ids.trail_id(scope, "")
