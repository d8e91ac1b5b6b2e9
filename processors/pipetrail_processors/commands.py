"""`pipetrail topics` and `pipetrail process`: the command line of the processors.

Faust and RocksDB are imported when `process` runs, so that `topics` and every `--help` stay quick.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import click
from pipetrail_schemas import connection
from pipetrail_schemas.service import log
from pipetrail_schemas.service.lifecycle import ready_file
from pipetrail_schemas.service.watched import watched
from pipetrail_schemas.topics import ALL, EVENTS, LINKS, RESOLVED

from pipetrail_processors.engine.datadir import datadir
from pipetrail_processors.engine.topics_admin import Found, TopicsAdmin, changelog_topic, with_partitions
from pipetrail_processors.settings import ProcessSettings

_MAX_PARTITIONS = 1000


@click.group()
def topics() -> None:
    """Create the Kafka topics, or show them."""


@topics.command()
@click.option(
    "--partitions",
    type=click.IntRange(1, _MAX_PARTITIONS),
    help="Partitions of new topics: as many workers can share the load. Cannot be changed later. [default: 12]",
)
@click.option(
    "--replication-factor",
    type=click.IntRange(1, 9),
    help="Copies of each partition of new topics. [default: 3, or one a broker]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of lines.")
def apply(partitions: int | None, replication_factor: int | None, *, as_json: bool) -> None:
    """Create what is missing and alter what differs; says what was done. Applying twice changes nothing."""
    admin = TopicsAdmin(connection.load().require_kafka())
    wanted = [with_partitions(topic, partitions) for topic in ALL]
    _print(admin.apply(wanted, replication=replication_factor), as_json=as_json)


@topics.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of lines.")
def show(*, as_json: bool) -> None:
    """Show how the cluster's topics stand to what this version wants; changes nothing."""
    _print(TopicsAdmin(connection.load().require_kafka()).show(ALL), as_json=as_json)


@click.command()
@click.option(
    "--ready-file",
    "ready_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Written, with the port of the pages, once the state is recovered and partitions are assigned; removed at the end.",
)
def process(ready_path: Path | None) -> None:
    """Run a processor: events to records, trails and findings, until SIGTERM or Ctrl-C.

    Start as many as there are partitions; they share the load. /healthz, /readyz and /metrics are on 127.0.0.1:8490, or on a
    free port where that is taken (the log says which). Settings are environment variables, PIPETRAIL_PROCESS_*; a wrong one
    stops the program and says what is allowed.
    """
    settings = ProcessSettings.load()
    log.configure(settings.log_level, settings.log_format)
    # Under load a checkpoint takes longer than the interval between two; that is what it is for.
    logging.getLogger("mode.timers").setLevel(logging.ERROR)
    services = connection.load()
    kafka = services.require_kafka()
    from pipetrail_processors.engine import app, tables, worker  # noqa: PLC0415 - see the module's docstring
    from pipetrail_processors.operation.operation import USUAL_PORT  # noqa: PLC0415 - likewise

    admin = TopicsAdmin(kafka)
    partitions = admin.common_partitions((EVENTS, RESOLVED, LINKS))
    changelog = changelog_topic(settings.group, tables.NAME, partitions)
    admin.apply([changelog], replication=admin.replication_of(EVENTS))
    admin.common_partitions((EVENTS, changelog))
    with datadir(services.home, settings.datadir) as folder:
        built = app.build(settings, kafka, datadir=folder, partitions=partitions)
        with (
            watched(built.operation.watch, settings, usual_port=USUAL_PORT) as pages,
            ready_file(ready_path) as ready_mark,
        ):

            def ready() -> None:
                built.operation.recovered()
                ready_mark.write(str(pages.port))

            worker.Worker(built, ready=ready).run()


def _print(found: Sequence[Found], *, as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "name": one.name,
                "state": one.state,
                "partitions": one.partitions,
                "replication": one.replication,
                "detail": one.detail,
            }
            for one in found
        ]
        click.echo(json.dumps(rows))
        return
    for one in found:
        detail = f"  {one.detail}" if one.detail else ""
        click.echo(f"{one.name:30}{one.state:10}{one.partitions:3} partitions x {one.replication}{detail}")
