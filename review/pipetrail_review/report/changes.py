"""Changes as the page shows them: heading, strip of stages, findings, timeline. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from pipetrail_schemas.trail import FindingRef, Trail
from pipetrail_schemas.types import Stage

from pipetrail_review.detail import person
from pipetrail_review.documents import label_of, repository_of
from pipetrail_review.findings import SEVERITIES
from pipetrail_review.lines import Line, lines_of_trail, rule_words
from pipetrail_review.marks import Mark, mark_of, stage_words
from pipetrail_review.moments import clock, day, stamp
from pipetrail_review.sections import sections
from pipetrail_review.tables import repository_name
from pipetrail_review.text import plain

# Where a number would suggest that somebody looked and found nothing.
NO_RECORD_SIGN = "–"  # noqa: RUF001 - a dash stands for "nothing here"
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
class SectionView:
    """What is known besides the timeline: a heading and rows of text."""

    title: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class TrailView:
    """One change: heading, strip, findings, what is known besides, timeline."""

    anchor: str
    label: str
    title: str
    about: tuple[str, ...]
    stages: tuple[StageView, ...]
    findings: tuple[tuple[str, str], ...]
    sections: tuple[SectionView, ...]
    lines: tuple[LineView, ...]


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
        sections=tuple(
            SectionView(one.title, tuple(tuple(str(cell) for cell in row) for row in one.rows))
            for one in sections(trail, zone=zone)
        ),
        lines=tuple(_lines(lines_of_trail(trail), zone)),
    )


def anchor(trail_id: str) -> str:
    """The id of a trail's place on the page: letters, digits and dashes, whatever the trail's id is."""
    return "t-" + "".join(character if character.isascii() and character.isalnum() else "-" for character in trail_id)


def _stages(trail: Trail) -> Iterator[StageView]:
    known = {state.stage: state for state in trail.pipetrail.trail.stages}
    for stage in Stage:
        state = known.get(stage)
        mark = mark_of(state) if state else None
        yield StageView(stage.value, stage_words(state), mark.value if mark else NO_RECORD_SIGN, css_of(mark))


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
            sign=line.mark.value,
            css=css_of(line.mark),
            url=line.url if line.url and line.url.startswith(("https://", "http://")) else "",
            findings=tuple((finding.severity, rule_words(finding.rule)) for finding in _worst_first(line.findings)),
        )
        shown = today


def _worst_first(findings: Sequence[FindingRef]) -> list[FindingRef]:
    return sorted(findings, key=lambda one: (WORST_FIRST.index(one.severity), one.rule, one.id))
