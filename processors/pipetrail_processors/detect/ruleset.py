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
from pipetrail_processors.detect.fields import ANSWERED, FIELDS, GATES, reads_others
from pipetrail_processors.detect.rule import Exclusion, Rule
from pipetrail_processors.lifecycle import exclusions
from pipetrail_processors.lifecycle.exclusions import Excluded, Ground
from pipetrail_processors.trail.fact import Fact

# Facts by the ids of their events.
Events = Mapping[str, Fact]

_SETTING = "rules"
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
        # Whether it is about several events, which its conditions choose.
        self.spans = bool(self.steps) or rule.threshold is not None
        # Whether anything that is true of the whole trail can rule it out.
        self._is_gated = bool(self._gates) or self.when.asks_of_trail or rule.each == "failed"
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

    def governed(self, view: View) -> bool:
        """Whether what the policy alone answers leaves it open that the rule finds something."""
        return bool(self.steps) or self.when.governed(view)

    def open_here(self, view: View) -> bool:
        """Whether what is true of the whole trail leaves it open that the rule finds something in it. Quick."""
        if not self._is_gated:
            return True
        if self.rule.each == "failed" and not view.failed:
            return False
        return self.possible(view.facts) and self.when.may_hold_in(view)

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


# By event: which version of it, in which repository, and the rules that it makes plausible.
_Remembered = dict[str, tuple[str | None, str | None, Sequence[Compiled]]]
_NOT_YET: tuple[str | None, str | None, Sequence[Compiled]] = (None, None, ())


class _Memory:
    """Which rules facts make plausible, under one policy."""

    def __init__(self) -> None:
        self.known: _Remembered = {}
        self._policy: object = None
        # By type: those of its rules that the policy does not rule out by itself, where there are any.
        self.about: Mapping[str, Sequence[Compiled]] = {}

    def under(self, view: View, by_type: Mapping[str, Sequence[Compiled]]) -> "_Memory":
        """What is remembered under the policy of the view."""
        if self._policy is not view.policy or len(self.known) > _REMEMBERED:
            self._policy, self.known = view.policy, {}
            governed = {name: [rule for rule in rules if rule.governed(view)] for name, rules in by_type.items()}
            self.about = {name: rules for name, rules in governed.items() if rules}
        return self


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Compiled rules, in the order of their ids; `grounds` are the exclusions that they were made with, beside their own."""

    rules: Sequence[Compiled]
    grounds: Sequence[Ground] = field(default=(), repr=False, compare=False)
    _by_type: dict[str, list[Compiled]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _altered: dict[str, list[Compiled]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _memory: _Memory = field(default_factory=_Memory, init=False, repr=False, compare=False)
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
        """Those that facts could make fire, by what each alone says, with the facts that could, by the ids of their events.

        A trail is judged anew with each of its events, and most rules are about something that most events are not: what a
        fact says once, it says for ever, and is remembered.
        """
        memory, repository = self._memory.under(view, self._by_type), view.subject.repository
        found: dict[Compiled, dict[str, Fact]] = {}
        about, known = memory.about, memory.known
        for name, facts in view.by_type.items():
            if name not in about:
                continue
            for fact in facts:
                event_id = fact["e"]["event_id"]
                version, where, rules = known.get(event_id, _NOT_YET)
                if version != fact.get("h", "") or where != repository:
                    case = Case(view, [fact])
                    rules = [rule for rule in about[name] if rule.plausible(case)]
                    known[event_id] = (fact.get("h", ""), repository, rules)
                for rule in rules:
                    found.setdefault(rule, {})[event_id] = fact
        return found

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
