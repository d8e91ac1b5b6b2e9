"""Planted anomalies are found, and hardly anything else is, at the default thresholds."""

from support.histories import MEASURED, history, judged, scores, table, total

# What three teams make in 24 weeks, the same each time.
_SEEDS = (1, 2, 3)


def test_nine_in_ten_planted_anomalies_are_found_and_nine_in_ten_findings_are_about_one() -> None:
    """Precision and recall are at least 0.9, in all and of each rule that has ten plants or more; the table is printed."""
    told = history(_SEEDS)
    each = scores(told, judged(told))
    print("\n".join(table(each)))
    assert set(each) == set(MEASURED)
    enough = {rule: score for rule, score in each.items() if score.found + score.missed >= 10}
    assert len(enough) >= 6
    for rule, score in [*enough.items(), ("in all", total(each))]:
        assert score.precision >= 0.9, rule
        assert score.recall >= 0.9, rule


def test_a_quiet_history_is_left_in_peace() -> None:
    """Where nothing is planted there is less than one finding of all measures in four weeks of a team."""
    weeks = 16
    found = judged(history([4, 5], weeks=weeks, planted=False))
    assert len(found) < 2 * weeks / 4, [one["message"] for one in found]
