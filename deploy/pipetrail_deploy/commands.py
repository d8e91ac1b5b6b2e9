"""`pipetrail up`, `down` and `status`: the local stack on the command line."""

import json
import os
from pathlib import Path

import click
from pipetrail_schemas import connection

from pipetrail_deploy.demo.services import SERVICES
from pipetrail_deploy.pidfile import end_running
from pipetrail_deploy.places import Home, locked, remove_data
from pipetrail_deploy.reporter import Lines
from pipetrail_deploy.stack import opened
from pipetrail_deploy.status import ServerStatus, survey

_NOT_RUNNING = 3  # as the Linux Standard Base has it for `status` of an init script: "program is not running"
_MB = 1_000_000
_PORT = click.IntRange(0, 65_535)
_HOME = click.option(
    "--home",
    metavar="PATH",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the stack's state; by default $PIPETRAIL_HOME, else the nearest .pipetrail from here upwards.",
)
# In the order in which they are stopped: what reads from Kafka goes before it.
_SERVERS = {"opensearch": "OpenSearch", "kafka": "Kafka"}


@click.command()
@_HOME
@click.option("--kafka-port", type=_PORT, help="Port of Kafka; 0 takes a free one.  [default: as last time, else 9092]")
@click.option("--opensearch-port", type=_PORT, help="Port of OpenSearch, likewise.  [default: as last time, else 9200]")
@click.option("--insecure/--secure", default=None, help="OpenSearch without users and TLS, or with both (the default).")
def up(home: Path | None, kafka_port: int | None, opensearch_port: int | None, *, insecure: bool | None) -> None:
    """Start a local Kafka and OpenSearch.

    Real ones, on this machine and for this machine only, until `pipetrail down`. The first start downloads them (some 260 MB)
    into the cache; later ones need no network. Ports and data are kept from one time to the next.
    """
    place, reporter = _home(home), Lines()
    opened(place.root, kafka_port=kafka_port, opensearch_port=opensearch_port, insecure=insecure, reporter=reporter)
    reporter.line("Home", f"{place.root}   until `pipetrail down`; data stays")


@click.command()
@_HOME
@click.option("--delete-data", is_flag=True, help="Delete everything the servers hold, too.")
def down(home: Path | None, *, delete_data: bool) -> None:
    """Stop the local Kafka and OpenSearch; their data stays.

    Fine if they do not run. What `pipetrail demo --keep` left running beside them is stopped, too.
    """
    place, reporter = _home(home), Lines()
    if not place.run.is_dir():
        reporter.line("Nothing", f"was ever started in {place.root}")
        return
    with locked(place.run / "lock"):
        for service in SERVICES:  # of a demo that was kept
            if end_running(place, service.name):
                reporter.line(service.title, "stopped")
        for name, title in _SERVERS.items():
            reporter.line(title, "stopped" if end_running(place, name) else "did not run")
        if delete_data:
            remove_data(place)
            reporter.line("Data", f"of {place.root} deleted")


@click.command()
@_HOME
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
@click.pass_context
def status(context: click.Context, home: Path | None, *, as_json: bool) -> None:
    """Say what of the local stack runs, and of what `pipetrail demo --keep` left running beside it.

    The exit code is 0 when all of it does, 3 when something does not.
    """
    place = _home(home)
    servers = survey(place)
    if as_json:
        click.echo(json.dumps({"home": str(place.root), "servers": [server.as_json() for server in servers]}, indent=2))
    elif servers:
        for server in servers:
            click.echo(_line(server))
    else:
        click.echo(f"Nothing was ever started in {place.root}: `pipetrail up` does.")
    if not servers or not all(server.runs for server in servers):
        context.exit(_NOT_RUNNING)


def _home(option: Path | None) -> Home:
    return Home(option.absolute() if option else connection.find_home(os.environ, Path.cwd()).absolute())


def _line(server: ServerStatus) -> str:
    data = "" if server.data is None else f"   data {server.data / _MB:.0f} MB"
    if server.since is None or server.memory is None:
        return f"{server.title:<12}{server.address or '':<17}stopped{data}   log {server.log}"
    since = server.since.astimezone().isoformat(sep=" ", timespec="seconds")
    start = f"{server.title:<12}{server.address or 'not ready yet':<17}"
    return f"{start}runs since {since}   pid {server.pid}   memory {server.memory / _MB:.0f} MB{data}"
