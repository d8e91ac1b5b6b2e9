"""Write docs/rules.md from the rules, the histories that show them, and the translators themselves.

A system can express a rule where histories in its own format, which go through its translator, set the rule off (`rules/told`;
a test runs all of them); where it cannot, the same files say why. Another system might where its translator makes every type of
event that is needed.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from page import write_or_check
from pipetrail_processors.detect import told
from pipetrail_processors.detect.rule import Rule
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_producers.webhook.systems import PLACES, system

TARGET = Path(__file__).with_name("rules.md")
# The formats that are looked at for every rule: by the name of the system, and how it tells.
FORMATS: tuple[tuple[str, told.How], ...] = (
    ("github", "webhook"),
    ("github", "audit log"),
    ("gitlab", "webhook"),
    ("gitlab", "audit log"),
)
HEAD = """# Rules

Written by `make docs` from the rules and the translators. `pipetrail rules show RULE` says why a rule matters and
what to do; `pipetrail rules test` runs the labelled histories that show when it fires. The agent and the neutral webhook
(`generic`) can express all of them. **Shown for** names the systems of which a history in their own format, sent through their
translator, sets the rule off. **Perhaps** names those whose deliveries become every type of event that the rule needs, of which
nobody has shown that they tell enough in them.

| rule | finds | category, severity | over | needs | shown for | perhaps |
|---|---|---|---|---|---|---|
"""
SECOND = """
## In GitHub's and GitLab's own formats

How many histories as the system tells them set the rule off, and how many leave it alone; or why it cannot tell of it. How such
histories are written for a rule of one's own is in [Histories as systems tell them](told.md).

"""


def document() -> str:
    """The whole page."""
    rules = [compiled.rule for compiled in RuleSet.load().rules]
    formats = [f"{system(by).title} {how}" for by, how in FORMATS]
    titles = f"| rule | {' | '.join(formats)} |\n|---|{'---|' * len(formats)}\n"
    return HEAD + "".join(_rows(rules)) + SECOND + titles + "".join(_told_rows(rules))


def _rows(rules: list[Rule]) -> Iterator[str]:
    types = {name: _types(name) for name in PLACES if name not in {"generic", "cdevents"}}
    for rule in rules:
        severities = "/".join(dict.fromkeys(choice.value for choice in rule.severity))
        known = told.pages(rule.id)
        shown = {by: how for by, page in known.items() if (how := _shown(page))}
        judged = {by for by, page in known.items() if shown.get(by) or page.cannot}
        able = [system(name).title for name, kinds in types.items() if name not in judged and _expresses(rule, kinds)]
        cells = (
            f"`{rule.id}`",
            rule.name,
            f"{rule.category}, {severities}",
            rule.over,
            _needs(rule),
            ", ".join(f"{system(name).title} ({', '.join(how)})" for name, how in shown.items()) or "-",
            ", ".join(able) or "-",
        )
        yield f"| {' | '.join(cells)} |\n"


def _shown(page: told.Page) -> list[str]:
    """The formats of a system that are shown to set the rule off."""
    return list(dict.fromkeys(one.how for one in page.histories if one.fires))


def _told_rows(rules: list[Rule]) -> Iterator[str]:
    for rule in rules:
        known = told.pages(rule.id)
        yield f"| `{rule.id}` | {' | '.join(_cell(known.get(by, told.Page()), how) for by, how in FORMATS)} |\n"


def _cell(page: told.Page, how: told.How) -> str:
    histories = [one for one in page.histories if one.how == how]
    fires = sum(one.fires > 0 for one in histories)
    return f"{fires} and {len(histories) - fires}" if histories else page.cannot.get(how, "-")


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
