"""Findings as the page shows them: the ledger, and who and which rules stand behind it. Pure."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, tzinfo

from pipetrail_schemas.finding import Decision, Finding

from pipetrail_review.detail import name_of
from pipetrail_review.lines import rule_words
from pipetrail_review.moments import day, stamp
from pipetrail_review.report.changes import WORST_FIRST, anchor
from pipetrail_review.report.figures import NOBODY, Figures
from pipetrail_review.standing import has_expired, is_overdue, review_of
from pipetrail_review.tables import repository_name
from pipetrail_review.text import plain, short_revision


@dataclass(frozen=True, slots=True)
class FindingView:
    """One row of the ledger: who, what, when, why."""

    anchor: str
    trail: str
    when: str
    severity: str
    rule: str
    title: str
    who: str
    mail: str
    why: str
    ticket: str
    where: str
    review: "Review"


@dataclass(frozen=True, slots=True)
class Review:
    """What became of a finding: in a word, and in full; `overdue`: nothing, although it should have by now."""

    words: str
    more: tuple[str, ...] = ()
    overdue: bool = False


def finding_view(finding: Finding, zone: tzinfo | None, listed: frozenset[str], now: datetime) -> FindingView:
    """A finding as the page shows it; `listed` are the ids of the trails that are on the page, to link to."""
    state, fields = finding.pipetrail.finding, finding.pipetrail
    trail_id = fields.trail.id if fields.trail else ""
    head = finding.vcs.ref.head if finding.vcs and finding.vcs.ref else None
    environment = finding.deployment.environment.name if finding.deployment and finding.deployment.environment else ""
    repository = (
        finding.vcs.repository.url.full if finding.vcs and finding.vcs.repository and finding.vcs.repository.url else None
    )
    where = (repository_name(repository), plain(environment))
    return FindingView(
        anchor=anchor(trail_id) if trail_id in listed else "",
        trail=short_revision(head.revision) if head and head.revision else plain(trail_id[:8]),
        when=stamp(finding.timestamp, zone),
        severity=state.severity,
        rule=rule_words(finding.rule.id),
        title=plain(state.title),
        who=name_of(finding.user) or NOBODY,
        mail=plain(finding.user.email) if finding.user and finding.user.email else "",
        why=plain(finding.event.reason or ""),
        ticket=plain(fields.ticket.id) if fields.ticket else "",
        where=", ".join(part for part in where if part),
        review=_review(finding, zone, now),
    )


def _review(finding: Finding, zone: tzinfo | None, now: datetime) -> Review:
    state = finding.pipetrail.finding
    ignored = tuple(f"{name_of(one.by) or NOBODY}'s word does not count: {plain(one.why)}" for one in state.uncounted or ())
    if settling := review_of(finding):
        return Review(f"{state.status} by {name_of(settling.by) or NOBODY}", (*_decision(settling, zone), *ignored))
    if state.exclusion and state.status == "excluded":
        until = f"{'until' if state.exclusion.expires > now else 'expired'} {day(state.exclusion.expires, zone)}"
        told = (f"{until}, {plain(state.exclusion.owner)}", f"“{plain(state.exclusion.reason)}”")
        return Review("excluded", told, has_expired(state, now))
    due = (f"{'since' if is_overdue(state, now) else 'until'} {day(state.review_due, zone)}",) if state.review_due else ()
    words = "overdue" if is_overdue(state, now) else "due" if state.review_due else ""
    if state.status == "acknowledged" and state.acknowledged:
        taken = f"{name_of(state.acknowledged.by) or NOBODY} takes care of it"
        return Review(words or "acknowledged", (*due, taken, *ignored), is_overdue(state, now))
    return Review(words, (*due, *ignored), is_overdue(state, now))


def _decision(one: Decision, zone: tzinfo | None) -> tuple[str, ...]:
    return (day(one.time, zone), f"“{plain(one.reason)}”", *((plain(one.ticket),) if one.ticket else ()))


def severities(counts: Counter[str]) -> list[tuple[str, int]]:
    """The severities that occur, the worst first, with their numbers."""
    return [(name, counts[name]) for name in WORST_FIRST if counts[name]]


def rule_rows(told: Figures) -> list[tuple[str, str, list[tuple[str, int]], int]]:
    """(rule, its name, severities, total) of every rule that was hit, the most frequent first."""
    rows = [
        (plain(rule), plain(told.rule_names[rule]), severities(counts), counts.total()) for rule, counts in told.by_rule.items()
    ]
    return sorted(rows, key=lambda row: (-row[3], row[0]))


def actor_rows(told: Figures) -> list[tuple[str, int, int]]:
    """(actor, overrides, other findings), the one with the most overrides first."""
    rows = [(who, counts["override"], counts.total() - counts["override"]) for who, counts in told.by_actor.items()]
    return sorted(rows, key=lambda row: (-row[1], -row[2], row[0]))
