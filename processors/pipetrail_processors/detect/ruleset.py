"""The rules in force: the built-in ones, and those of a folder, which add to them and replace the ones of the same id."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.service.yamlfile import parse
from pipetrail_schemas.times import format_time

from pipetrail_processors.detect.case import Case, View
from pipetrail_processors.detect.expression import Expression, Judge, Text
from pipetrail_processors.detect.fields import ANSWERED, FIELDS, GATES, TRAIL_GATES, reads_others
from pipetrail_processors.detect.rule import Exclusion, Rule
from pipetrail_processors.lifecycle import exclusions
from pipetrail_processors.lifecycle.exclusions import Excluded, Ground
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.stages import FAILED, PASSED

# Facts by the ids of their events.
Events = Mapping[str, Fact]

_SETTING = "rules"
# So many rules are asked about an event anew each time; to look up what they said costs as much.
_FEW = 3
_REMEMBERED = 32_768  # facts, some 10 MB at most


class Step(NamedTuple):
    """One step of a sequence, ready to judge."""

    on: frozenset[str]
    when: Expression


class Accepted(NamedTuple):
    """An exclusion, and whether it was in force when the hit happened."""

    exclusion: Exclusion | Excluded
    in_force: bool


class Compiled:
    """A rule ready to judge."""

    def __init__(self, rule: Rule, grounds: Sequence[Ground] = ()) -> None:
        """Make it; `grounds` are the exclusions beside its own."""
        self.rule = rule
        self.steps = [Step(frozenset(step.on), Expression(step.when)) for step in rule.steps]
        self.on = frozenset(rule.on).union(*(step.on for step in self.steps))
        self.when = Expression(rule.when)
        own = [(exclusion, Expression(exclusion.when)) for exclusion in rule.exclusions]
        self._exclusions: list[tuple[Exclusion | Excluded, Expression | Ground]] = [
            *own,
            *((one.excluded, one) for one in grounds if rule.id in one.excluded.rules),
        ]
        self._titles = [(choice.condition, Text(choice.value)) for choice in rule.title]
        self._gates = [GATES[path] for path in self.when.required if path in GATES]
        self._trail_gates = [TRAIL_GATES[path] for path in self.when.required if path in TRAIL_GATES and rule.over == "trail"]
        # Whether it is about several events, which its conditions choose.
        self.spans = bool(self.steps) or rule.threshold is not None
        # Whether anything that is true of the whole trail can rule it out.
        self._wants_failure = rule.each == "failed"
        self._wants_lack = rule.each == "required" and self.when.states.isdisjoint({PASSED, FAILED})
        gated = self._gates or self._trail_gates or self._wants_failure or self._wants_lack
        self._is_gated = bool(gated) or self.when.asks_of_trail
        self.sees_others = any(reads_others(path) for path in self._paths())
        # What every finding says of it.
        self.shown = {"id": rule.id, "name": rule.name, "version": rule.version, "description": rule.why}
        self.runbook = list(rule.runbook)

    def plausible(self, case: Case) -> bool:
        """Whether what the event alone says leaves it open that the rule finds something in it: of a type that it is about."""
        if not self.steps:
            return self.when.may_hold(case)
        kind = case.facts[0]["e"].get("type")
        return any(kind in step.on and step.when.may_hold(case) for step in self.steps)

    @property
    def still_plausible(self) -> Judge | None:
        """What says of an event what `plausible` does, where `governed` leaves it open; None: it always is."""
        return self.plausible if self.steps else self.when.may_still_hold

    def governed(self, view: View) -> bool:
        """Whether what the policy alone answers leaves it open that the rule finds something."""
        return bool(self.steps) or self.when.governed(view)

    def open_here(self, view: View) -> bool:
        """Whether what is true of the whole trail leaves it open that the rule finds something in it. Quick."""
        if not self._is_gated:
            return True
        if (self._wants_failure and not view.failed) or (self._wants_lack and view.lacks_nothing(self.on)):
            return False
        return self.possible(view.facts) and all(gate(view) for gate in self._trail_gates) and self.when.may_hold_in(view)

    def possible(self, facts: Sequence[Fact]) -> bool:
        """Whether the facts together leave it open that the rule finds something in one of them. Quick."""
        return not self._gates or all(gate(facts) for gate in self._gates)

    def _paths(self) -> Iterator[str]:
        conditions = [choice.condition for choice in (*self.rule.title, *self.rule.severity)]
        excluded = [ground.when if isinstance(ground, Ground) else ground for _, ground in self._exclusions]
        for expression in (self.when, *excluded, *conditions):
            yield from expression.paths if expression else ()
        for _, text in self._titles:
            yield from text.paths
        if self.rule.each:
            yield "item."
        yield from self.rule.dedupe

    def completes(self, kind: str) -> bool:
        """Whether the latest event of all, of this type, can be what a finding was lacking: no middle of a sequence is."""
        return kind in self.steps[-1].on if self.steps else True

    def keeps(self, kind: str) -> list[Judge]:
        """What says of an event of the type that it can be part of what the rule finds; for a case of the event alone."""
        if self.rule.state_fields:
            return [self.plausible] if kind in self.on else []  # what it says of the state is to be asked of all before it
        if kind in self.on and not ANSWERED.keys().isdisjoint(self.when.paths):
            return [lambda _: True]
        steps = self.steps or [Step(self.on, self.when)]
        return [step.when.holds for step in steps if kind in step.on]

    @property
    def reads_on(self) -> bool:
        """Whether the steps of a sequence are matched by more than what each event says itself."""
        return any(reads_others(path) for step in self.steps for path in step.when.paths)

    @property
    def reads_only_its_event(self) -> bool:
        """Whether each of its findings is about one event, which nothing else told alters."""
        return not (self.spans or self.sees_others or self.rule.dedupe or self.rule.each)

    @property
    def is_gated(self) -> bool:
        """Whether nothing but what `fields.GATES` look at lets it fire."""
        return bool(self._gates)

    def is_altered_by(self, kind: str) -> bool:
        """Whether an event of a type that it is not about alters what it finds about others."""
        return self.sees_others and not self.spans and any(reads_others(path, kind) for path in self._paths())

    def title(self, case: Case) -> str:
        """What happened, in a sentence."""
        return next(text for condition, text in self._titles if condition is None or condition.holds(case)).fill(case)

    def severity(self, case: Case) -> str:
        """How bad it is."""
        return next(choice.value for choice in self.rule.severity if choice.condition is None or choice.condition.holds(case))

    def exclusion(self, case: Case) -> Accepted | None:
        """Which exclusion the hit falls under as of its event; else which one it would have, had that not ended; or None."""
        if not self._exclusions:
            return None
        # What spans several events is as new as the latest of them.
        moment = max(fact["e"]["time"] for fact in (case.facts if self.spans else case.facts[:1]))
        found = [exclusion for exclusion, condition in self._exclusions if condition.holds(case)]
        latest = max(found, key=lambda one: one.expires, default=None)
        return None if latest is None else Accepted(latest, in_force=moment < format_time(latest.expires))

    def renewed(self, owner: str, now: datetime) -> datetime | None:
        """Until when an exclusion of the owner's holds that has not ended by now; None where there is none."""
        ends = [one.expires for one, _ in self._exclusions if one.owner == owner and one.expires > now]
        return max(ends, default=None)

    def identity(self, case: Case) -> list[str]:
        """What makes two hits one finding, beside the trail or dossier."""
        if self.rule.dedupe:
            return [f"{name} {FIELDS[name](case)}" for name in self.rule.dedupe]
        fact = case.facts[0]
        stage = case.item.standing.stage if case.item else ""
        return [fact.get("d") or fact["e"]["event_id"], f"stage {stage}"]


