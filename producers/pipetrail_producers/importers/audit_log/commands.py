"""`pipetrail import audit-log`: click, and how its files are read."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from pipetrail_schemas.times import now

from pipetrail_producers.ci.context import origin
from pipetrail_producers.importers.audit_log.entries import of_stream, read
from pipetrail_producers.importers.files import Placed, import_files
from pipetrail_producers.importers.moment import Moment
from pipetrail_producers.importers.rest.backfill import Summary
from pipetrail_producers.importers.rest.options import Options
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.github.audit_log import fact
from pipetrail_producers.webhook.github.place import PUBLIC, Place

_STDIN = Path("-")


@click.command(name="audit-log")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--url", default=PUBLIC, show_default=True, help="The GitHub that the log is of.")
@click.option("--since", type=Moment(), help="Leave out what is older: 2026-11-23, or a time with its zone.")
@click.option("--dry-run", is_flag=True, help="Print the events, one JSON object a line, and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def import_audit_log(files: tuple[Path, ...], url: str, since: datetime | None, *, dry_run: bool, as_json: bool) -> None:
    """Import GitHub's audit log from FILES: exports, what a stream wrote, or - for standard input.

    Lines or an array of JSON; files may be compressed with gzip.

    It alone says who bypassed a protection. Entries that are not about delivery are left out.
    """
    instance = (origin(url) or "").lower()
    if not instance:
        raise click.BadParameter(f"{url!r} is no address, like {PUBLIC}", param_hint="--url")
    place, told = Place(instance, None, now()), Summary(f"the audit log of {instance}")

    def facts(_name: str, entry: Any) -> Iterator[Fact]:
        if found := fact(entry, place):
            yield found

    options = Options(since=since, dry_run=dry_run, as_json=as_json)
    import_files(_entries(files, told), "entries", facts, told, recorded=place.received, options=options)


def _entries(files: tuple[Path, ...], told: Summary) -> Iterator[Placed]:
    for file in files:
        name = "standard input" if file == _STDIN else str(file)
        left_out = told.left_out.append
        found = of_stream(sys.stdin.buffer, name, left_out) if file == _STDIN else read(file, left_out)
        yield from ((name, entry) for entry in found)
