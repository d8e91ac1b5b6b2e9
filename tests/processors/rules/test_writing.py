"""What docs/writing-rules.md says of rules is so."""

import re
from pathlib import Path

from pipetrail_processors.detect.fields import FIELDS
from pipetrail_processors.detect.labelled import failures
from pipetrail_processors.detect.rule import Rule
from pipetrail_processors.detect.ruleset import read_rule

PAGE = (Path(__file__).parents[3] / "docs" / "writing-rules.md").read_text(encoding="utf-8")
_PART = re.compile(r"^\| ((?:`[a-z_]+`(?:, )?)+) \|", re.MULTILINE)


def test_every_field_is_described_and_no_other() -> None:
    """Each once, in one of the tables."""
    rows = [line.split(" | ")[0] for line in PAGE.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`([a-z]+\.[a-z_]+)`", row)]
    assert sorted(named) == sorted(FIELDS)


def test_its_example_is_a_rule_that_does_what_it_says() -> None:
    """It can be copied."""
    match = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert match
    assert failures(read_rule(match[1], name="writing-rules.md")) == []


def test_every_part_of_a_rule_is_in_it() -> None:
    """Whatever a rule may say."""
    example = set(re.findall(r"^([a-z]+):", PAGE, re.MULTILINE))
    described = {name for row in _PART.findall(PAGE) for name in re.findall(r"`([a-z]+)`", row)}
    assert set(Rule.model_fields) <= example | described
