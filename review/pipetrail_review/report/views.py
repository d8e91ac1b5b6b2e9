"""What the page shows, in words: rows, strips and bars, made from figures so that the template only places them. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from pipetrail_schemas.finding import Finding
from pipetrail_schemas.trail import FindingRef, Trail
from pipetrail_schemas.types import Stage

from pipetrail_review.detail import name_of, person
from pipetrail_review.documents import label_of, repository_of
from pipetrail_review.findings import SEVERITIES
from pipetrail_review.lines import Line, Mark, lines_of_trail, mark_of, rule_words, stage_words
from pipetrail_review.moments import clock, day, duration, stamp
from pipetrail_review.report.figures import NOBODY, Environment, Figures
from pipetrail_review.report.trend import Step, Trend
from pipetrail_review.tables import repository_name
from pipetrail_review.text import count, plain, short_revision

# Where a number would suggest that somebody looked and found nothing.
NO_RECORD_SIGN = "–"  # noqa: RUF001 - a dash stands for "nothing here"
# The chart's own units; the page stretches it.
BAR_WIDTH, BAR_GAP, UPPER, LOWER = 10.0, 2.0, 100.0, 40.0
WORST_FIRST: tuple[str, ...] = SEVERITIES[::-1]


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage of a strip."""

    name: str
    words: str
    sign: str
    css: str


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of a timeline. `day` only where it differs from the line before."""

    day: str
    clock: str
    kind: str
    name: str
    words: str
    sign: str
    css: str
    url: str
    findings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TrailView:
    """One change: heading, strip, findings, timeline."""

    anchor: str
    label: str
    title: str
    about: tuple[str, ...]
    stages: tuple[StageView, ...]
    findings: tuple[tuple[str, str], ...]
    lines: tuple[LineView, ...]


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
    status: str


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """One row of the deployments."""

    name: str
    deployments: str
    succeeded: str
    failed: str
    last: str
    last_trail: str
    last_anchor: str
    lead_time: str


@dataclass(frozen=True, slots=True)
class BarView:
    """One step of the chart, in its units: offset from the left, and heights of its three parts."""

    label: str
    x: float
    succeeded: float
    failed: float
    overrides: float


def trail_view(trail: Trail, zone: tzinfo | None) -> TrailView:
    """A trail as the page shows it."""
    state = trail.pipetrail.trail
    ticket = trail.pipetrail.ticket
    about = (
        repository_name(repository_of(trail)),
        person(trail.user),
        plain(ticket.id) if ticket else "no ticket",
        stamp(trail.started, zone),
    )
    return TrailView(
        anchor=anchor(state.id),
        label=label_of(trail),
        title=plain(trail.message or "no commit message known"),
        about=tuple(part for part in about if part),
        stages=tuple(_stages(trail)),
        findings=tuple((one.severity, plain(one.title)) for one in _worst_first(state.findings)),
        lines=tuple(_lines(lines_of_trail(trail), zone)),
    )


def finding_view(finding: Finding, zone: tzinfo | None, listed: frozenset[str]) -> FindingView:
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
        status=state.status,
    )


def environment_view(environment: Environment, zone: tzinfo | None, listed: frozenset[str]) -> EnvironmentView:
    """An environment as the page shows it."""
    last, trail = environment.last, environment.last_trail
    lead_time = environment.lead_time
    trail_id = trail.pipetrail.trail.id if trail else ""
    return EnvironmentView(
        name=plain(environment.name),
        deployments=f"{environment.succeeded + environment.failed:,}",
        succeeded=f"{environment.succeeded:,}",
        failed=f"{environment.failed:,}",
        last=stamp(last.time, zone) if last else "",
        last_trail=label_of(trail) if trail else "",
        last_anchor=anchor(trail_id) if trail_id in listed else "",
        lead_time=f"{duration(lead_time)} ({len(environment.lead_times)})" if lead_time is not None else NO_RECORD_SIGN,
    )


def bars(trend: Trend) -> list[BarView]:
    """The trend as bars: deployments above the line to the height UPPER, overrides below it to LOWER."""
    up, down = UPPER / max(trend.most_deployments, 1), LOWER / max(trend.most_overrides, 1)
    return [
        BarView(
            label=_bar_label(step),
            x=number * (BAR_WIDTH + BAR_GAP),
            succeeded=round(step.succeeded * up, 2),
            failed=round(step.failed * up, 2),
            overrides=round(step.overrides * down, 2),
        )
        for number, step in enumerate(trend.steps)
    ]


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


def anchor(trail_id: str) -> str:
    """The id of a trail's place on the page: letters, digits and dashes, whatever the trail's id is."""
    return "t-" + "".join(character if character.isascii() and character.isalnum() else "-" for character in trail_id)


def _stages(trail: Trail) -> Iterator[StageView]:
    known = {state.stage: state for state in trail.pipetrail.trail.stages}
    for stage in Stage:
        state = known.get(stage)
        mark = mark_of(state) if state else None
        yield StageView(stage.value, stage_words(state), mark.sign if mark else NO_RECORD_SIGN, css_of(mark))


def _bar_label(step: Step) -> str:
    return f"{step.label}: {count(step.deployments, 'deployment')}, {step.failed} failed, {count(step.overrides, 'override')}"


def css_of(mark: Mark | None) -> str:
    """The style class of a mark; `none` where there is no record."""
    return mark.name.lower() if mark else "none"


def _lines(lines: Sequence[Line], zone: tzinfo | None) -> Iterator[LineView]:
    shown = ""
    for line in lines:
        today = day(line.time, zone)
        yield LineView(
            day=today if today != shown else "",
            clock=clock(line.time, zone),
            kind=line.kind,
            name=line.name,
            words=" · ".join(line.words),
            sign=line.mark.sign,
            css=css_of(line.mark),
            url=line.url if line.url and line.url.startswith(("https://", "http://")) else "",
            findings=tuple((finding.severity, rule_words(finding.rule)) for finding in _worst_first(line.findings)),
        )
        shown = today


def _worst_first(findings: Sequence[FindingRef]) -> list[FindingRef]:
    return sorted(findings, key=lambda one: (WORST_FIRST.index(one.severity), one.rule, one.id))
