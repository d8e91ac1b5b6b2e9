"""The commands `show`, `search`, `findings` and `report`. They put together what the other modules find and print."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click
from pipetrail_schemas.times import now as present

from pipetrail_review import options, searching
from pipetrail_review.detail import detail
from pipetrail_review.documents import finding_of
from pipetrail_review.exclusions import excluded, exclusion_table
from pipetrail_review.findings import (
    CATEGORIES,
    SEVERITIES,
    STATUSES,
    Filter,
    evidence_of,
    find_finding,
    find_findings,
    in_status,
)
from pipetrail_review.kinds import FINDINGS, KINDS, Kind
from pipetrail_review.lookup import find_trails
from pipetrail_review.moments import day
from pipetrail_review.query import Query
from pipetrail_review.render import timeline
from pipetrail_review.standing import overdue, unsettled
from pipetrail_review.tables import Document, readable, table
from pipetrail_review.terminal import console
from pipetrail_review.text import count

# Lines a person reads; the total is said beside them.
_LIMIT = 50
DEFAULT_REPORT = Path("pipetrail-report.html")


@click.command()
@click.argument("name", metavar="COMMIT|DIGEST|RUN", default="HEAD")
@options.repository_option
@options.utc_option
@options.json_option
def show(name: str, repository: str | None, *, utc: bool, as_json: bool) -> None:
    """Show the trail of a commit, an artifact or a run: who did what, when and why.

    A commit may be shortened (at least 4 digits) or be what git calls it here (HEAD, a branch, a tag); a digest may be
    shortened, too. A run is named by its id or address. A digest or run that is part of several trails shows all of them.
    """
    junk: list[str] = []
    with options.client() as client:
        trails = find_trails(client, name, junk, folder=Path.cwd(), repository=repository)
    for remark in searching.left_out("trails", tuple(dict.fromkeys(junk))):
        options.note(remark)
    if as_json:
        options.print_json(trail.model_dump(mode="json", by_alias=True, exclude_none=True) for trail in trails)
        return
    screen = console()
    for number, trail in enumerate(trails):
        if number:
            screen.print()
        screen.print(timeline(trail, now=present(), zone=options.zone_of(utc=utc), full=True))


@click.command()
@click.argument("query")
@click.option("--in", "place", type=click.Choice([*KINDS, "all"]), help="Where to look; events if not said.")
@options.window_options
@options.limit_option(_LIMIT)
@options.utc_option
@options.json_option
def search(
    query: str, place: str | None, since: str | None, until: str | None, limit: int, *, utc: bool, as_json: bool
) -> None:
    """Search events, trails, findings and dead letters, newest first.

    QUERY is in OpenSearch's query string syntax: words, or field:value with AND, OR, NOT and parentheses, such as
    'user.name:ann AND event.outcome:failure', 'artifact.hash:"sha256:…"' or 'rule.id:*'. A query that names fields of
    findings looks among findings, too.
    """
    meant = options.window(since, until, now=present(), utc=utc)
    with options.client() as client:
        found = searching.search(client, query, place=place, window=meant, limit=limit)
        unknown = searching.unknown_fields(client, query, found) if not any(one.hits.total for one in found) else []
    if as_json:
        options.print_json(document for one in found for document in one.hits.documents)
    else:
        shown = [one for one in found if one.hits.documents]
        for number, one in enumerate(shown):
            if len(found) > 1:
                console().print(f"{'' if number == 0 else chr(10)}{one.kind.name}", style="bold")
            _list(one.kind, one.hits.documents, utc=utc)
    for remark in searching.remarks(found, unknown):
        options.note(remark)


@click.command()
@click.argument("finding_id", metavar="[ID]", required=False)
@click.option("--severity", type=click.Choice(SEVERITIES), multiple=True, help="Only this severity; may be repeated.")
@click.option("--category", type=click.Choice(CATEGORIES), multiple=True, help="Only this category; may be repeated.")
@click.option("--rule", metavar="RULE", multiple=True, help="Only hits of this rule; may be repeated.")
@click.option(
    "--status",
    type=click.Choice(["unsettled", *STATUSES, "any"]),
    default="unsettled",
    show_default=True,
    help="Only in this status; unsettled is open or acknowledged.",
)
@click.option("--open", "only_open", is_flag=True, help="Only what nobody has decided about: --status open.")
@click.option("--overdue", "only_overdue", is_flag=True, help="Only unsettled ones whose review should have been by now.")
@click.option("--exclusions", "only_exclusions", is_flag=True, help="The exclusions instead, and how many findings each hides.")
@options.repository_option
@options.window_options
@options.limit_option(_LIMIT)
@click.option("--exit-code", is_flag=True, help="Exit with 1 when there is any such finding, for use in scripts.")
@options.utc_option
@options.json_option
def findings(  # noqa: PLR0917 - click hands over one argument an option
    finding_id: str | None,
    severity: tuple[str, ...],
    category: tuple[str, ...],
    rule: tuple[str, ...],
    status: str,
    repository: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    *,
    exit_code: bool,
    utc: bool,
    as_json: bool,
    only_open: bool,
    only_overdue: bool,
    only_exclusions: bool,
) -> None:
    """List findings, newest first; or with ID (or its first digits) tell one in full.

    `pipetrail finding ack|justify|resolve|reopen ID` says what becomes of one.
    """
    if finding_id is not None:
        _one_finding(finding_id, utc=utc, as_json=as_json)
        return
    now = present()
    meant = options.window(since, until, now=now, utc=utc)
    status = "overdue" if only_overdue else "open" if only_open else status
    wanted = Filter(severity, category, rule, _standing(status, now), repository, meant)
    if only_exclusions:
        _exclusions(replace(wanted, standing=None), now, utc=utc, as_json=as_json)
        return
    with options.client() as client:
        found, others, hidden = find_findings(client, wanted, limit=limit)
    if as_json:
        options.print_json(found.documents)
    elif found.documents:
        _list(FINDINGS, found.documents, utc=utc, now=now)
    if found.total > len(found.documents):
        options.note(f"{len(found.documents)} of {count(found.total, 'finding')}, the newest; --limit shows more")
    if not found.total:
        options.note("no such finding")
    if others:
        elsewhere = "not overdue" if status == "overdue" else "in another status"
        options.note(f"{count(others, 'finding is', 'findings are')} {elsewhere}: --status any")
    if hidden:
        options.note(f"{count(hidden, 'of them is', 'of them are')} hidden by exclusions: --exclusions")
    if exit_code and found.total:
        sys.exit(1)


@click.command()
@options.window_options
@options.repository_option
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_REPORT,
    show_default=True,
    metavar="FILE",
    help="The file to write.",
)
@options.utc_option
def report(since: str | None, until: str | None, repository: str | None, output: Path, *, utc: bool) -> None:
    """Write one self-contained HTML file: figures, overrides, deployments and trails, to be read, printed and kept."""
    from pipetrail_review.report import write  # noqa: PLC0415 - the template engine would slow every other command down

    now = present()
    meant = options.window(since, until, now=now, utc=utc)
    with options.client() as client:
        told = write(client, output, now=now, window=meant, repository=repository, zone=options.zone_of(utc=utc))
    until_day = day(meant.until or now, options.zone_of(utc=utc))
    for remark in searching.left_out("trails and findings", told.junk):
        options.note(remark)
    click.echo(f"{output}: {count(told.trails, 'trail')}, {count(told.findings, 'finding')}, until {until_day}")


def _list(kind: Kind, documents: Sequence[Document], *, utc: bool, now: datetime | None = None) -> None:
    good, reasons = readable(kind, documents)
    if good:
        console().print(table(kind, good, zone=options.zone_of(utc=utc), now=now))
    for remark in searching.left_out(kind.name, reasons):
        options.note(remark)


def _standing(status: str, now: datetime) -> Query | None:
    if status == "any":
        return None
    return {"unsettled": unsettled, "overdue": overdue}.get(status, lambda _now: in_status(status))(now)


def _exclusions(wanted: Filter, now: datetime, *, utc: bool, as_json: bool) -> None:
    with options.client() as client:
        found = excluded(client, wanted)
    if as_json:
        options.print_json(one.as_json(now) for one in found)
    elif found:
        console().print(exclusion_table(found, now=now, zone=options.zone_of(utc=utc)))
    else:
        options.note("no exclusion has hidden anything")


def _one_finding(finding_id: str, *, utc: bool, as_json: bool) -> None:
    with options.client() as client:
        document = find_finding(client, finding_id)
        finding = finding_of(document)
        evidence = [] if as_json else evidence_of(client, finding)
    if as_json:
        options.print_json([document])
        return
    screen = console()
    for part in detail(finding, evidence, zone=options.zone_of(utc=utc), now=present()):
        screen.print(part)
