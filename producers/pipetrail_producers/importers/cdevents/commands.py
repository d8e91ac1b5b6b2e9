"""`pipetrail import cdevents`: click, and the loop over what was read."""

import os
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from pipetrail_schemas.connection import load
from pipetrail_schemas.times import now

from pipetrail_producers.ci.context import without_credentials
from pipetrail_producers.importers.cdevents.documents import files_of, of_file, of_stream
from pipetrail_producers.importers.deliver import BulkDelivery
from pipetrail_producers.importers.moment import Moment
from pipetrail_producers.importers.rest.backfill import Outlet, Summary
from pipetrail_producers.importers.rest.display import display
from pipetrail_producers.importers.rest.options import Options, report
from pipetrail_producers.importers.rest.outlet import KafkaOutlet, StreamOutlet
from pipetrail_producers.importers.watched import watched
from pipetrail_producers.webhook.cdevents import SYSTEM
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.fact import event
from pipetrail_producers.webhook.translation import Translation, UntranslatableError

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
    started, told = time.monotonic(), Summary("CDEvents")
    with display(told.origin, on_terminal=sys.stderr.isatty() and not dry_run) as shown:
        values = watched(_values(paths, told), "events", shown, told)
        if dry_run:
            _tell(values, url, since, StreamOutlet(sys.stdout.buffer), told)
        else:
            with BulkDelivery(load(os.environ).require_kafka()) as delivery:
                _tell(values, url, since, KafkaOutlet(delivery), told)
    report(told, time.monotonic() - started, Options(dry_run=dry_run, as_json=as_json))


def _values(paths: tuple[Path, ...], told: Summary) -> Iterator[tuple[str, Any]]:
    for path in paths:
        if path == _STDIN:
            yield from of_stream(sys.stdin.buffer, "standard input", told.left_out.append)
        else:
            for file in files_of([path]):
                yield from of_file(file, told.left_out.append)


def _tell(values: Iterator[tuple[str, Any]], url: str | None, since: datetime | None, outlet: Outlet, told: Summary) -> None:
    recorded = now()
    for place, value in values:
        try:
            found = SYSTEM.translate(Delivery({}, value, recorded, instance=url))
        except UntranslatableError as exc:
            told.left_out.append(f"{place}: {exc}")
            continue
        if found.silent:
            told.left_out.append(f"{place}: {SYSTEM.kind(Delivery({}, value, recorded))}: {found.silent}")
        for fact in _wanted(found, since):
            outlet.send(event(fact, recorded=recorded))
            told.events[fact.type] += 1
    outlet.settle()


def _wanted(found: Translation, since: datetime | None) -> Iterator[Any]:
    return (fact for fact in found.facts if since is None or fact.time >= since)
