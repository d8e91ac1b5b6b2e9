"""Write docs/rules.md from the rules and the translators themselves.

A system can express a rule where a history in its own format, which goes through its translator, sets the rule off (`told` in
the rule's file; a test runs all of them). Another system might where its translator makes every type of event that is needed.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from page import write_or_check
from pipetrail_processors.detect.rule import Rule
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_producers.webhook.systems import PLACES, system

TARGET = Path(__file__).with_name("rules.md")
HEAD = """# Rules

Written by `make docs` from the rules and the translators. `pipetrail rules show RULE` says why a rule matters and
what to do; `pipetrail rules test` runs the labelled histories that show when it fires. The agent and the neutral webhook
(`generic`) can express all of them. **Shown for** names the systems of which a history in their own format, sent through their
translator, sets the rule off. **Perhaps** names those whose deliveries become every type of event that the rule needs, of which
nobody has shown that they tell enough in them.

| rule | finds | category, severity | over | needs | shown for | perhaps |
|---|---|---|---|---|---|---|
"""


def document() -> str:
    """The whole page."""
    return HEAD + "".join(f"{row}\n" for row in _rows())


def _rows() -> Iterator[str]:
    told = {name: _types(name) for name in PLACES if name not in {"generic", "cdevents"}}
    for compiled in RuleSet.load().rules:
        rule = compiled.rule
        severities = "/".join(dict.fromkeys(choice.value for choice in rule.severity))
        shown = _shown(rule)
        able = [system(name).title for name, types in told.items() if name not in shown and _expresses(rule, types)]
        cells = (
            f"`{rule.id}`",
            rule.name,
            f"{rule.category}, {severities}",
            rule.over,
            _needs(rule),
            ", ".join(f"{system(name).title} ({', '.join(how)})" for name, how in shown.items()) or "-",
            ", ".join(able) or "-",
        )
        yield f"| {' | '.join(cells)} |"


def _shown(rule: Rule) -> dict[str, list[str]]:
    """The systems that are shown to set the rule off, each with how it tells."""
    found: dict[str, list[str]] = {}
    for told in rule.told:
        if told.fires and told.how not in found.setdefault(told.by, []):
            found[told.by].append(told.how)
    return found


def _expresses(rule: Rule, types: frozenset[str]) -> bool:
    if rule.steps:
        return all(types.intersection(step.on) for step in rule.steps)
    return bool(types.intersection(rule.on))


def _needs(rule: Rule) -> str:
    if rule.steps:
        return ", then ".join(" or ".join(step.on) for step in rule.steps) + f", within {_hours(rule)}"
    needs = " or ".join(rule.on)
    return f"{rule.threshold} of {needs}, within {_hours(rule)}" if rule.threshold else needs


def _hours(rule: Rule) -> str:
    return f"{rule.window.total_seconds() / 3600:g} h" if rule.window else ""


def _types(name: str) -> frozenset[str]:
    return frozenset(kind for one in system(name).kinds.values() for kind in one.events)


if __name__ == "__main__":
    sys.exit(write_or_check(TARGET, document))
