"""Imports what is read out of files, value by value: shows how it goes, hands the events on, and tells what became of it."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from pipetrail_schemas.connection import load

from pipetrail_producers.importers.deliver import BulkDelivery
from pipetrail_producers.importers.rest.backfill import Outlet, Summary
from pipetrail_producers.importers.rest.display import display
from pipetrail_producers.importers.rest.options import Options, report
from pipetrail_producers.importers.rest.outlet import KafkaOutlet, StreamOutlet
from pipetrail_producers.importers.watched import watched
from pipetrail_producers.webhook.fact import Fact, event
from pipetrail_producers.webhook.translation import UntranslatableError

# A value as it was read, and where it stood, for people.
Placed = tuple[str, Any]


def import_files(
    values: Iterator[Placed],
    what: str,
    facts: Callable[[str, Any], Iterable[Fact]],
    told: Summary,
    *,
    recorded: datetime,
    options: Options,
) -> None:
    """Import all values, and print the summary.

    Args:
        values: what was read; whoever reads notes in `told.left_out` what could not be.
        what: they are called, for people.
        facts: the facts of a value that stood somewhere; raises UntranslatableError for what is none.
        told: is filled.
        recorded: the events' `recordedtime`.
        options: `dry_run`, `as_json` and `since`.

    Raises:
        SavedAnswerError: a file cannot be read, or nothing in it.
        UndeliveredError: not every event was acknowledged.
    """
    started = time.monotonic()
    with display(told.origin, on_terminal=sys.stderr.isatty() and not options.dry_run) as shown:
        seen = watched(values, what, shown, told)

        def into(outlet: Outlet) -> None:
            for fact in _wanted(seen, facts, told, options.since):
                outlet.send(event(fact, recorded=recorded))
                told.events[fact.type] += 1
            outlet.settle()

        if options.dry_run:
            into(StreamOutlet(sys.stdout.buffer))
        else:
            with BulkDelivery(load(os.environ).require_kafka()) as delivery:
                into(KafkaOutlet(delivery))
    report(told, time.monotonic() - started, options)


def _wanted(
    values: Iterable[Placed], facts: Callable[[str, Any], Iterable[Fact]], told: Summary, since: datetime | None
) -> Iterator[Fact]:
    for place, value in values:
        try:
            found = list(facts(place, value))
        except UntranslatableError as exc:
            told.left_out.append(f"{place}: {exc}")
            continue
        yield from (fact for fact in found if since is None or fact.time >= since)