# The rules that ask about an event of a type, with what says of it whether it leaves it open that they find something.
_Asked = Sequence[tuple[Compiled, Judge]]
# By event: which version of it, in which repository, and the rules that it makes plausible.
_Remembered = dict[str, tuple[str, str | None, Sequence[Compiled]]]


class _Governed:
    """The rules that one policy does not rule out by itself, and what events say to them that many ask about."""

    def __init__(self) -> None:
        self._policy: object = None
        self._known: _Remembered = {}
        # Those that any event of their types leaves open, and by type the others, with what says of an event whether it does.
        self.always: Sequence[Compiled] = ()
        self.asked: Mapping[str, _Asked] = {}

    def __reduce__(self) -> tuple[type["_Governed"], tuple[()]]:
        """Goes to another process empty: what judges cannot."""
        return _Governed, ()

    def under(self, view: View, rules: Sequence[Compiled]) -> "_Governed":
        """Those of the rules, which are always the same, under the policy of the view."""
        if self._policy is not view.policy:
            self._policy, self._known = view.policy, {}
            governed = [rule for rule in rules if rule.governed(view)]
            self.always = [rule for rule in governed if rule.still_plausible is None]
            asked: dict[str, list[tuple[Compiled, Judge]]] = {}
            for rule in governed:
                if plausible := rule.still_plausible:
                    for kind in rule.on:
                        asked.setdefault(kind, []).append((rule, plausible))
            self.asked = asked
        return self

    def remembered(self, view: View, fact: Fact, asked: _Asked) -> Sequence[Compiled]:
        """What `_plausible` says, which is asked once: a fact says the same for ever, and is judged anew with each after it."""
        event_id, version, repository = fact["e"]["event_id"], fact.get("h", ""), view.subject.repository
        known = self._known.get(event_id)
        if known is None or known[0] != version or known[1] != repository:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[event_id] = (version, repository, _plausible(view, fact, asked))
        return known[2]


