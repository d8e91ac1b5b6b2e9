"""`pipetrail import audit-log`: click, and the loop over files."""

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

from pipetrail_producers.ci.context import origin
from pipetrail_producers.importers.audit_log.entries import of_stream, read
from pipetrail_producers.importers.deliver import BulkDelivery
from pipetrail_producers.importers.moment import Moment
from pipetrail_producers.importers.rest.backfill import Outlet, Summary
from pipetrail_producers.importers.rest.display import display
from pipetrail_producers.importers.rest.options import Options, report
from pipetrail_producers.importers.rest.outlet import KafkaOutlet, StreamOutlet
from pipetrail_producers.importers.watched import watched
from pipetrail_producers.webhook.fact import event
from pipetrail_producers.webhook.github.audit_log import fact
from pipetrail_producers.webhook.github.place import PUBLIC, Place
from pipetrail_producers.webhook.translation import UntranslatableError

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
    started, place, told = time.monotonic(), Place(instance, None, now()), Summary(f"the audit log of {instance}")
    with display(told.origin, on_terminal=sys.stderr.isatty() and not dry_run) as shown:
        entries = watched(_entries(files, told), "entries", shown, told)
        if dry_run:
            _tell(entries, place, since, StreamOutlet(sys.stdout.buffer), told)
        else:
            with BulkDelivery(load(os.environ).require_kafka()) as delivery:
                _tell(entries, place, since, KafkaOutlet(delivery), told)
    report(told, time.monotonic() - started, Options(dry_run=dry_run, as_json=as_json))


def _entries(files: tuple[Path, ...], told: Summary) -> Iterator[tuple[str, Any]]:
    for file in files:
        name = "standard input" if file == _STDIN else str(file)
        left_out = told.left_out.append
        found = of_stream(sys.stdin.buffer, name, left_out) if file == _STDIN else read(file, left_out)
        yield from ((name, entry) for entry in found)


def _tell(entries: Iterator[tuple[str, Any]], place: Place, since: datetime | None, outlet: Outlet, told: Summary) -> None:
    for name, entry in entries:
        try:
            found = fact(entry, place)
        except UntranslatableError as exc:
            told.left_out.append(f"{name}: {exc}")
            continue
        if found is not None and (since is None or found.time >= since):
            outlet.send(event(found, recorded=place.received))
            told.events[found.type] += 1
    outlet.settle()
