"""The rules in force: the built-in ones, and those of a folder, which add to them and replace the ones of the same id."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.service.yamlfile import parse
from pipetrail_schemas.times import format_time

from pipetrail_processors.case import Case
from pipetrail_processors.expression import Expression, Text
from pipetrail_processors.fields import FIELDS
from pipetrail_processors.lifecycle import exclusions
from pipetrail_processors.lifecycle.exclusions import Excluded, Ground
from pipetrail_processors.rule import Exclusion, Rule

_SETTING = "rules"


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
        self._exclusions = [*own, *((one.excluded, one) for one in grounds if rule.id in one.excluded.rules)]
        self._titles = [(choice.condition, Text(choice.value)) for choice in rule.title]

    @property
    def spans(self) -> bool:
        """Whether it is about several events, which its conditions choose."""
        return bool(self.steps) or self.rule.threshold is not None

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

    def identity(self, case: Case) -> list[str]:
        """What makes two hits one finding, beside the trail or dossier."""
        if self.rule.dedupe:
            return [f"{name} {FIELDS[name](case)}" for name in self.rule.dedupe]
        fact = case.facts[0]
        stage = case.item.standing.stage if case.item else ""
        return [fact.get("d") or fact["e"]["event_id"], f"stage {stage}"]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Compiled rules, in the order of their ids."""

    rules: Sequence[Compiled]
    _by_type: dict[str, list[Compiled]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _of_types: dict[frozenset[str], list[Compiled]] = field(default_factory=dict, init=False, repr=False, compare=False)
    replacing: list[Compiled] = field(default_factory=list, init=False, repr=False, compare=False)
    _watched: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for rule in self.rules:
            for name in rule.on:
                self._by_type.setdefault(name, []).append(rule)
            if rule.rule.replaces:
                self.replacing.append(rule)
            if rule.rule.over != "trail":
                self._watched.update(rule.on)

    def over(self, what: str) -> "RuleSet":
        """Those about a trail, or about one kind of dossier."""
        return RuleSet([rule for rule in self.rules if rule.rule.over == what])

    def of_type(self, name: str) -> Sequence[Compiled]:
        """Those that an event of the type can make fire."""
        return self._by_type.get(name, ())

    def of_types(self, names: Iterable[str]) -> list[Compiled]:
        """Those that events of the types can make fire, in the order of their ids."""
        wanted = self._by_type.keys() & names
        key = frozenset(wanted)
        known = self._of_types.get(key)
        if known is None:
            found = {id(rule): rule for name in wanted for rule in self._by_type[name]}
            known = self._of_types[key] = sorted(found.values(), key=lambda rule: rule.rule.id)
        return known

    def watched(self, name: str) -> bool:
        """Whether any rule wants events of the type in a dossier."""
        return name in self._watched

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
        """These rules and no others; `grounds` exclude some of their hits."""
        return cls([Compiled(rule, grounds) for rule in sorted(rules, key=lambda rule: rule.id)])


def read_rule(text: str, *, name: str) -> Rule:
    """The rule of a YAML text.

    Raises:
        SettingError: names file, line, field and reason.
    """
    return parse(text, setting=_SETTING, name=name).validated(Rule)


def _built_in() -> Iterator[Rule]:
    folder = resources.files("pipetrail_processors") / "rules"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            yield read_rule(file.read_text(encoding="utf-8"), name=file.name)


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