def _plausible(view: View, fact: Fact, asked: _Asked) -> Sequence[Compiled]:
    """The rules that the fact leaves open, by what it says alone."""
    case = Case(view, [fact])
    return [rule for rule, plausible in asked if plausible(case)]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Compiled rules, in the order of their ids; `grounds` are the exclusions that they were made with, beside their own."""

    rules: Sequence[Compiled]
    grounds: Sequence[Ground] = field(default=(), repr=False, compare=False)
    _by_type: dict[str, list[Compiled]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _altered: dict[str, list[Compiled]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _governed: _Governed = field(default_factory=_Governed, init=False, repr=False, compare=False)
    replacing: list[Compiled] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for rule in self.rules:
            for name in rule.on:
                self._by_type.setdefault(name, []).append(rule)
            if rule.rule.replaces:
                self.replacing.append(rule)

    def over(self, what: str) -> "RuleSet":
        """Those about a trail, or about one kind of dossier; those that measure are about neither."""
        return RuleSet([rule for rule in self.rules if rule.rule.over == what and rule.rule.measure is None])

    def of_type(self, name: str) -> Sequence[Compiled]:
        """Those that an event of the type can make fire."""
        return self._by_type.get(name, ())

    def plausible(self, view: View) -> Mapping[Compiled, Events]:
        """Those that facts could make fire, by what each alone says, with the facts that could, by the ids of their events."""
        governed, kinds = self._governed.under(view, self.rules), view.by_type.keys()
        found = {rule: view.events(rule.on) for rule in governed.always if not kinds.isdisjoint(rule.on)}
        some: dict[Compiled, dict[str, Fact]] = {}
        for name, facts in view.by_type.items():
            asked = governed.asked.get(name)
            if asked is None:
                continue
            plausible = governed.remembered if len(asked) > _FEW else _plausible
            for fact in facts:
                for rule in plausible(view, fact, asked):
                    some.setdefault(rule, {})[fact["e"]["event_id"]] = fact
        return {**found, **some}

    def altered_by(self, name: str) -> Sequence[Compiled]:
        """Those whose findings about some events another event of the type can alter."""
        known = self._altered.get(name)
        if known is None:
            known = self._altered[name] = [rule for rule in self.rules if name in rule.on or rule.is_altered_by(name)]
        return known

    def standing_together(self) -> Collection[Compiled]:
        """Those of which one's findings hide another's."""
        hidden = {name for rule in self.replacing for name in rule.rule.replaces}
        return [*self.replacing, *(rule for rule in self.rules if rule.rule.id in hidden)]

    def renewed(self, finding: Mapping[str, Any], now: datetime) -> datetime | None:
        """Until when the exclusion that hid a finding was renewed; None where it was not."""
        rule = next((one for one in self.rules if one.rule.id == finding["rule"]["id"]), None)
        return rule.renewed(finding["pipetrail"]["finding"]["exclusion"]["owner"], now) if rule else None

    @classmethod
    def load(cls, folder: Path | None = None, excluding: Path | None = None) -> "RuleSet":
        """The built-in rules, with those of the folder.

        Args:
            folder: of rules that add to the built-in ones or replace them.
            excluding: the exclusions file (`lifecycle.exclusions`).

        Raises:
            SettingError: a rule or an exclusion is wrong; names file, line, field and reason.
        """
        rules = {rule.id: rule for rule in _built_in()}
        if folder is not None:
            rules.update((rule.id, rule) for rule in _of_folder(folder))
        return cls.of(list(rules.values()), exclusions.load(excluding, sorted(rules)))

    @classmethod
    def of(cls, rules: Sequence[Rule], grounds: Sequence[Ground] = ()) -> "RuleSet":
        """These rules and no others, but for those that are not enabled; `grounds` exclude some of their hits."""
        return cls([Compiled(rule, grounds) for rule in sorted(rules, key=lambda rule: rule.id) if rule.enabled], grounds)


def read_rule(text: str, *, name: str) -> Rule:
    """The rule of a YAML text.

    Raises:
        SettingError: names file, line, field and reason.
    """
    return parse(text, setting=_SETTING, name=name).validated(Rule)


@cache
def _built_in() -> tuple[Rule, ...]:
    folder = resources.files("pipetrail_processors") / "rules"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return tuple(read_rule(file.read_text(encoding="utf-8"), name=file.name) for file in files)


def _of_folder(folder: Path) -> Iterator[Rule]:
    if not folder.is_dir():
        raise SettingError(_SETTING, f"{folder} is no folder; rules are *.yaml files in it")
    seen: dict[str, Path] = {}
    for file in sorted(folder.glob("*.yaml")):
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingError(_SETTING, f"{file} cannot be read: {exc}") from exc
        rule = read_rule(text, name=str(file))
        if rule.id in seen:
            raise SettingError(_SETTING, f"{file}: rule {rule.id} stands in {seen[rule.id]}, too")
        seen[rule.id] = file
        yield rule
