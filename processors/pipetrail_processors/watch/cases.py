"""What a rule judges of a dossier: single events, bursts, or sequences. By event time, whatever the order of arrival. Pure.

A burst is a run of matching events, none further than the window from the one before, that somewhere has as many as the
threshold within one window: one finding, however long it goes on. A sequence is one event for each step, in this order, all
within the window; it starts at each event of the first step, and takes the earliest that complete it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from pipetrail_schemas.times import format_time, parse_time

from pipetrail_processors.detect.case import Case, View
from pipetrail_processors.detect.expression import Judge
from pipetrail_processors.detect.ruleset import Compiled, Events, Step
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.summary import in_order
from pipetrail_processors.watch.dossier import DossierView
from pipetrail_processors.watch.kept import ID, KIND, TIME, Kept


def candidates(rule: Compiled, view: View, events: Events | None = None) -> list[Case]:
    """The cases of the rule whose condition is still to be judged, or has been where it is about several events.

    Args:
        rule: that is asked.
        view: the dossier.
        events: those of it that can make the rule fire, where that is known.

    Raises:
        ValueError: a condition cannot be judged.
    """
    if rule.steps:
        return list(_sequences(rule, view))
    facts = [fact for fact in view.facts if fact["e"]["type"] in rule.on] if events is None else in_order(events.values())
    if rule.rule.threshold is None:
        if rule.rule.state_fields and isinstance(view, DossierView):
            facts = [fact for fact in facts if view.knows_state(fact)]
        return [Case(view, [fact]) for fact in facts]
    matching = [fact for fact in facts if rule.when.holds(Case(view, [fact]))]
    window = rule.rule.window or timedelta()
    return [Case(view, burst) for burst in _runs(matching, window) if _dense(burst, window, rule.rule.threshold)]


def worth_keeping(judges: Iterable[Judge], case: Case) -> bool:
    """Whether an event of a repository or an actor can be part of anything that rules find; `judges` as of `Compiled.keeps`."""
    try:
        for judge in judges:
            if judge(case):
                return True
    except ValueError:
        return True  # that it cannot be judged is a finding, too
    return False


def concerns(rule: Compiled, kept: Kept, kinds: Collection[str], fact: Fact) -> bool:
    """Whether a fact, new among those kept, may alter what the rule finds in them: by types and times alone, quick.

    A push to the trunk is in a story only between two other events, and almost always there are none.

    Args:
        rule: that is asked.
        kept: the fact among the others.
        kinds: the types of all their events.
        fact: the new one.
    """
    if not rule.spans:
        return not rule.is_gated or rule.possible(kept.outlines())
    if any(step.on.isdisjoint(kinds) for step in rule.steps):
        return False
    moment, window = _time(fact), rule.rule.window or timedelta()
    earliest, latest = format_time(moment - window), format_time(moment + window)
    near = [row for row in kept.rows if earliest <= row[TIME] <= latest]
    if rule.rule.threshold is not None:
        return sum(row[KIND] in rule.on for row in near) >= rule.rule.threshold
    kind, time = fact["e"]["type"], fact["e"]["time"]
    before = {row[KIND] for row in near if row[TIME] <= time}
    after = {row[KIND] for row in near if row[TIME] >= time}
    return any(
        kind in step.on
        and not any(before.isdisjoint(other.on) for other in rule.steps[:number])
        and not any(after.isdisjoint(other.on) for other in rule.steps[number + 1 :])
        for number, step in enumerate(rule.steps)
    )


def may_be_told(rule: Compiled, kept: Kept, case: Case) -> bool:
    """Whether each step of a sequence has an event near the case's own that matches it; only those of its types are read."""
    moment, window = _time(case.facts[0]), rule.rule.window or timedelta()
    earliest, latest = format_time(moment - window), format_time(moment + window)
    near = [row for row in kept.rows if earliest <= row[TIME] <= latest]
    for step in rule.steps:
        facts = kept.of({row[ID] for row in near if row[KIND] in step.on})
        if not any(worth_keeping([step.when.holds], Case(case.view, [fact])) for fact in facts):
            return False
    return True


def _sequences(rule: Compiled, view: View) -> Iterator[Case]:
    window = rule.rule.window or timedelta()
    first_step = _matching(rule.steps[0], view)
    if not first_step:
        return
    by_step = [first_step, *(_matching(step, view) for step in rule.steps[1:])]
    taken: set[str] = set()
    for first in by_step[0]:
        chosen = [first]
        end = _time(first) + window
        for candidates_ in by_step[1:]:
            following = next((fact for fact in candidates_ if _moment(fact) > _moment(chosen[-1]) and _time(fact) <= end), None)
            if following is None:
                break
            chosen.append(following)
        # Two first steps before one last are one story: the earliest tells it.
        if len(chosen) == len(by_step) and chosen[-1]["e"]["event_id"] not in taken:
            taken.add(chosen[-1]["e"]["event_id"])
            yield Case(view, chosen)


def _matching(step: Step, view: View) -> list[Fact]:
    return [fact for fact in view.facts if fact["e"]["type"] in step.on and step.when.holds(Case(view, [fact]))]


def _runs(facts: Sequence[Fact], window: timedelta) -> Iterator[list[Fact]]:
    run: list[Fact] = []
    for fact in facts:
        if run and _time(fact) - _time(run[-1]) > window:
            yield run
            run = []
        run.append(fact)
    if run:
        yield run


def _dense(run: Sequence[Fact], window: timedelta, threshold: int) -> bool:
    return any(_time(last) - _time(first) <= window for first, last in zip(run, run[threshold - 1 :], strict=False))


def _time(fact: Fact) -> datetime:
    return parse_time(fact["e"]["time"])


def _moment(fact: Fact) -> tuple[str, str]:
    return fact["e"]["time"], fact["e"]["event_id"]
