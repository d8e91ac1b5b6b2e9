"""`pipetrail import audit-log`: click, and the loop over files."""

import os
import sys
import time
from datetime import datetime
from pathlib import Path

import click
from pipetrail_schemas.connection import load
from pipetrail_schemas.times import now

from pipetrail_producers.ci.context import origin
from pipetrail_producers.importers.audit_log.entries import read
from pipetrail_producers.importers.deliver import BulkDelivery
from pipetrail_producers.importers.moment import Moment
from pipetrail_producers.importers.rest.backfill import Outlet, Summary
from pipetrail_producers.importers.rest.options import Options, report
from pipetrail_producers.importers.rest.outlet import KafkaOutlet, StreamOutlet
from pipetrail_producers.webhook.fact import event
from pipetrail_producers.webhook.github.audit_log import fact
from pipetrail_producers.webhook.github.place import PUBLIC, Place
from pipetrail_producers.webhook.translation import UntranslatableError


@click.command(name="audit-log")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", default=PUBLIC, show_default=True, help="The GitHub that the log is of.")
@click.option("--since", type=Moment(), help="Leave out what is older: 2026-11-23, or a time with its zone.")
@click.option("--dry-run", is_flag=True, help="Print the events, one JSON object a line, and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def import_audit_log(files: tuple[Path, ...], url: str, since: datetime | None, *, dry_run: bool, as_json: bool) -> None:
    """Import GitHub's audit log from FILES: exports, or what a stream wrote; lines or an array of JSON, gzip or not.

    It alone says who bypassed a protection. Entries that are not about delivery are left out.
    """
    instance = (origin(url) or "").lower()
    if not instance:
        raise click.BadParameter(f"{url!r} is no address, like {PUBLIC}", param_hint="--url")
    started, place = time.monotonic(), Place(instance, None, now())
    if dry_run:
        summary = _tell(files, place, since, StreamOutlet(sys.stdout.buffer))
    else:
        with BulkDelivery(load(os.environ).require_kafka()) as delivery:
            summary = _tell(files, place, since, KafkaOutlet(delivery))
    report(summary, time.monotonic() - started, Options(dry_run=dry_run, as_json=as_json))


def _tell(files: tuple[Path, ...], place: Place, since: datetime | None, outlet: Outlet) -> Summary:
    summary = Summary(f"the audit log of {place.instance}")
    for file in files:
        for entry in read(file, summary.left_out.append):
            try:
                found = fact(entry, place)
            except UntranslatableError as exc:
                summary.left_out.append(f"{file}: {exc}")
                continue
            if found is not None and (since is None or found.time >= since):
                outlet.send(event(found, recorded=place.received))
                summary.events[found.type] += 1
    outlet.settle()
    return summary
