"""The rules in force: the built-in ones, and those of a folder, which add to them and replace the ones of the same id."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pipetrail_schemas.errors import SettingError

from pipetrail_processors.case import Case
from pipetrail_processors.expression import Expression, Text
from pipetrail_processors.rule import Rule
from pipetrail_processors.yamlfile import parse

_SETTING = "rules"


class Compiled:
    """A rule ready to judge."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.on = frozenset(rule.on)
        self.when = Expression(rule.when)
        self._titles = [(choice.condition, Text(choice.value)) for choice in rule.title]

    def title(self, case: Case) -> str:
        """What happened, in a sentence."""
        return next(text for condition, text in self._titles if condition is None or condition.holds(case)).fill(case)

    def severity(self, case: Case) -> str:
        """How bad it is."""
        return next(choice.value for choice in self.rule.severity if choice.condition is None or choice.condition.holds(case))


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Compiled rules, in the order of their ids."""

    rules: Sequence[Compiled]

    @classmethod
    def load(cls, folder: Path | None = None) -> "RuleSet":
        """The built-in rules, with those of the folder.

        Raises:
            SettingError: a rule is wrong; names file, line, field and reason.
        """
        rules = {rule.id: rule for rule in _built_in()}
        if folder is not None:
            rules.update((rule.id, rule) for rule in _of_folder(folder))
        return cls.of(list(rules.values()))

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> "RuleSet":
        """These rules and no others."""
        return cls([Compiled(rule) for rule in sorted(rules, key=lambda rule: rule.id)])


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
