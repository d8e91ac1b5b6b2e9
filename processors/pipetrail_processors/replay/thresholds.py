"""Which threshold a rule should have: how many findings each would have given over a history. Pure.

A rule that counts events is asked with every count, over the events that it is about. One that measures what is out of the
ordinary judges by all that came before: it is replayed with each of some thresholds, all in one reading of history.
"""

from collections.abc import Iterable
from typing import NamedTuple

from pipetrail_schemas import ids
from pipetrail_schemas.errors import InvalidEventError

from pipetrail_processors.detect.case import Case
from pipetrail_processors.detect.rule import Rule
from pipetrail_processors.detect.ruleset import Compiled
from pipetrail_processors.enrich.reading import read
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.trail.fact import Fact, evidence_of, fact_of
from pipetrail_processors.trail.summary import Subject, in_order
from pipetrail_processors.watch.cases import candidates, worth_keeping
from pipetrail_processors.watch.dossier import DossierView, keys_of
from pipetrail_processors.watch.watch import scope_of

# Of the threshold that a measuring rule has: from where it would say a lot to where it would hardly say anything.
_PARTS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
_MOST_OF_A_MEASURE = 100.0
# What people can look at: about one finding a week keeps a rule believed.
_BEARABLE_A_WEEK = 1.0
_LARGEST = 100
_HEADERS = (("content-type", b"application/cloudevents+json"),)


class Row(NamedTuple):
    """A threshold, and how many findings it would have given."""

    threshold: float
    findings: int


class Proposal(NamedTuple):
    """The thresholds that were asked, and the one that finds most of what is bearable; None where none is."""

    rows: list[Row]
    proposed: float | None


def propose(rule: Rule, values: Iterable[bytes], policy: Policy, weeks: float, since: str = "") -> Proposal:
    """The distribution for a rule that counts events.

    Args:
        rule: it is asked with other thresholds than its own.
        values: events as JSON.
        policy: by which to judge.
        weeks: how long the time is that is asked about.
        since: when it begins (canonical time); what was over before does not count.
    """
    dossiers = _dossiers(Compiled(rule), values, policy)
    rows: list[Row] = []
    for threshold in range(2, _LARGEST + 1):
        asked = Compiled(rule.model_copy(update={"threshold": threshold}))
        cases = (case for facts in dossiers for case in candidates(asked, _view(facts, policy)))
        found = sum(max(fact["e"]["time"] for fact in case.facts) >= since for case in cases)
        rows.append(Row(threshold, found))
        if not found:
            break
    return proposal(rows, weeks)


def graded(rule: Rule) -> list[Rule]:
    """A measuring rule with other thresholds than its own, and its own among them; none for any other rule."""
    if rule.measure is None:
        return []
    setting = rule.measure
    thresholds = sorted({min(round(setting.threshold * part, 4), _MOST_OF_A_MEASURE) for part in _PARTS})
    return [rule.model_copy(update={"measure": setting.model_copy(update={"threshold": one})}) for one in thresholds]


def proposal(rows: list[Row], weeks: float) -> Proposal:
    """The proposal that numbers of findings make.

    Args:
        rows: in order of the thresholds.
        weeks: how long the time is that is asked about.
    """
    bearable = max(1.0, weeks * _BEARABLE_A_WEEK)
    # Of those that find as many, the first: a threshold that is higher than need be misses what is to come. A history in which
    # none of them finds anything says nothing about any.
    some = (row for row in rows if row.findings <= bearable) if any(row.findings for row in rows) else ()
    best = max(some, key=lambda row: row.findings, default=None)
    return Proposal(rows, None if best is None else best.threshold)


def _dossiers(rule: Compiled, values: Iterable[bytes], policy: Policy) -> list[list[Fact]]:
    found: dict[tuple[str, str], dict[str, Fact]] = {}
    for value in values:
        try:
            reading = read(value, _HEADERS)
        except InvalidEventError:
            continue
        if reading.kind.name not in rule.on:
            continue
        fact = fact_of(reading, None, evidence_of(reading))
        if not worth_keeping(rule.keeps(reading.kind.name), Case(_view([fact], policy), [fact])):
            continue
        scope = scope_of(reading.repository, reading.source)
        for what, key in keys_of(fact):
            if what == rule.rule.over:
                found.setdefault((scope, key), {})[reading.id] = fact
    return [in_order(facts.values()) for facts in found.values()]


def _view(facts: list[Fact], policy: Policy) -> DossierView:
    subject = Subject(id=ids.trail_id("", ""), repository=None, commit=None, revision=1)
    return DossierView(subject, facts, policy, lambda _: {})
