"""`pipetrail import SOURCE`: click only; what is imported and how it is delivered stands in the other modules."""

import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path

import click
from pipetrail_schemas.times import now

from pipetrail_producers.ci.context import repository_url
from pipetrail_producers.importers import git_import
from pipetrail_producers.importers.group import SourceGroup
from pipetrail_producers.importers.history import Selection
from pipetrail_producers.importers.moment import Moment


class _RepositoryUrl(click.ParamType):
    """The URL of a repository, made canonical."""

    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The canonical URL; a usage error says what is allowed."""
        return repository_url(str(value)) or self.fail(
            f"{value!r} names no repository: https://host/path, ssh://host/path, host:path or file:///path", param, ctx
        )


@click.group(name="import", cls=SourceGroup)
def importers() -> None:
    """Import history as events.

    The same fact has the same id whoever tells it, so importing again, or on top of what webhooks told, doubles nothing.
    """


@importers.command(name="git")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@click.option("--branch", "branches", multiple=True, metavar="NAME", help="Import what this branch or tag reaches, not HEAD.")
@click.option(
    "--all-refs",
    is_flag=True,
    help="Import what any ref reaches (but forges' trial merges), annotated tags, and what is a squash of what.",
)
@click.option("--since", type=Moment(), help="Leave out what was committed before: 2026-11-23, or a time with its zone.")
@click.option("--repository", type=_RepositoryUrl(), help="Record under this URL instead of the remote's.")
@click.option("--verify-signatures", is_flag=True, help="Let git check every signature (slow); else they are 'unverified'.")
@click.option("--dry-run", is_flag=True, help="Print the events, one JSON object a line, and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def import_git(
    path: Path,
    branches: tuple[str, ...],
    since: datetime | None,
    repository: str | None,
    *,
    all_refs: bool,
    verify_signatures: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import the commits of the git repository at PATH (the current folder unless given)."""
    if all_refs and branches:
        raise click.UsageError("--all-refs and --branch exclude each other")
    started = time.monotonic()
    plan = git_import.Plan(path, repository, Selection(branches, all_refs, since), verify_signatures)
    with git_import.opened(plan, recorded=now()) as source:
        watched = sys.stderr.isatty() and not dry_run
        with click.progressbar(
            length=source.total, label=f"Import {source.repository.url}", file=sys.stderr, hidden=not watched
        ) as bar:
            if dry_run:
                summary = git_import.print_events(source, sys.stdout.buffer)
            else:
                summary = git_import.deliver(source, os.environ, bar.update)
    _report(summary, time.monotonic() - started, dry_run=dry_run, as_json=as_json)


def _report(summary: git_import.Summary, seconds: float, *, dry_run: bool, as_json: bool) -> None:
    # With --dry-run the events have stdout to themselves.
    if as_json:
        click.echo(json.dumps({**summary.as_dict(), "seconds": round(seconds, 3)}), err=dry_run)
        return
    what = "Read" if dry_run else "Imported"
    rate = f"{summary.commits / seconds:,.0f}/s" if seconds > 0 else "at once"
    click.echo(f"{what} {summary.commits:,} commits of {summary.repository} in {seconds:.1f} s ({rate})", err=dry_run)
    for note in summary.notes:
        click.echo(f"  {note}", err=dry_run)
