"""A trail as a timeline for the terminal.

    Trail 8f2c1ab  "fix: retry on 503"                      1 override
      09:02:11  commit  8f2c1ab  Ann Lee  PAY-17
      09:07:02  test    unit     skipped by Ann Lee, "hotfix"   high  required stage skipped

Pure: what is to be printed follows from the trail, the present and the zone. Only text that passed through `plain` gets here.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo

from pipetrail_schemas.trail import FindingRef, Trail
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from pipetrail_review.documents import label_of, repository_of
from pipetrail_review.lines import Line, lines_of_trail, rule_words
from pipetrail_review.marks import MARK_STYLES
from pipetrail_review.moments import clock, day, zone_name
from pipetrail_review.sections import sections
from pipetrail_review.terminal import SEVERITY_STYLES, Columns, styled
from pipetrail_review.text import SHORT_ID, count, plain, shortened

Cells = Sequence[RenderableType]

_INDENT = 2
# A title is a commit's first line: 72 characters by custom, and whatever people do.
_TITLE_LENGTH = 72
# Where the number of overrides stands when there is room for it.
_TOTALS_COLUMN = 56
_TIME, _KIND, _SEVERITY = 0, 1, 4


class Timeline:
    """A trail for `rich.console.Console.print`.

    Args:
        trail: the trail.
        now: the present; times of today stand without their date.
        zone: the zone to show times in, None for the local one.
        full: also where the trail is from, every start, what it knows besides (`sections`), and the findings' titles and ids.
    """

    def __init__(self, trail: Trail, *, now: datetime, zone: tzinfo | None = None, full: bool = False) -> None:
        self._trail = trail
        self._now = now
        self._zone = zone
        self._full = full

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's protocol for things that can be printed."""
        del console
        yield Columns([(line,) for line in heading(self._trail, options.max_width, whole=self._full)])
        if self._full:
            yield Columns([(_whereabouts(self._trail, self._now, self._zone),)], indent=_INDENT)
        beside = Columns(list(self._rows(row)), kept=(_TIME, _KIND, _SEVERITY), indent=_INDENT)
        fits = beside.natural_width <= options.max_width
        yield beside if fits else Columns(list(self._rows(narrow_row)), kept=(_TIME, _KIND), indent=_INDENT)
        if not self._full:
            return
        for section in sections(self._trail, now=self._now, zone=self._zone):
            yield Text()
            yield Columns([(styled(section.title, "bold"),)], indent=_INDENT)
            yield Columns(section.rows, kept=section.kept, indent=2 * _INDENT)
        if self._trail.pipetrail.trail.findings:
            yield Text()
            yield findings_list(self._trail.pipetrail.trail.findings)

    def _rows(self, cells_of: Callable[[Line, str], Cells]) -> Iterator[Cells]:
        shown_day = day(self._now, self._zone)
        for line in lines_of_trail(self._trail, every=self._full):
            line_day = day(line.time, self._zone)
            if line_day != shown_day:
                yield (styled(line_day, "dim"),)
                shown_day = line_day
            yield cells_of(line, clock(line.time, self._zone))


def timeline(trail: Trail, *, now: datetime, zone: tzinfo | None = None, full: bool = False) -> Timeline:
    """The trail's timeline, to be printed by a rich console; see `Timeline`."""
    return Timeline(trail, now=now, zone=zone, full=full)


def heading(trail: Trail, width: int, *, whole: bool = False) -> Iterator[Text]:
    """`Trail 8f2c1ab  "fix: retry on 503"   1 override`; the totals go to a line of their own where the first is full.

    `whole`: a long title is not cut.
    """
    start = f"Trail {label_of(trail)}"
    message = plain(trail.message or "")
    title = f'  "{message if whole else shortened(message, _TITLE_LENGTH)}"' if message else ""
    totals = found_words(trail)
    line = Text.assemble((start, "bold"), title)
    gap = max(_TOTALS_COLUMN - cell_len(line.plain), 3)
    if totals and cell_len(line.plain) + gap + cell_len(totals) > width:
        yield line
        yield Text(f"{' ' * _INDENT}{totals}", "bold red")
    else:
        yield line.append(" " * gap + totals, "bold red") if totals else line


def found_words(trail: Trail) -> str:
    """`1 override`, `1 override, 2 other findings`, or nothing."""
    overrides = trail.pipetrail.trail.overrides
    others = len(trail.pipetrail.trail.findings) - overrides
    parts = [count(overrides, "override")] if overrides else []
    if others > 0:
        parts.append(count(others, "other finding" if overrides else "finding"))
    return ", ".join(parts)


def row(line: Line, time: str) -> Cells:
    """A line as cells: time, kind, name, what happened, and the findings that hold for it, below each other."""
    found = findings_of(line)
    return (
        styled(time, "dim"),
        styled(line.kind),
        styled(line.name),
        styled("  ".join(line.words), MARK_STYLES[line.mark]),
        Text("\n").join(severity_cell(severity) for severity, _ in found),
        Text("\n").join(styled(rule) for _, rule in found),
    )


def narrow_row(line: Line, time: str) -> Cells:
    """A line as cells where there is little room: the findings stand below what they hold for."""
    words = styled("  ".join(line.words), MARK_STYLES[line.mark])
    told = Text("  ").join([styled(line.name), words]) if line.name else words
    found = [Text("  ").join([severity_cell(severity), styled(rule)]) for severity, rule in findings_of(line)]
    return (styled(time, "dim"), styled(line.kind), Text("\n").join([told, *found]))


def findings_of(line: Line) -> list[tuple[str, str]]:
    """(severity, rule in words) of a line's findings; those that read alike are one, with their number."""
    counts = Counter((finding.severity, rule_words(finding.rule)) for finding in line.findings)
    return [(severity, f"{rule} ({number})" if number > 1 else rule) for (severity, rule), number in counts.items()]


def severity_cell(severity: str) -> Text:
    """A severity, in its colour and in its word."""
    return styled(severity, SEVERITY_STYLES.get(severity, ""))


def findings_list(findings: Sequence[FindingRef]) -> Columns:
    """The findings of a trail with their titles, and the ids by which `pipetrail findings ID` tells all."""
    rows = [
        (severity_cell(one.severity), styled(plain(one.title)), styled(plain(one.id[:SHORT_ID]), "dim")) for one in findings
    ]
    return Columns(rows, kept=(0, 2), indent=_INDENT)


def _whereabouts(trail: Trail, now: datetime, zone: tzinfo | None) -> Text:
    head = trail.vcs.ref.head if trail.vcs.ref else None
    change = trail.vcs.change.id if trail.vcs.change else None
    parts = [
        plain(repository_of(trail) or "no repository known"),
        plain(head.name) if head and head.name else "",
        f"change {plain(change)}" if change else "",
        f"times in {zone_name(now, zone)}",
    ]
    return styled("  ".join(part for part in parts if part), "dim")
