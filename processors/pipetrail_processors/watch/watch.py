"""Judging what no single trail shows: each event goes into the dossiers that rules want it in, and those are judged anew.

Called for every event, after it has joined its trail, and for every trail that was published: what rules say of a change or an
environment depends on the trails of its commits. Events that no rule over dossiers names cost one look into a table. All of it
is done when a round ends, one kind of work after the other: what is done again and again at once costs less than it does among
other things, since what it needs stays in the processor's cache.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from pipetrail_schemas import ids
from pipetrail_schemas.lazy import lazy
from pipetrail_schemas.times import format_time
from pipetrail_schemas.topics import FINDINGS

from pipetrail_processors.correlate.nodes import Work
from pipetrail_processors.detect.case import Case
from pipetrail_processors.detect.detect import Part, detect, update
from pipetrail_processors.detect.expression import Judge
from pipetrail_processors.detect.ruleset import Compiled, RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.lifecycle.ledger import Ledger, in_dossier
from pipetrail_processors.output import Output
from pipetrail_processors.state.retention import day_of
from pipetrail_processors.state.state import State
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.summary import Subject
from pipetrail_processors.watch import silence
from pipetrail_processors.watch.cases import candidates, concerns, may_be_told, worth_keeping
from pipetrail_processors.watch.commits import bind, seeing
from pipetrail_processors.watch.dossier import BOUNDS, KEYS, Dossier, DossierView, dossier_of
from pipetrail_processors.watch.kept import FREQUENT, Bounds, Kept
from pipetrail_processors.watch.state_fields import STATE, StateField

# Dossiers that take only what some rule matches: they are about rare events among many.
_SELECTIVE = frozenset({"repository", "actor"})
# What the others are about beside what rules fire on: what went before.
_LIVES = {"change": ("change.", "approval."), "environment": ("deployment.",)}
# What a dossier leaves out of a fact: it is about who did what to which control, branch or environment, and there may be many.
_LEFT_OUT = {
    "repository": frozenset({"c", "k", "t", "p", "a", "j"}),
    "actor": frozenset({"c", "k", "t", "p", "a", "j"}),
    "change": frozenset({"k", "t", "p", "a", "j"}),
    "environment": frozenset({"c", "k", "t", "p", "a", "j", "w", "more"}),
}
_NOT_JUDGED = frozenset({"url", "duration_ms", "link", "name", "stage"})
# What a fact has that joins a trail (`fact`), or that waits for one.
_TRAIL_KEYS = frozenset({"o", "a", "d"})
_ALONE = Bounds(1, 1, timedelta(days=1))
_MARK_BYTES = 4


class _Plan(NamedTuple):
    """What becomes of events of a type in one kind of dossier.

    Attributes:
        what: the dossier is of.
        key: the dossier's, of an event.
        keeps: what says of an event whether it is wanted at all; None where all are.
        state: what rules ask of the state before an event, and rests on events of the type.
        passes: whether such an event is of no account for what is found in the dossier, should it be the latest of all.
        bounds: how much is kept.
        left_out: what of a fact is not.
    """

    what: str
    key: Callable[[Fact], str | None]
    keeps: Sequence[Judge] | None
    state: Sequence[StateField]
    passes: Callable[[Dossier, Fact], bool]
    bounds: Bounds
    left_out: Collection[str]


class _Plans(NamedTuple):
    """What becomes of events of a type in all dossiers; `alone`: rules over trails judge them where they belong to none."""

    of: Sequence[_Plan]
    alone: bool


class _Touched:
    """A dossier that is to be judged when the round ends, and what of it."""

    def __init__(self, what: str, dossier: Dossier) -> None:
        self.what = what
        self.dossier = dossier
        # All of it; else by the rules that the events concern.
        self.whole = False
        self.rules: list[Compiled] = []
        self.events: set[str] = set()
        # Publish what has not changed, too: something was told again.
        self.again = False
        self.cause = ""
        self.day: int | None = None


class _Waiting:
    """What of a repository waits for the end of the round: its events, and its dossiers by name. Nothing of it is written."""

    def __init__(self, _: State) -> None:
        self.events: list[silence.Told] = []
        self.touched: dict[bytes, _Touched] = {}

    def save(self) -> None:
        """There is nothing to write."""


class Watch:
    """Keeps dossiers and judges them. Keeps nothing between calls but policy and rules."""

    def __init__(self, policy: Policy, rules: RuleSet) -> None:
        self._policy = policy
        self._rules = rules
        self._trail = rules.over("trail")
        self._over = {what: rules.over(what) for what in BOUNDS}
        self._together = {what: of.standing_together() for what, of in self._over.items()}
        # What rules over them ask of the state before an event, and which rules these are.
        self._state = {what: _asked(of.rules) for what, of in self._over.items()}
        self._of_state = {rule.rule.id for rule in rules.rules if rule.rule.state_fields}
        self._plans: dict[str, _Plans] = {}
        self._listens = bool(self._over["repository"].of_type(silence.SILENT))

    def on_event(self, work: Work, fact: Fact, source: str) -> None:
        """Note an event, to be taken in when the round ends (`take`).

        Args:
            work: the nodes of the repository, with the event joined.
            fact: of the event.
            source: of the event: what its dossiers are within where it has no repository.
        """
        if self._rules.rules:
            work.held(b"", _Waiting).events.append((fact, source, work.cause, work.day))

    def take(self, work: Work) -> list[Output]:
        """The round ends: take in its events. Returns findings that do not wait until all dossiers are judged (`judge`)."""
        waiting, repository = _waiting(work), work.repository
        events, waiting.events = waiting.events, []
        outputs: list[Output] = []
        for fact, source, work.cause, day in events:
            kind = fact["e"]["type"]
            plans = self._plans.get(kind) or self._planned(kind)
            if plans.of:
                work.begin(day)
                outputs += self._keep(work, scope_of(repository, source), plans.of, fact)
            if plans.alone and repository and _TRAIL_KEYS.isdisjoint(fact):
                work.begin(day)
                outputs += self._alone(work, repository, fact)
        for fact, source, cause, day in silence.unheard(work, events) if self._listens and repository else ():
            work.begin(day)
            work.cause = cause
            for change in silence.hear(work, self._policy, source, fact):
                outputs += self._silent(work, change)
        return outputs

    def on_trail(self, work: Work, key: str, *, found: bool, again: bool) -> None:
        """A trail was published, and with it what rules over changes and environments see of its commit: those are judged anew.

        Args:
            work: the nodes of the repository.
            key: of the trail's node.
            found: its findings were published, too.
            again: it was published because something was told again.
        """
        if not work.repository:
            return
        scope = scope_of(work.repository, "")
        for change in seeing(work, key, again=again):
            self._touch(work, "change", dossier_of(work, scope, change), again=again).whole = True
        for name in self._environments(work, key) if found else ():
            dossier = dossier_of(work, scope, name)
            outlines = dossier.kept.outlines()
            if dossier.has_findings or any(rule.possible(outlines) for rule in self._over["environment"].rules):
                self._touch(work, "environment", dossier, again=again).whole = True

    def judge(self, work: Work) -> list[Output]:
        """The round ends: judge what its events and its trails have touched. Returns findings."""
        touched = _waiting(work).touched
        outputs: list[Output] = []
        for name in sorted(touched):
            outputs += self._judge(work, touched.pop(name))
        return outputs

    def expire(self, state: State, now: datetime) -> list[Output]:
        """Find who has fallen silent by `now`. Returns findings."""
        outputs: list[Output] = []
        for change in silence.due(state, self._policy, now) if self._listens else ():
            work = Work(state, change.repository, day_of(format_time(now)))
            work.cause = "time went by"
            outputs += self._silent(work, change)
            work.save()
        return outputs

    def _silent(self, work: Work, change: silence.Change) -> list[Output]:
        """Judge that somebody fell silent, or is not any more: a dossier of its own, with that alone in it."""
        scope = scope_of(work.repository, "")
        dossier = dossier_of(work, scope, f"s {change.source}")
        ledger = self._ledger(work, dossier)
        if change.fact:
            ledger.release(dossier.forget_what_nothing_shows())
            dossier.add(change.fact, _ALONE)
        else:
            dossier.clear()
        hits = detect(self._view(work, scope, dossier.facts), self._over["repository"], candidates)
        findings = update(dossier.node, hits, ledger, again=change.again, cause=work.cause)
        work.alter(dossier.name)
        return [Output(FINDINGS, finding_id.encode(), value) for finding_id, value in findings]

    def _planned(self, kind: str) -> _Plans:
        of = [plan for what in BOUNDS if (plan := self._plan(what, kind))]
        planned = self._plans[kind] = _Plans(of, bool(self._trail.of_type(kind)))
        return planned

    def _plan(self, what: str, kind: str) -> _Plan | None:
        """What becomes of events of the type in such dossiers; None where nothing does."""
        rules = self._over[what]
        state = [one for one in self._state[what] if kind in one.types]
        keeps = None
        if what in _SELECTIVE:
            keeps = [judge for rule in rules.of_type(kind) for judge in rule.keeps(kind)]
            if not (keeps or state):
                return None
        elif not (kind.startswith(_LIVES[what]) and rules.rules):
            return None
        return _Plan(what, KEYS[what], keeps, state, _passes(rules, kind, state), BOUNDS[what], _LEFT_OUT[what])

    def _alone(self, work: Work, scope: str, fact: Fact) -> list[Output]:
        """Judge by the rules over trails an event of a repository that belongs to no trail: it is one of its own."""
        dossier = dossier_of(work, scope, f"l {fact['e']['event_id']}")
        if dossier.is_unknown and not self._trail.plausible(self._view(work, scope, [fact])):
            return []
        again = dossier.add(fact, _ALONE).again
        hits = detect(self._view(work, scope, dossier.facts), self._trail)
        findings = update(dossier.node, hits, self._ledger(work, dossier), again=again, cause=work.cause)
        if findings:
            work.alter(dossier.name)
        return [Output(FINDINGS, finding_id.encode(), value) for finding_id, value in findings]

    def _keep(self, work: Work, scope: str, plans: Iterable[_Plan], fact: Fact) -> list[Output]:
        """Put an event into the dossiers that want it. Returns findings that cannot wait."""
        outputs: list[Output] = []
        case = None
        for plan in plans:
            key = plan.key(fact)
            if not key:
                continue
            if plan.keeps is not None:
                case = case or self._case(work, scope, fact)
                if not (worth_keeping(plan.keeps, case) or _rests_on(plan.state, fact)):
                    continue
            dossier = dossier_of(work, scope, key)
            work.alter(dossier.name)
            if dossier.is_unknown:
                dossier.judged_by = self._mark
            slim = _slim(fact, plan.left_out)
            if not (plan.passes(dossier, fact) and dossier.append(slim, plan.bounds)):
                case = case or self._case(work, scope, fact)
                outputs += self._take(work, plan, dossier, slim, case)
        return outputs

    def _take(self, work: Work, plan: _Plan, dossier: Dossier, slim: Fact, case: Case) -> list[Output]:
        """Put an event among those that are compared, and note what is to be judged anew. Returns findings that cannot wait."""
        what, bounds, fact = plan.what, plan.bounds, case.facts[0]
        outputs: list[Output] = []
        touched = _waiting(work).touched.get(dossier.name)
        # What is found is said before anything that it rests on has to go.
        if touched and dossier.may_lose(touched.events, fact["e"]["time"], bounds):
            day = work.day
            outputs = self._judge(work, touched)
            work.begin(day)
        added = dossier.add(slim, bounds)
        if not added.kept:
            return outputs
        whole = added.again or dossier.shows(added.gone)
        concerned = self._concerned(self._over[what], dossier.kept, case)
        if _rests_on(plan.state, fact):
            concerned += [rule for rule in self._over[what].rules if rule.rule.id in self._of_state]
        if whole or concerned:
            touched = self._touch(work, what, dossier, again=added.again)
            touched.whole = touched.whole or whole
            touched.rules += concerned
            touched.events.add(fact["e"]["event_id"])
        return outputs

    def _touch(self, work: Work, what: str, dossier: Dossier, *, again: bool) -> _Touched:
        """Have a dossier judged when the round ends, because of what is being taken in."""
        touched = _waiting(work).touched.setdefault(dossier.name, _Touched(what, dossier))
        touched.again = touched.again or again
        touched.cause, touched.day = work.cause, work.day
        return touched

    def _concerned(self, rules: RuleSet, kept: Kept, case: Case) -> list[Compiled]:
        """The rules that may find something else in what is kept because of an event in it that is new."""
        kinds, kind = kept.kinds(), case.entry["type"]
        found = []
        for rule in rules.altered_by(kind):
            if rule.reads_only_its_event:
                concerned = rule.plausible(case)
            elif rule.on.isdisjoint(kinds):
                concerned = False
            else:
                concerned = concerns(rule, kept, kinds, case.facts[0])
                if concerned and rule.spans:
                    concerned = worth_keeping(rule.keeps(kind), case) and (rule.reads_on or may_be_told(rule, kept, case))
            if concerned:
                found.append(rule)
        return found

    def _judge(self, work: Work, touched: _Touched) -> list[Output]:
        """Judge a dossier anew: only what may have changed, if it was judged by the same before. Returns findings."""
        work.begin(touched.day)
        dossier, rules = touched.dossier, self._over[touched.what]
        part = self._part(touched)
        facts = dossier.kept.of(touched.events) if part and not part.rules else dossier.facts
        if touched.what == "change" and work.repository:
            bind(work, dossier, rules)
        hits = detect(self._view(work, dossier.scope, facts, dossier.gone_until), rules, candidates, part)
        ledger = self._ledger(work, dossier)
        forgotten = dossier.forget_what_nothing_shows(self._of_state)
        ledger.release(forgotten)
        findings = update(dossier.node, hits, ledger, again=touched.again, cause=touched.cause, part=part)
        if findings or forgotten or dossier.judged_by != self._mark:
            dossier.judged_by = self._mark
            work.alter(dossier.name)
        touched.whole, touched.rules, touched.events, touched.again = False, [], set(), False
        return [Output(FINDINGS, finding_id.encode(), value) for finding_id, value in findings]

    def _part(self, touched: _Touched) -> Part | None:
        """What of a dossier is to be judged anew, if not all of it."""
        if touched.whole or touched.what not in _SELECTIVE or touched.dossier.judged_by != self._mark:
            return None
        standing = {one["rule"]["id"] for one in touched.dossier.node.get("g", {}).values()}
        # What hides findings of other rules, or did.
        hiding = any(rule in touched.rules or rule.rule.id in standing for rule in self._over[touched.what].replacing)
        together = self._together[touched.what] if hiding else ()
        single = [rule for rule in touched.rules if rule.reads_only_its_event and rule not in together]
        rest = [rule for rule in touched.rules if rule not in single]
        return Part([*rest, *together] if any(rule in together for rule in rest) else rest, single, touched.events)

    @lazy
    def _mark(self) -> str:
        """Tells these rules and this policy from others."""
        said = [rule.rule.model_dump_json(exclude={"tests"}) for rule in self._rules.rules]
        said += [repr(ground.excluded) for ground in self._rules.grounds]
        return hashlib.blake2b("\n".join([*said, self._policy.model_dump_json()]).encode(), digest_size=_MARK_BYTES).hexdigest()

    def _ledger(self, work: Work, dossier: Dossier) -> Ledger:
        return Ledger(work, self._policy, in_dossier(dossier.scope, dossier.key), dossier.node)

    def _case(self, work: Work, scope: str, fact: Fact) -> Case:
        """An event alone."""
        return Case(self._view(work, scope, [fact]), [fact])

    def _view(self, work: Work, scope: str, facts: Sequence[Fact], gone_until: str = "") -> DossierView:
        return DossierView(_subject(scope, work.repository), facts, self._policy, work.node, gone_until=gone_until)

    def _environments(self, work: Work, commit: str) -> list[str]:
        if not self._over["environment"].rules:
            return []
        facts, key_of = work.node(commit).get("f", {}).values(), KEYS["environment"]
        return sorted({key for fact in facts if "d" in fact and (key := key_of(fact))})


def _asked(rules: Iterable[Compiled]) -> list[StateField]:
    """What rules ask of the state before an event."""
    return [STATE[path] for path in sorted({path for rule in rules for path in rule.rule.state_fields})]


def scope_of(repository: str | None, source: str) -> str:
    """What dossiers are within. A source may be called as one of its repositories; these are two scopes."""
    return repository or f"at {source}"


def _rests_on(state: Sequence[StateField], fact: Fact) -> bool:
    """Whether what rules ask of the state rests on the fact."""
    return bool(state) and any(one.keeps(fact) for one in state)


def _passes(rules: RuleSet, kind: str, state: Sequence[StateField]) -> Callable[[Dossier, Fact], bool]:
    """As `_Plan.passes`: by the rules that find something else where an event of the type is the latest of all."""
    completing = [rule for rule in rules.altered_by(kind) if rule.completes(kind)]
    if not (completing or state):
        return lambda *_: True
    if kind in FREQUENT and all(rule.is_gated for rule in completing):
        return lambda dossier, fact: dossier.is_new(fact.get("o"), fact.get("d"))
    about = frozenset[str]().union(*(rule.on for rule in completing))
    if state or kind in about:
        return lambda *_: False
    return lambda dossier, _: dossier.has_none_of(about)


def _slim(fact: Fact, left_out: Iterable[str]) -> Fact:
    """The fact without what a dossier leaves out."""
    slim, entry = fact.copy(), fact["e"].copy()
    for name in left_out:
        slim.pop(name, None)
    for name in _NOT_JUDGED:
        entry.pop(name, None)
    slim["e"] = entry
    return slim


def _waiting(work: Work) -> _Waiting:
    return work.held(b"", _Waiting)


@lru_cache(maxsize=4096)
def _subject(scope: str, repository: str) -> Subject:
    return Subject(id=ids.trail_id(scope, ""), repository=repository or None, commit=None, revision=1)
