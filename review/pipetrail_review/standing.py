"""How a finding stands at a moment: what was decided about it, whether its review is overdue, whether it is hidden. Pure.

Overdue is a matter of time, so it stands in no document: whoever reads says when.
"""

from collections.abc import Iterator
from datetime import datetime

from pipetrail_schemas.finding import Decision, Finding, FindingState
from pipetrail_schemas.times import format_time

from pipetrail_review.query import Query, all_of, any_of, is_, one_of

# What somebody still has to do something about.
UNSETTLED = ("open", "acknowledged")
_STATUS = "pipetrail.finding.status"


def unsettled(now: datetime) -> Query:
    """Findings that are open or acknowledged, and those that an exclusion hid that has expired since."""
    expired = {"range": {"pipetrail.finding.exclusion.expires": {"lte": format_time(now)}}}
    return any_of(one_of(_STATUS, UNSETTLED), all_of(is_(_STATUS, "excluded"), expired))


def overdue(now: datetime) -> Query:
    """Findings whose review should have been by now, and was not."""
    due = {"range": {"pipetrail.finding.review_due": {"lt": format_time(now)}}}
    return all_of(one_of(_STATUS, UNSETTLED), due)


def is_overdue(state: FindingState, now: datetime) -> bool:
    """Whether its review should have been by now, and was not."""
    return state.status in UNSETTLED and state.review_due is not None and state.review_due < now


def has_expired(state: FindingState, now: datetime) -> bool:
    """Whether what hid it does so no longer."""
    return state.status == "excluded" and state.exclusion is not None and state.exclusion.expires <= now


def status_words(state: FindingState, now: datetime) -> str:
    """The status, and what time makes of it: `acknowledged, overdue`, `exclusion expired`."""
    if has_expired(state, now):
        return "exclusion expired"
    return f"{state.status}, overdue" if is_overdue(state, now) else state.status


def decisions(state: FindingState) -> Iterator[tuple[str, Decision]]:
    """What was decided and counts, as (word, decision), in the order of time."""
    found = [
        ("acknowledged", state.acknowledged),
        ("justified", state.justified),
        ("resolved", state.resolved),
        ("reopened", state.reopened),
    ]
    yield from sorted(((word, one) for word, one in found if one), key=lambda pair: (pair[1].time, pair[1].event_id))


def review_of(finding: Finding) -> Decision | None:
    """The decision that settled the finding: by which somebody justified it, or said that its cause is gone."""
    state = finding.pipetrail.finding
    if state.status == "justified":
        return state.justified
    return state.resolved if state.status == "resolved" else None
