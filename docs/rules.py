"""Write docs/rules.md from the rules and the translators themselves.

A system can express a rule when its translator makes every kind of event that the rule cannot do without.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from page import write_or_check
from pipetrail_processors.rule import Rule
from pipetrail_processors.ruleset import RuleSet
from pipetrail_producers.webhook.systems import PLACES, system

TARGET = Path(__file__).with_name("rules.md")
HEAD = """# Rules

Written by `make docs` from the rules and the translators. `pipetrail rules show RULE` says why a rule matters and
what to do; `pipetrail rules test` runs the labelled histories that show when it fires. The agent and the neutral webhook
(`generic`) can express all of them. Of the other systems those are named whose webhooks become every type of event that
the rule needs; not each of them tells of every control.

| rule | finds | category, severity | over | needs | systems |
|---|---|---|---|---|---|
"""


def document() -> str:
    """The whole page."""
    return HEAD + "".join(f"{row}\n" for row in _rows())


def _rows() -> Iterator[str]:
    told = {name: _types(name) for name in PLACES if name not in {"generic", "cdevents"}}
    for compiled in RuleSet.load().rules:
        rule = compiled.rule
        severities = "/".join(dict.fromkeys(choice.value for choice in rule.severity))
        able = [system(name).title for name, types in told.items() if _expresses(rule, types)]
        cells = (
            f"`{rule.id}`",
            rule.name,
            f"{rule.category}, {severities}",
            rule.over,
            _needs(rule),
            ", ".join(able) or "the agent",
        )
        yield f"| {' | '.join(cells)} |"


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
