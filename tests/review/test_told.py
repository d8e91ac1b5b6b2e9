"""What systems really send sets off the rules that it should, and no others: each through its own translator."""

from pathlib import Path

import pytest
from pipetrail_processors.detect import told
from pipetrail_processors.detect.labelled import run_told
from pipetrail_processors.detect.rule import Rule
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.detect.told import Told
from pipetrail_review.told import translate

RULES = {compiled.rule.id: compiled.rule for compiled in RuleSet.load().rules}
PAGES = {name: told.pages(name) for name in RULES}
TOLD = [(rule, one) for rule in RULES.values() for page in PAGES[rule.id].values() for one in page.histories]
# The formats that show every rule, or say why they cannot.
_STRICT: tuple[tuple[str, told.How], ...] = (
    ("github", "webhook"),
    ("github", "audit log"),
    ("gitlab", "webhook"),
    ("gitlab", "audit log"),
)
# Controls, reviews and deployments: what forges are asked for.
_FEWEST = {("github", "webhook"): 31, ("github", "audit log"): 12, ("gitlab", "webhook"): 29, ("gitlab", "audit log"): 15}


@pytest.mark.parametrize(("rule", "one"), TOLD, ids=[f"{rule.id}: {one.says} ({one.by}, {one.how})" for rule, one in TOLD])
def test_what_a_system_tells_sets_off_the_rule_or_does_not(rule: Rule, one: Told) -> None:
    """The number of open findings in the end is the number that stands beside the deliveries."""
    assert one.fires == len(run_told(rule, one, translate).open)


@pytest.mark.parametrize(("by", "how"), list(_FEWEST))
def test_each_of_the_formats_is_shown_to_set_off_many_rules(by: str, how: str) -> None:
    """Rules judge by meaning: what one system can express in its own words is found as well as another's."""
    fired = {rule.id for rule, one in TOLD if (one.by, one.how) == (by, how) and one.fires}
    assert len(fired) >= _FEWEST[by, how], sorted(fired)


@pytest.mark.parametrize(("by", "how"), _STRICT)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_shown_three_times_either_way_or_it_is_said_why_not(rule: str, by: str, how: told.How) -> None:
    """A format that can express a rule sets it off in three ways and leaves it alone in three; else there is a reason."""
    page = PAGES[rule][by]
    histories = [one for one in page.histories if one.how == how]
    if histories:
        firing = sum(one.fires > 0 for one in histories)
        assert min(firing, len(histories) - firing) >= 3, f"{firing} of {len(histories)} fire"
        assert len({one.says for one in histories}) == len(histories)
    else:
        assert page.cannot.get(how)


def test_the_example_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    """What docs/told.md shows can be copied."""
    page = (Path(__file__).parents[2] / "docs" / "told.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    file = tmp_path / "told" / "github" / "forced-push.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(example, encoding="utf-8")
    histories = told.told("forced-push", tmp_path)
    assert (
        [len(run_told(RULES["forced-push"], one, translate).open) for one in histories]
        == [one.fires for one in histories]
        == [1, 0]
    )


def test_every_file_is_about_a_rule() -> None:
    """One that is named otherwise would be read by nobody."""
    files = [file for file in Path(told.BUILT_IN, "told").glob("*/*.yaml") if file.parent.name != "samples"]
    assert sorted({file.stem for file in files} - RULES.keys()) == []


def test_every_rule_has_three_labelled_histories_that_set_it_off_and_three_that_do_not() -> None:
    """Counted here, too, and not only where a rule is read: of those in the neutral format."""
    for rule in RULES.values():
        firing = sum(labelled.fires > 0 for labelled in rule.tests)
        assert (firing >= 3, len(rule.tests) - firing >= 3) == (True, True), rule.id
