"""A replay without a command line: what a list of events comes to."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pipetrail_processors.detect.labelled import START
from pipetrail_processors.detect.rule import Rule
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.replay.crew import Crew
from pipetrail_processors.replay.message import Message, Scope, messages
from pipetrail_processors.replay.plan import Plan
from pipetrail_processors.replay.trial import Span, Trial, tried
from pipetrail_schemas.topics import FINDINGS, TRAILS
from support.world import WAIT

Latest = dict[bytes, bytes]


def plan_of(rules: Sequence[Rule] | None = None, policy: Policy | None = None) -> Plan:
    """A plan of one set of rules, the built-in ones if not said."""
    chosen = [compiled.rule for compiled in RuleSet.load().rules] if rules is None else rules
    return Plan([chosen], policy or Policy(), WAIT)


def outcome_of(history: Iterable[Message], plan: Plan, *, until: datetime, workers: int = 1) -> tuple[Latest, Latest]:
    """The trails and findings that a history comes to."""
    with Crew(plan, workers=workers) as crew:
        outcome = crew.replay(history, Scope(), until, Span())
        return dict(outcome.latest(TRAILS)), dict(outcome.latest(FINDINGS))


def trial_of(values: Iterable[bytes], rules: Sequence[Rule], policy: Policy, *, until: datetime | None = None) -> Trial:
    """The trial of rules over events, as of a moment; if none is said, a month after they began."""
    span = Span()
    with Crew(plan_of(rules, policy), workers=1) as crew:
        return tried(crew.replay(messages(values), Scope(), until or _LATER, span), span)


_LATER = START + timedelta(days=30)
