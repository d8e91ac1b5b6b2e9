"""`pipetrail import cdevents`: click, and how its files are read."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from pipetrail_schemas.times import now

from pipetrail_producers.ci.context import without_credentials
from pipetrail_producers.importers.cdevents.documents import files_of, of_file, of_stream
from pipetrail_producers.importers.files import Placed, import_files
from pipetrail_producers.importers.moment import Moment
from pipetrail_producers.importers.rest.backfill import Summary
from pipetrail_producers.importers.rest.options import Options
from pipetrail_producers.webhook.cdevents import SYSTEM
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.fact import Fact

_STDIN = Path("-")


@click.command(name="cdevents")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option("--url", metavar="URL", help="What relative sources are relative to, as in the collector's settings.")
@click.option("--since", type=Moment(), help="Leave out what is older: 2026-11-23, or a time with its zone.")
@click.option("--dry-run", is_flag=True, help="Print the events, one JSON object a line, and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def import_cdevents(paths: tuple[Path, ...], url: str | None, since: datetime | None, *, dry_run: bool, as_json: bool) -> None:
    """Import CDEvents from PATHS: files, folders of files, or - for standard input; lines or documents of JSON, gzip or not.

    Versions 0.3 to 0.6, by themselves or in CloudEvents. What tells no outcome, no digest or no repository is left out.
    """
    if url is not None and without_credentials(url) is None:
        raise click.BadParameter(f"{url!r} is no address, like https://ci.example", param_hint="--url")
    told, recorded = Summary("CDEvents"), now()

    def facts(place: str, value: Any) -> tuple[Fact, ...]:
        delivery = Delivery({}, value, recorded, instance=url)
        found = SYSTEM.translate(delivery)
        if found.silent:
            told.left_out.append(f"{place}: {SYSTEM.kind(delivery)}: {found.silent}")
        return found.facts

    options = Options(since=since, dry_run=dry_run, as_json=as_json)
    import_files(_values(paths, told), "events", facts, told, recorded=recorded, options=options)


def _values(paths: tuple[Path, ...], told: Summary) -> Iterator[Placed]:
    for path in paths:
        if path == _STDIN:
            yield from of_stream(sys.stdin.buffer, "standard input", told.left_out.append)
        else:
            for file in files_of([path]):
                yield from of_file(file, told.left_out.append)
