"""What is found is a function of the events, in any order within bounds and with any repetition."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_processors.anomaly.series import JUDGED
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.rule import Rule
from pipetrail_processors.detect.ruleset import RuleSet
from support.histories import findings, measuring

# Fewer samples than by default, so that a short history is judged.
_FEW = 8
_LATE = JUDGED - 2


def _eager(rule: Rule) -> Rule:
    assert rule.measure is not None
    threshold = 0.3 if rule.measure.name in {"deployment_hour", "first_deployment"} else 2
    changed = {"samples": _FEW, "threshold": threshold, "least": 0.0}
    return rule.model_copy(update={"measure": rule.measure.model_copy(update=changed)})


# What is told as a burst is told as no rate, in any order, too.
_BURST = next(one.rule for one in RuleSet.load().rules if one.rule.id == "many-overrides").model_copy(update={"threshold": 3})
RULES = RuleSet.of([*(_eager(one.rule) for one in measuring().rules), _BURST])


@st.composite
def _event(draw: st.DrawFn, number: int) -> list[dict[str, Any]]:
    """What happens at one moment: a commit and its build, a deployment of it, an override."""
    who = {"user.name": draw(st.sampled_from(["Ann", "Ann", "Bob", "Cem"]))}
    minute = number * draw(st.sampled_from([170, 200])) + draw(st.integers(0, 90))
    commit = {"vcs.ref.head.revision": f"{number:040x}"}
    about = {"pipetrail.commit": {"message": "Do it", "parents": [f"{max(0, number - draw(st.integers(1, 4))):040x}"]}}
    result = {"pipetrail.result": draw(st.sampled_from(["success", "success", "failure"]))}
    run = {"cicd.pipeline.name": "ci", **commit}
    length = draw(st.sampled_from([60, 62, 58, 65, 900]))
    told: list[dict[str, Any]] = [{"type": "commit.recorded", "minute": minute, **commit, **about}]
    if draw(st.booleans()):
        told.append(
            {"type": "build.finished", "minute": minute + length, **run, **result, "event.duration": length * 60_000_000_000}
        )
    else:
        told += [
            {"type": "build.started", "minute": minute, **run},
            {"type": "build.finished", "minute": minute + length, **run, **result},
        ]
    place = draw(st.sampled_from(["prod", "prod", "staging"]))
    where = {"deployment.environment.name": place, "deployment.id": str(number)}
    told.append({"type": "deployment.finished", "minute": minute + 5, **commit, **where, **who, **result})
    if draw(st.integers(0, 3)) == 0:
        told.append({"type": "policy.bypassed", "minute": minute + 2, **commit, **who, "pipetrail.control": "review"})
    return [{**one, "key": f"{number} {place}"} for place, one in enumerate(told)]


@st.composite
def _history(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """A history in order, and again with events that come late, by no more than is judged anew, and some told twice."""
    moments = [draw(_event(number)) for number in range(1, draw(st.integers(20, 45)))]
    told = [value for moment in moments for value in messages(moment)]
    late = [(place + draw(st.integers(0, _LATE)), value) for place, value in enumerate(told)]
    again = draw(st.lists(st.sampled_from(late), max_size=6))
    return told, [value for _, value in sorted([*late, *((place + 3, value) for place, value in again)])]


@given(_history())
@settings(max_examples=25, deadline=None)
def test_late_and_repeated_events_end_in_the_same_findings(history: tuple[list[bytes], list[bytes]]) -> None:
    """The open findings are equal in all but how often they changed, whichever order they came about in."""
    one, other = (_open(values) for values in history)
    assert one == other


def test_something_is_found_in_such_histories() -> None:
    """The law is not kept by saying nothing."""
    moments = [[{"type": "build.finished", "minute": number * 200, "key": number, "cicd.pipeline.name": "ci",
                 "vcs.ref.head.revision": f"{number:040x}", "pipetrail.result": "success",
                 "event.duration": 60_000_000_000 * (20 if number == 30 else 1)}] for number in range(1, 40)]  # fmt: skip
    values = [value for moment in moments for value in messages(moment)]
    assert len(_open(values)) == 1


def test_what_was_lost_on_the_way_out_comes_again_with_the_repetition() -> None:
    """An event that is told again has its findings published again, as they are."""
    values = list(messages([_run(number, 1) for number in range(1, 40)] + [_run(40, 20)]))
    assert len(findings([*values, values[-1]], RULES)) == 1
    assert findings(values, RULES) == findings([*values, values[-1]], RULES)


def _run(number: int, length: int) -> dict[str, Any]:
    return {
        "type": "build.finished",
        "minute": number * 200,
        "key": number,
        "vcs.ref.head.revision": f"{number:040x}",
        "cicd.pipeline.name": "ci",
        "pipetrail.result": "success",
        "event.duration": length * 60_000_000_000,
    }


def _open(values: Sequence[bytes]) -> list[dict[str, Any]]:
    found = findings(values, RULES)
    for one in found:
        del one["pipetrail"]["finding"]["revision"]
        one["pipetrail"]["finding"].pop("correction", None)
    return found
