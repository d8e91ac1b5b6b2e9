"""Judging what no single trail shows: each event goes into the dossiers that rules want it in, and those are judged anew.

Called for every event, after it has joined its trail, and for every trail that was published: what rules say of a change or an
environment depends on the trails of its commits. Events that no rule over dossiers names cost one look into a table.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from pipetrail_schemas import ids
from pipetrail_schemas.times import format_time
from pipetrail_schemas.topics import FINDINGS

from pipetrail_processors.correlate.nodes import Work
from pipetrail_processors.detect.detect import detect, update
from pipetrail_processors.detect.ruleset import Compiled, RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.lifecycle.ledger import Ledger, in_dossier
from pipetrail_processors.output import Output
from pipetrail_processors.state.retention import day_of
from pipetrail_processors.state.state import State
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.summary import Subject
from pipetrail_processors.watch import silence
from pipetrail_processors.watch.cases import candidates, concerns, worth_keeping
from pipetrail_processors.watch.commits import bind, seeing
from pipetrail_processors.watch.dossier import BOUNDS, Dossier, DossierView, dossier_of, keys_of
from pipetrail_processors.watch.kept import Bounds, Kept
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


class _Touched(NamedTuple):
    """A dossier. `again`: its event had been there before; `altered`: it is to be written; `to_judge`: anew."""

    what: str
    dossier: Dossier
    again: bool = False
    altered: bool = False
    to_judge: bool = True


class Watch:
    """Keeps dossiers and judges them. Keeps nothing between calls but policy and rules."""

    def __init__(self, policy: Policy, rules: RuleSet) -> None:
        self._policy = policy
        self._trail = rules.over("trail")
        self._over = {what: rules.over(what) for what in BOUNDS}
        # What rules over them ask of the state before an event, and which rules these are.
        self._state = {what: _asked(of.rules) for what, of in self._over.items()}
        self._of_state = {rule.rule.id for rule in rules.rules if rule.rule.state_fields}
        self._by_kind: dict[str, Collection[str]] = {}
        self._listens = bool(self._over["repository"].of_type(silence.SILENT))

    def on_event(self, work: Work, fact: Fact, source: str) -> list[Output]:
        """Take in an event. Returns findings.

        Args:
            work: the nodes of the repository, with the event joined.
            fact: of the event.
            source: of the event: what its dossiers are within where it has no repository.
        """
        scope, wanting = scope_of(work.repository, source), self._wanting(fact["e"]["type"])
        touched: dict[str, _Touched] = {}
        view = None if _SELECTIVE.isdisjoint(wanting) else self._view(work, scope, [fact])
        for what, key in keys_of(fact) if wanting else ():
            if what in wanting and self._wants(what, fact, view) and (taken := self._take(work, scope, what, key, fact)):
                touched[key] = taken
        outputs = self._alone(work, scope, fact)
        if self._listens and work.repository:
            for change in silence.hear(work, self._policy, source, fact):
                outputs += self._silent(work, change)
        for _, dossier in sorted(touched.items()):
            outputs += self._judge(work, scope, dossier)
        return outputs

    def on_trail(self, work: Work, key: str, *, found: bool, again: bool) -> list[Output]:
        """A trail was published, and with it what rules over changes and environments see of its commit. Returns findings.

        Args:
            work: the nodes of the repository.
            key: of the trail's node.
            found: its findings were published, too.
            again: it was published because something was told again.
        """
        if not work.repository:
            return []
        scope = scope_of(work.repository, "")
        touched = [_Touched("change", dossier_of(work, scope, change), again) for change in seeing(work, key, again=again)]
        for name in self._environments(work, key) if found else ():
            dossier = dossier_of(work, scope, name)
            outlines = dossier.kept.outlines()
            if dossier.has_findings or any(rule.possible(outlines) for rule in self._over["environment"].rules):
                touched.append(_Touched("environment", dossier, again))
        return [output for dossier in touched for output in self._judge(work, scope, dossier)]

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
        ledger = self._ledger(work, scope, dossier)
        if change.fact:
            ledger.release(dossier.forget_what_nothing_shows())
            dossier.add(change.fact, _ALONE)
        else:
            dossier.clear()
        hits = detect(self._view(work, scope, dossier.facts), self._over["repository"], candidates)
        findings = update(dossier.node, hits, ledger, again=change.again, cause=work.cause)
        work.alter(dossier.name)
        return [Output(FINDINGS, finding_id.encode(), value) for finding_id, value in findings]

    def _wanting(self, kind: str) -> Collection[str]:
        """The dossiers that want events of the type, or some of them. There are as many types as the vocabulary has."""
        known = self._by_kind.get(kind)
        if known is None:
            known = self._by_kind[kind] = [what for what, rules in self._over.items() if self._may_want(what, rules, kind)]
        return known

    def _may_want(self, what: str, rules: RuleSet, kind: str) -> bool:
        if what in _SELECTIVE:
            return bool(rules.of_type(kind)) or any(kind in one.types for one in self._state[what])
        return kind.startswith(_LIVES[what]) and bool(rules.rules)

    def _wants(self, what: str, fact: Fact, view: DossierView | None) -> bool:
        """Whether a dossier that wants some of the type wants this one; `view` has the fact alone where that is to be asked."""
        if what not in _SELECTIVE or view is None or self._rested_on(what, fact):
            return True
        return any(worth_keeping(rule, view, fact) for rule in self._over[what].of_type(fact["e"]["type"]))

    def _rested_on(self, what: str, fact: Fact) -> bool:
        """Whether the state of a repository or an actor, which rules ask for, rests on the fact."""
        return any(fact["e"]["type"] in one.types and one.keeps(fact) for one in self._state[what])

    def _alone(self, work: Work, scope: str, fact: Fact) -> list[Output]:
        """Judge by the rules over trails an event of a repository that belongs to no trail: it is one of its own."""
        if not work.repository or not _TRAIL_KEYS.isdisjoint(fact) or not self._trail.of_type(fact["e"]["type"]):
            return []
        dossier = dossier_of(work, scope, f"l {fact['e']['event_id']}")
        if dossier.is_new and not self._trail.plausible(self._view(work, scope, [fact])):
            return []
        again = dossier.add(fact, _ALONE).again
        hits = detect(self._view(work, scope, dossier.facts), self._trail)
        findings = update(dossier.node, hits, self._ledger(work, scope, dossier), again=again, cause=work.cause)
        if findings:
            work.alter(dossier.name)
        return [Output(FINDINGS, finding_id.encode(), value) for finding_id, value in findings]

    def _take(self, work: Work, scope: str, what: str, key: str, fact: Fact) -> "_Touched | None":
        """Put the fact into the dossier; None where it is older than what is kept."""
        dossier = dossier_of(work, scope, key)
        slim = {name: value for name, value in fact.items() if name not in _LEFT_OUT[what]}
        slim["e"] = {name: value for name, value in fact["e"].items() if name not in _NOT_JUDGED}
        added = dossier.add(slim, BOUNDS[what])
        if not added.kept:
            work.alter(dossier.name)  # until when it is whole may have changed
            return None
        if what == "change" and work.repository:
            bind(work, dossier, self._over["change"])
        altered = (
            self._rested_on(what, fact) or dossier.shows(added.gone) or self._concerned(self._over[what], dossier.kept, slim)
        )
        to_judge = added.again or altered
        return _Touched(what, dossier, again=added.again, altered=True, to_judge=to_judge)

    def _concerned(self, rules: RuleSet, kept: Kept, fact: Fact) -> bool:
        """Whether a fact, new among those kept, may alter what is found in them."""
        altered = rules.altered_by(fact["e"]["type"])
        if not altered:
            return False
        kinds = kept.kinds()
        return any(not rule.on.isdisjoint(kinds) and concerns(rule, kept, kinds, fact) for rule in altered)

    def _judge(self, work: Work, scope: str, touched: "_Touched") -> list[Output]:
        dossier = touched.dossier
        if not touched.to_judge:
            work.alter(dossier.name)
            return []
        view = self._view(work, scope, dossier.facts, dossier.gone_until)
        hits = detect(view, self._over[touched.what], candidates)
        ledger = self._ledger(work, scope, dossier)
        ledger.release(dossier.forget_what_nothing_shows(self._of_state))
        findings = update(dossier.node, hits, ledger, again=touched.again, cause=work.cause)
        if findings or touched.altered:
            work.alter(dossier.name)
        return [Output(FINDINGS, finding_id.encode(), value) for finding_id, value in findings]

    def _ledger(self, work: Work, scope: str, dossier: Dossier) -> Ledger:
        return Ledger(work, self._policy, in_dossier(scope, dossier.key), dossier.node)

    def _view(self, work: Work, scope: str, facts: Sequence[Fact], gone_until: str = "") -> DossierView:
        def of_commit(commit: str) -> Iterable[Fact]:
            facts: Mapping[str, Fact] = work.node(commit).get("f", {})
            return facts.values()

        def open_findings(commit: str) -> Mapping[str, Any]:
            published: Mapping[str, Any] = work.node(commit).get("g", {})
            return published

        subject = Subject(id=_scope_id(scope), repository=work.repository or None, commit=None, revision=1)
        return DossierView(subject, facts, self._policy, of_commit, open_findings, gone_until=gone_until)

    def _environments(self, work: Work, commit: str) -> list[str]:
        if not self._over["environment"].rules:
            return []
        facts = work.node(commit).get("f", {}).values()
        return sorted({key for fact in facts if "d" in fact for what, key in keys_of(fact) if what == "environment"})


def _asked(rules: Iterable[Compiled]) -> list[StateField]:
    """What rules ask of the state before an event."""
    return [STATE[path] for path in sorted({path for rule in rules for path in rule.rule.state_fields})]


def scope_of(repository: str | None, source: str) -> str:
    """What dossiers are within. A source may be called as one of its repositories; these are two scopes."""
    return repository or f"at {source}"


@lru_cache(maxsize=4096)
def _scope_id(scope: str) -> str:
    return ids.trail_id(scope, "")
