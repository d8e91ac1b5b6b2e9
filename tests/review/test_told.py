"""What systems really send sets off the rules that it should, and no others: each through its own translator."""

import pytest
from pipetrail_processors.detect.labelled import run_told
from pipetrail_processors.detect.rule import Rule, Told
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_review.told import translate

RULES = [compiled.rule for compiled in RuleSet.load().rules]
TOLD = [(rule, told) for rule in RULES for told in rule.told]
# Controls, reviews and deployments: what forges are asked for.
_FEWEST = {("github", "webhook"): 15, ("github", "audit log"): 8, ("gitlab", "webhook"): 18}


@pytest.mark.parametrize(("rule", "told"), TOLD, ids=[f"{rule.id}: {told.says} ({told.by}, {told.how})" for rule, told in TOLD])
def test_what_a_system_tells_sets_off_the_rule_or_does_not(rule: Rule, told: Told) -> None:
    """The number of open findings in the end is the number that stands beside the deliveries."""
    assert told.fires == len(run_told(rule, told, translate).open)


@pytest.mark.parametrize(("by", "how"), list(_FEWEST))
def test_each_of_the_formats_is_shown_to_set_off_many_rules(by: str, how: str) -> None:
    """Rules judge by meaning: what one system can express in its own words is found as well as another's."""
    fired = {rule.id for rule, told in TOLD if (told.by, told.how) == (by, how) and told.fires}
    assert len(fired) >= _FEWEST[by, how], sorted(fired)


def test_every_rule_has_three_labelled_histories_that_set_it_off_and_three_that_do_not() -> None:
    """Counted here, too, and not only where a rule is read: of those in the neutral format."""
    for rule in RULES:
        firing = sum(labelled.fires > 0 for labelled in rule.tests)
        assert (firing >= 3, len(rule.tests) - firing >= 3) == (True, True), rule.id
