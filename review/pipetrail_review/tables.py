"""Lists for the terminal: what a search found, one line each, with the columns that matter for its kind. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from pipetrail_schemas.check import lookup
from pipetrail_schemas.finding import Finding
from pipetrail_schemas.times import parse_time
from pipetrail_schemas.trail import Trail
from rich.console import RenderableType
from rich.text import Text

from pipetrail_review.documents import entry_of, finding_of, label_of, sound, text_at, trail_of
from pipetrail_review.errors import BadDocumentError
from pipetrail_review.kinds import DEAD_LETTERS, EVENTS, FINDINGS, TRAILS, Kind
from pipetrail_review.lines import line_of, rule_words
from pipetrail_review.marks import MARK_STYLES, mark_of, stage_words
from pipetrail_review.moments import stamp
from pipetrail_review.render import found_words, severity_cell
from pipetrail_review.standing import is_overdue, status_words
from pipetrail_review.terminal import Columns, styled
from pipetrail_review.text import SHORT_ID, plain, short_revision, shortened

Document = Mapping[str, Any]
Row = Sequence[RenderableType]

_TITLE_LENGTH = 72
_HEADINGS: dict[Kind, tuple[str, ...]] = {
    EVENTS: ("TIME", "EVENT", "REPOSITORY", "COMMIT", "WHAT", "HOW"),
    TRAILS: ("TIME", "COMMIT", "REPOSITORY", "TITLE", "STAGES", "FOUND"),
    FINDINGS: ("ID", "TIME", "SEVERITY", "STATUS", "RULE", "WHAT", "REPOSITORY", "COMMIT"),
    DEAD_LETTERS: ("TIME", "TOPIC", "POSITION", "REFUSED BY", "ERROR"),
}
# Columns of times, ids and the like, which are useless in pieces.
_KEPT: dict[Kind, tuple[int, ...]] = {EVENTS: (0, 1, 3), TRAILS: (0, 1), FINDINGS: (0, 1, 2, 3, 7), DEAD_LETTERS: (0, 2, 3)}


def table(kind: Kind, documents: Sequence[Document], *, zone: tzinfo | None, now: datetime | None = None) -> Columns:
    """The documents as a list with headings, in the order given; as of `now` it is said which reviews are overdue.

    Raises:
        BadDocumentError: a document does not follow the schema of its kind.
    """
    rows = _rows(kind, documents, zone, now)
    return Columns([tuple(styled(name, "bold dim") for name in _HEADINGS[kind]), *rows], kept=_KEPT[kind])


def readable(kind: Kind, documents: Sequence[Document]) -> tuple[list[Document], list[str]]:
    """Those of the documents that `table` takes, and why it does not take the others (`documents.sound`)."""

    def shown(document: Document) -> Document:
        _rows(kind, [document], UTC, None)
        return document

    reasons: list[str] = []
    return list(sound(shown, documents, reasons)), reasons


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """Each id shortened as far as it stays apart from the others, to at least eight digits."""
    wanted = list(ids)
    for length in range(SHORT_ID, max(map(len, wanted), default=0)):
        if len({one[:length] for one in wanted}) == len(set(wanted)):
            return {one: one[:length] for one in wanted}
    return {one: one for one in wanted}


def repository_name(url: str | None) -> str:
    """The last two parts of a repository's URL, `owner/name`, which is what people call it."""
    return plain("/".join(url.rstrip("/").split("/")[-2:])) if url else ""


def _rows(kind: Kind, documents: Sequence[Document], zone: tzinfo | None, now: datetime | None) -> list[Row]:
    if kind is FINDINGS:
        findings = [finding_of(document) for document in documents]
        ids = short_ids(finding.pipetrail.finding.id for finding in findings)
        return [_finding(finding, ids, zone, now) for finding in findings]
    make: dict[Kind, Callable[[Document, tzinfo | None], Row]] = {
        EVENTS: _event,
        TRAILS: lambda document, zone: _trail(trail_of(document), zone),
        DEAD_LETTERS: _dead_letter,
    }
    return [make[kind](document, zone) for document in documents]


def _event(document: Document, zone: tzinfo | None) -> Row:
    line = line_of(entry_of(document), ticket=text_at(document, "pipetrail.ticket.id"))
    revision = text_at(document, "vcs.ref.head.revision")
    message = text_at(document, "pipetrail.commit.message") or ""
    # A commit is told by its first line; it has no result.
    name = shortened(plain(message.partition("\n")[0]), _TITLE_LENGTH) if message else line.name
    return (
        styled(stamp(line.time, zone), "dim"),
        styled(plain(lookup(document, "pipetrail.event_type") or "")),
        styled(repository_name(text_at(document, "vcs.repository.url.full"))),
        styled(short_revision(revision) if revision else ""),
        styled(name),
        styled("  ".join(line.words), MARK_STYLES[line.mark]),
    )


def _trail(trail: Trail, zone: tzinfo | None) -> Row:
    repository = trail.vcs.repository
    stages = Text("  ").join(
        styled(f"{state.stage} {mark_of(state).value} {stage_words(state)}", MARK_STYLES[mark_of(state)])
        for state in trail.pipetrail.trail.stages
        if state.stage != "commit"
    )
    return (
        styled(stamp(trail.timestamp, zone), "dim"),
        styled(label_of(trail)),
        styled(repository_name(repository.url.full if repository and repository.url else None)),
        styled(shortened(plain(trail.message or ""), _TITLE_LENGTH)),
        stages,
        styled(found_words(trail), "bold red"),
    )


def _finding(finding: Finding, ids: Mapping[str, str], zone: tzinfo | None, now: datetime | None) -> Row:
    state, vcs = finding.pipetrail.finding, finding.vcs
    head = vcs.ref.head if vcs and vcs.ref else None
    repository = vcs.repository.url.full if vcs and vcs.repository and vcs.repository.url else None
    return (
        styled(plain(ids[state.id]), "bold"),
        styled(stamp(finding.timestamp, zone), "dim"),
        severity_cell(state.severity),
        styled(status_words(state, now), "bold red" if is_overdue(state, now) else "") if now else styled(state.status),
        styled(rule_words(finding.rule.id)),
        styled(plain(state.title)),
        styled(repository_name(repository)),
        styled(short_revision(head.revision) if head and head.revision else ""),
    )


def _dead_letter(document: Document, zone: tzinfo | None) -> Row:
    position = f"{lookup(document, 'pipetrail.dead_letter.partition')}/{lookup(document, 'pipetrail.dead_letter.offset')}"
    return (
        styled(stamp(_moment(document), zone), "dim"),
        styled(plain(lookup(document, "pipetrail.dead_letter.topic") or "")),
        styled(plain(position)),
        styled(plain(lookup(document, "pipetrail.dead_letter.stage") or "")),
        styled(plain(lookup(document, "error.message") or ""), "red"),
    )


def _moment(document: Document) -> datetime:
    try:
        return parse_time(str(document.get("@timestamp")))
    except ValueError as exc:
        raise BadDocumentError(f"a document in the index has no time: {exc}") from exc
