"""The options that the back-fills over REST share, and how one is run from the command line."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from pipetrail_schemas.connection import find_home, load
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.times import format_time, now

from pipetrail_producers.importers.deliver import BulkDelivery
from pipetrail_producers.importers.moment import Moment
from pipetrail_producers.importers.rest import backfill
from pipetrail_producers.importers.rest.client import Client, Say
from pipetrail_producers.importers.rest.display import display
from pipetrail_producers.importers.rest.outlet import KafkaOutlet, StreamOutlet
from pipetrail_producers.importers.rest.position import Position
from pipetrail_producers.importers.rest.saved import SavedAnswers
from pipetrail_producers.importers.rest.source import Source

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--since", type=Moment(), help="Leave out what is older: 2026-11-23, or a time with its zone."),
    click.option("--token-env", metavar="NAME", help="The environment variable that holds the API token."),
    click.option(
        "--from-dir",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Read saved answers from this folder instead of the network.",
    ),
    click.option(
        "--state",
        "state_file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Where to keep how far the import came; in pipetrail's home folder unless given.",
    ),
    click.option("--restart", is_flag=True, help="Begin anew where an earlier import stopped half-way."),
    click.option("--dry-run", is_flag=True, help="Print the events, one JSON object a line, and send nothing."),
    click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON."),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What was said on the command line; the fields are the shared options."""

    since: datetime | None = None
    token_env: str | None = None
    from_dir: Path | None = None
    state_file: Path | None = None
    restart: bool = False
    dry_run: bool = False
    as_json: bool = False


def shared(command: _Command) -> _Command:
    """Give a command the shared options; it takes them as keyword arguments and makes `Options(**them)` of them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def token(options: Options, env: Mapping[str, str], default: str) -> str | None:
    """The API token: of the variable that was named, else of the default one where it is set.

    Raises:
        SettingError: the variable that was named is not set.
    """
    value = env.get(options.token_env or default, "").strip()
    if options.token_env and not value:
        raise SettingError("--token-env", f"the environment variable {options.token_env} is not set")
    return value or None


def source_of(options: Options, base: str, headers: Mapping[str, str], say: Say) -> Source:
    """The saved answers where a folder was named, else the API below `base`."""
    return SavedAnswers(options.from_dir) if options.from_dir else Client(base, headers, say=say)


def import_all(
    origin: str, steps: Sequence[backfill.Step], open_source: Callable[[Say], Source], options: Options, provider: str
) -> None:
    """Run a back-fill as the options say, and print its summary.

    Args:
        origin: URL of what is imported from.
        steps: what to read.
        open_source: makes the source; it is given where to say what whoever waits should know.
        options: the shared options.
        provider: the kind of system, for the state's file name.

    Raises:
        PipetrailError: whatever ended it.
    """
    started = time.monotonic()
    on_terminal = sys.stderr.isatty() and not options.dry_run
    with display(origin, on_terminal=on_terminal) as shown:
        source = open_source(shown.say)
        position = _position(origin, options, provider)

        def into(outlet: backfill.Outlet) -> backfill.Summary:
            return backfill.run(origin, steps, source, outlet, position, recorded=now(), watcher=shown)

        if options.dry_run:
            summary = into(StreamOutlet(sys.stdout.buffer))
        else:
            with BulkDelivery(load(os.environ).require_kafka()) as delivery:
                summary = into(KafkaOutlet(delivery))
    report(summary, time.monotonic() - started, options)


def report(summary: backfill.Summary, seconds: float, options: Options) -> None:
    """Print what was imported; with --dry-run on stderr, since the events have stdout to themselves."""
    if options.as_json:
        click.echo(json.dumps({**summary.as_dict(), "seconds": round(seconds, 3)}), err=options.dry_run)
        return
    what = "Read" if options.dry_run else "Imported"
    click.echo(f"{what} {summary.events.total():,} events of {summary.origin} in {seconds:.1f} s", err=options.dry_run)
    for name, count in sorted(summary.events.items()):
        click.echo(f"  {count:>8,} {name}", err=options.dry_run)
    for note in summary.notes:
        click.echo(f"  {note}", err=options.dry_run)


def _position(origin: str, options: Options, provider: str) -> Position:
    """How far an earlier import of the same came. A dry run and saved answers begin anew: they cost nothing."""
    plan = {"origin": origin, "since": format_time(options.since.astimezone(UTC)) if options.since else None}
    if options.dry_run or (options.from_dir and not options.state_file):
        return Position(None, plan)
    name = f"{provider}-{hashlib.sha256(origin.encode()).hexdigest()[:16]}.json"
    file = options.state_file or find_home(os.environ, Path.cwd()) / "imports" / name
    position = Position(file, plan)
    if options.restart:
        position.finish()
    return position
