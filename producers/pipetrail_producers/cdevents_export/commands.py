"""`pipetrail export cdevents`: click, and the loop over what was read."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pipetrail_schemas.check import event_problems

from pipetrail_producers.cdevents_export.cdevent import cdevent
from pipetrail_producers.importers.cdevents.documents import files_of, of_file, of_stream

_STDIN = Path("-")
# Something in the input was no event: what was exported stands, and somebody has to look at the rest.
_EXIT_NO_EVENT = 65  # EX_DATAERR of sysexits.h


@click.group(name="export")
def export() -> None:
    """Write events in other systems' words."""


@export.command(name="cdevents")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, allow_dash=True, path_type=Path))
def export_cdevents(paths: tuple[Path, ...]) -> None:
    """Write the events of PATHS (standard input unless given) as CDEvents 0.5.1, one JSON object a line.

    PATHS hold events as they stand on the topic and as --dry-run prints them. What CDEvents has no words for is left out and
    counted on standard error. Exit code 65: something was no event.
    """
    bad: list[str] = []
    left_out: Counter[str] = Counter()
    written = 0
    for place, value in _values(paths or (_STDIN,), bad):
        problem = next((f"{field} {what}" for field, what in event_problems(value, unknown_allowed=True)), None)
        if problem:
            bad.append(f"{place} is no event: {problem}")
            continue
        found = cdevent(value)
        if found.cdevent is None:
            left_out[found.why] += 1
            continue
        click.echo(json.dumps(found.cdevent, ensure_ascii=False, separators=(",", ":")))
        written += 1
    _tell(written, left_out, bad)


def _values(paths: tuple[Path, ...], bad: list[str]) -> Iterator[tuple[str, Any]]:
    for path in paths:
        if path == _STDIN:
            yield from of_stream(sys.stdin.buffer, "standard input", bad.append)
        else:
            for file in files_of([path]):
                yield from of_file(file, bad.append)


def _tell(written: int, left_out: Counter[str], bad: list[str]) -> None:
    click.echo(f"Exported {written:,} events", err=True)
    for why, count in left_out.most_common():
        click.echo(f"  {count:>8,} left out: {why}", err=True)
    for problem in bad:
        click.echo(f"  {problem}", err=True)
    if bad:
        sys.exit(_EXIT_NO_EVENT)
