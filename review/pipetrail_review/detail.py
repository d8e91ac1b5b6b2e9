"""One finding in full, for the terminal: who did what, where, when and why; why it matters; what to do; what shows it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from pipetrail_schemas.check import lookup
from pipetrail_schemas.event import Person
from pipetrail_schemas.finding import Decision, Finding, FindingState
from rich.console import RenderableType
from rich.text import Text

from pipetrail_review.documents import entry_of
from pipetrail_review.lines import line_of, rule_words
from pipetrail_review.marks import MARK_STYLES
from pipetrail_review.moments import stamp, zone_name
from pipetrail_review.render import severity_cell
from pipetrail_review.standing import UNSETTLED, decisions, is_overdue, status_words
from pipetrail_review.terminal import Columns, styled
from pipetrail_review.text import SHORT_ID, lines_of, plain, short_revision

_INDENT = 2


def detail(
    finding: Finding, evidence: Sequence[Mapping[str, Any]], *, zone: tzinfo | None, now: datetime
) -> Iterator[RenderableType]:
    """The finding, part by part, to be printed one after the other.

    Args:
        finding: the finding.
        evidence: the records of its evidence, as far as they are indexed.
        zone: the zone to show times in, None for the local one.
        now: as of when it is told what is overdue.

    Raises:
        BadDocumentError: what is indexed as evidence is no event.
    """
    state = finding.pipetrail.finding
    yield Text.assemble(
        (f"Finding {plain(state.id[:SHORT_ID])}", "bold"),
        "  ",
        severity_cell(state.severity),
        f"  {rule_words(finding.rule.id)}  ",
        (status_words(state, now), "bold red" if is_overdue(state, now) else "dim"),
    )
    yield Text(f"{' ' * _INDENT}{plain(state.title)}")
    yield Text()
    yield Columns([(styled(name, "dim"), styled(text)) for name, text in _facts(finding, zone)], kept=(0,), indent=_INDENT)
    if told := list(_decided(finding, zone)):
        yield from _section("What was decided", told)
    if finding.rule.description:
        yield from _section("Why it matters", [styled(line) for line in lines_of(finding.rule.description)])
    if state.runbook:
        steps = [(styled(f"{number}."), styled(plain(step))) for number, step in enumerate(state.runbook, 1)]
        yield from _section("What to do", steps)
    yield from _section("Evidence", _evidence(state.evidence, evidence, zone))
    if labels := list(_labels(evidence)):
        yield from _section("What its events say besides", labels)


def _facts(finding: Finding, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    where, fields = _where(finding), finding.pipetrail
    yield "who", _who(finding)
    yield "when", f"{stamp(finding.timestamp, zone)} {zone_name(finding.timestamp, zone)}"
    if where:
        yield "where", where
    yield "why", f'"{plain(finding.event.reason)}"' if finding.event.reason else "no reason was given"
    if fields.ticket:
        yield "ticket", plain(fields.ticket.id)
    if fields.finding.review_due and fields.finding.status in UNSETTLED:
        yield "review due", f"{stamp(fields.finding.review_due, zone)} {zone_name(fields.finding.review_due, zone)}"
    if fields.finding.exclusion:
        yield "exclusion", _exclusion(fields.finding, zone)
    yield "rule", f"{plain(finding.rule.id)}, version {plain(finding.rule.version)}, category {fields.finding.category}"
    yield "id", plain(fields.finding.id)
    if fields.trail:
        yield "trail", f"pipetrail show {plain(fields.trail.id)}"


def _who(finding: Finding) -> str:
    human = person(finding.pipetrail.finding.on_behalf_of)
    return (person(finding.user) or "not known") + (f", for {human}" if human else "")


def _exclusion(state: FindingState, zone: tzinfo | None) -> str:
    told = state.exclusion
    if told is None:
        return ""
    until = f"{'until' if state.status == 'excluded' else 'ended'} {stamp(told.expires, zone)}"
    return f'{until}, by {plain(told.owner)}, "{plain(told.reason)}"'


def _decided(finding: Finding, zone: tzinfo | None) -> Iterator[tuple[Text, ...]]:
    state = finding.pipetrail.finding
    for word, one in decisions(state):
        yield _decision(word, one, zone)
    for ignored in state.uncounted or ():
        word = "reopened" if ignored.status == "open" else ignored.status
        yield (*_decision(word, ignored, zone), styled(f"does not count: {plain(ignored.why)}", "red"))


def _decision(word: str, one: Decision, zone: tzinfo | None) -> tuple[Text, ...]:
    ticket = f"  {plain(one.ticket)}" if one.ticket else ""
    return (
        styled(stamp(one.time, zone), "dim"),
        styled(word),
        styled(person(one.by) or "somebody"),
        styled(f'"{plain(one.reason)}"{ticket}'),
    )


def name_of(who: Person | None) -> str:
    """The name by which a person is known, else the id; empty where there is neither."""
    return plain(who.name or who.id or "") if who else ""


def person(who: Person | None) -> str:
    """`Ann Lee <ann@example.org>`, as much of it as is known."""
    name = name_of(who)
    return f"{name} <{plain(who.email)}>".strip() if who and who.email else name


def _where(finding: Finding) -> str:
    vcs, deployment = finding.vcs, finding.deployment
    head = vcs.ref.head if vcs and vcs.ref else None
    parts = [
        plain(vcs.repository.url.full) if vcs and vcs.repository and vcs.repository.url else "",
        f"commit {short_revision(head.revision)}" if head and head.revision else "",
        f"environment {plain(deployment.environment.name)}" if deployment and deployment.environment else "",
        f"stage {plain(finding.pipetrail.stage)}" if finding.pipetrail.stage else "",
    ]
    return ", ".join(part for part in parts if part)


def _evidence(ids: Sequence[str], records: Sequence[Mapping[str, Any]], zone: tzinfo | None) -> Iterator[Sequence[Text]]:
    lines = sorted((line_of(entry_of(record), ticket=_ticket(record)) for record in records), key=lambda line: line.time)
    for line in lines:
        yield (
            styled(stamp(line.time, zone), "dim"),
            styled(line.kind),
            styled(line.name),
            styled("  ".join(line.words), MARK_STYLES[line.mark]),
        )
    indexed = {line.event_id for line in lines}
    for event_id in ids:
        if event_id not in indexed:
            yield (styled("not indexed", "dim"), styled("event"), styled(plain(event_id)))


def _labels(records: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Text, ...]]:
    """What stands in labels: what an edit of the policy altered, why a gate had said no, what whoever told it added."""
    found = [labels for record in records if isinstance(labels := lookup(record, "pipetrail.labels"), Mapping)]
    for name, value in dict.fromkeys((str(name), str(value)) for labels in found for name, value in sorted(labels.items())):
        yield styled(plain(name), "dim"), styled(plain(value))


def _ticket(record: Mapping[str, Any]) -> str | None:
    ticket = lookup(record, "pipetrail.ticket.id")
    return str(ticket) if ticket else None


def _section(title: str, rows: Any) -> Iterator[RenderableType]:
    yield Text()
    yield Text(f"{' ' * _INDENT}{title}", "bold")
    cells = [row if isinstance(row, tuple) else (row,) for row in rows]
    yield Columns(cells, indent=_INDENT * 2)
