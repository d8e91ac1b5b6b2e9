"""Conditions mean what CEL says, however they are taken apart."""

import pickle

import cel
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_processors.detect.case import FIELDS, Case, Item, View
from pipetrail_processors.detect.expression import Expression, Text, _conjuncts, _without_cel
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.trail.stages import STATES, Standing
from pipetrail_processors.trail.summary import Subject

_ATOMS = st.sampled_from(
    [
        "event.type == 'a'",
        'event.type == "a"',
        'event.type!="a"',
        "event.name != 'b && c'",
        'event.name == "b && c"',
        'event.type in ["a", "b"]',
        "trail.traced",
        "!trail.merge",
        '"x" in ["x", "(", event.type]',
        "(true || false)",
    ]
)
_EXPRESSIONS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.builds("{} && {}".format, inner, inner),
        st.builds("{} || {}".format, inner, inner),
        st.builds("({})".format, inner),
        st.builds("!({})".format, inner),
        st.builds("!!({})".format, inner),
        st.builds("(({}) ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=6,
)


@given(_EXPRESSIONS, st.sampled_from(["a", "b", ""]), st.sampled_from(["c", None]))
def test_parts_that_are_judged_one_by_one_give_what_the_whole_gives(source: str, kind: str, commit: str | None) -> None:
    """Taking an expression apart, and judging what is plain in it without CEL, changes nothing but the time that it takes."""
    fact = {"e": {"type": kind, "name": "b && c"}}
    case = Case(View(Subject("t", None, commit, 1), [fact], Policy()), [fact])
    context = {"event": {"type": kind, "name": "b && c"}, "trail": {"traced": commit is not None, "merge": False}}
    assert cel.compile(source).execute(context) == Expression(source).holds(case)


@given(_EXPRESSIONS, st.sampled_from(["a", "b", ""]), st.sampled_from(["c", None]))
def test_what_was_answered_before_is_not_asked_again(source: str, kind: str, commit: str | None) -> None:
    """What event and trail leave open, and what is left to ask, give together what the whole gives."""
    fact = {"e": {"type": kind, "name": "b && c"}}
    case, asked = Case(View(Subject("t", None, commit, 1), [fact], Policy()), [fact]), Expression(source)
    assert asked.holds(case) == (asked.may_hold(case) and asked.may_hold_in(case.view) and asked.holds_besides(case))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("source", "left_open"),
    [
        ('trail.traced && !(item.state in ["passed", "failed"])', set(STATES) - {"passed", "failed"}),
        ('item.state == "failed" && item.stage != "test"', {"failed"}),
        ('item.state == "failed" || trail.traced', set(STATES)),
        ("trail.traced", set(STATES)),
    ],
)
def test_a_stage_is_asked_about_only_in_a_state_that_leaves_it_open(source: str, left_open: set[str], state: str) -> None:
    """In every other state the condition does not hold, whatever else is known."""
    asked = Expression(source)
    view = View(Subject("t", None, "c", 1), (), Policy())
    case = Case(view, [{"e": {}}], Item(Standing("build", state, {})))
    assert left_open == asked.states
    assert state in asked.states or not asked.holds(case)


@pytest.mark.parametrize("text", ["a", "b", "", "c", "a, b"])
@pytest.mark.parametrize(
    "source",
    [
        'event.type == "a"', 'event.type != "a"', 'event.type == ""', 'event.type in ["a", "b"]', '!(event.type in ["a", "b"])',
        'event.type in ["a"]', "trail.traced", "!trail.traced", 'event.type == "a, b"', 'event.type != "a" && trail.traced',
    ],
)  # fmt: skip
def test_a_plain_comparison_gives_what_cel_gives(source: str, text: str) -> None:
    """What is judged without CEL, since it is plain, means the same."""
    fact = {"e": {"type": text}}
    case = Case(View(Subject("t", None, "c", 1), [fact], Policy()), [fact])
    assert cel.compile(source).execute({"event": {"type": text}, "trail": {"traced": True}}) == Expression(source).holds(case)


@pytest.mark.parametrize(
    "source",
    [
        "event.type == event.name",
        'event.type + "a" == "a"',
        "event.type.startsWith('a')",
        '(trail.traced) == (event.type == "a")',
        'trail.traced ? event.type == "a" : trail.merge',
        '(trail.traced) ? trail.merge : (event.type == "a")',
    ],
)
@pytest.mark.parametrize("text", ["a", "b"])
def test_what_is_not_plain_is_left_to_cel(source: str, text: str) -> None:
    """Nothing is judged by its looks: brackets that do not belong together join nothing."""
    fact = {"e": {"type": text, "name": "a"}}
    case = Case(View(Subject("t", None, "c", 1), [fact], Policy()), [fact])
    context = {"event": {"type": text, "name": "a"}, "trail": {"traced": True, "merge": False}}
    assert _without_cel(source) is None
    assert cel.compile(source).execute(context) == Expression(source).holds(case)


def test_a_text_is_what_is_written_with_the_fields_filled_in() -> None:
    """Whatever else is written in it stays, a percent sign and a brace without its other one, too; and it can be sent."""
    fact = {"e": {"type": "a", "name": "100%s {event.type}"}}
    text = Text("100% of {event.type}: {event.name} {{event.type}} %d } {trail.traced}")
    case = Case(View(Subject("t", None, "c", 1), [fact], Policy()), [fact])
    assert text.fill(case) == "100% of a: 100%s {event.type} {a} %d } True"
    assert pickle.dumps(text)


def test_almost_all_built_in_conditions_need_no_cel() -> None:
    """One that does costs each event that it is asked about as much as ten others."""
    conditions = [rule.rule.when for rule in RuleSet.load().rules if rule.rule.when != "true"]
    assert sum(_without_cel(source) is not None for source in conditions) >= 0.9 * len(conditions)


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("a && b", ["a ", " b"]),
        ("a && (b && c) && d", ["a ", " (b && c) ", " d"]),
        ("a && b || c", ["a && b || c"]),
        ("a && b ? c : d", ["a && b ? c : d"]),
        ("a == ' && ' && b", ["a == ' && ' ", " b"]),
        ("a[b && c]", ["a[b && c]"]),
    ],
)
def test_an_expression_is_cut_only_where_and_stands_at_the_top(source: str, parts: list[str]) -> None:
    """Not in texts, not in brackets, and not where something weaker stands beside it."""
    assert parts == _conjuncts(source)


def test_every_field_has_a_value_on_an_empty_trail() -> None:
    """A rule never meets a missing field: there is an empty text or a no."""
    case = Case(View(Subject("t", None, None, 1), (), Policy()), ({"e": {}},))
    values = {path: field(case) for path, field in FIELDS.items()}
    assert all(isinstance(value, str | bool) for value in values.values())
