"""`pipetrail demo`: the whole way once, for real. What is done stands in the other modules; here is the order of it."""

import os
import shlex
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import click
from pipetrail_processors.engine.topics_admin import TopicsAdmin
from pipetrail_review.client import Client as Reader
from pipetrail_schemas import connection, topics
from pipetrail_schemas.connection import Connection
from pipetrail_schemas.times import now
from pipetrail_sinks.opensearch import indices, templates
from pipetrail_sinks.opensearch.client import Client as Writer

from pipetrail_deploy import pidfile
from pipetrail_deploy.demo import delivery, history, services, story
from pipetrail_deploy.demo.drained import wait_until_drained
from pipetrail_deploy.demo.errors import DemoError
from pipetrail_deploy.kafka import Kafka
from pipetrail_deploy.opensearch import OpenSearch
from pipetrail_deploy.places import Home, remove_data
from pipetrail_deploy.ports import is_free
from pipetrail_deploy.reporter import Lines, Reporter
from pipetrail_deploy.settings import KAFKA_PORT, OPENSEARCH_PORT, load_settings
from pipetrail_deploy.stack import opened

_PORT = click.IntRange(0, 65_535)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_INTERRUPTED = 130  # 128 and the number of SIGINT, as shells say it
_SERVERS = (Kafka.name, OpenSearch.name)


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running at the end; `pipetrail down` stops it.")
@click.option(
    "--repo",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="PATH",
    help="Import the history of this git repository; the current folder's by default.",
)
@click.option("--home", type=_FOLDER, metavar="PATH", help="Folder of the stack's state, as for `pipetrail up`.")
@click.option("--fresh", is_flag=True, help="Delete what earlier runs left in the home, data of its servers included.")
@click.option("--kafka-port", type=_PORT, help="Port of Kafka; 0 takes a free one.  [default: 9092, or a free one]")
@click.option("--opensearch-port", type=_PORT, help="Port of OpenSearch, likewise.  [default: 9200, or a free one]")
@click.pass_context
def demo(
    context: click.Context,
    repo: Path | None,
    home: Path | None,
    kafka_port: int | None,
    opensearch_port: int | None,
    *,
    keep: bool,
    fresh: bool,
) -> None:
    """Watch a small real delivery on this machine.

    Starts Kafka, OpenSearch, a processor and a sink, lets two authors change a little shop that is really built, tested and
    deployed, imports the history of your repository, and shows who did what, when and why. Ctrl-C ends it and all it started.
    """
    reporter = Lines()
    place = Home(home.absolute() if home else connection.find_home(os.environ, Path.cwd()).absolute())
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if fresh:
            _clear(place, reporter)
        with ExitStack() as ending:
            services_of = _started(place, kafka_port, opensearch_port, reporter, ending, keep=keep)
            _show(place, services_of, repo, reporter, keep=keep)
    except KeyboardInterrupt:
        reporter.line("Ended", f"before its end; nothing that it started runs any more. Data stays in {place.root}")
        context.exit(_INTERRUPTED)


def _started(
    place: Home, kafka_port: int | None, opensearch_port: int | None, reporter: Reporter, ending: ExitStack, *, keep: bool
) -> Connection:
    """Start what does not run; what is started is ended by `ending`, at once when something fails, unless it is to be kept."""
    known = load_settings(place) is not None
    running = {name for name in _SERVERS if pidfile.running_server(place, name)}
    with ExitStack() as on_failure:
        stack = opened(
            place.root,
            kafka_port=_port(kafka_port, KAFKA_PORT, known=known),
            opensearch_port=_port(opensearch_port, OPENSEARCH_PORT, known=known),
            owned=not keep,
            reporter=reporter,
        )
        for server in (stack.kafka, stack.opensearch):
            if server.name not in running:
                on_failure.callback(server.stop)
        began = time.monotonic()
        _provision(stack.connection)
        on_failure.push(services.start(place, keep=keep))
        reporter.line("Programs", "processor, sink   ready", time.monotonic() - began)
        ended_later = on_failure.pop_all()
    if not keep:
        ending.push(ended_later)
    return stack.connection


def _provision(found: Connection) -> None:
    TopicsAdmin(found.require_kafka()).apply(topics.ALL)
    writer = Writer(found.require_opensearch().as_user("admin"))
    try:
        indices.apply(writer, templates.component(shards=1, replicas="0-1", refresh_s=1))
    finally:
        writer.close()


def _show(place: Home, found: Connection, repo: Path | None, reporter: Reporter, *, keep: bool) -> None:
    delivered = delivery.latest(place.root)
    if delivered:
        when = delivered.ended.astimezone().isoformat(sep=" ", timespec="minutes")
        reporter.line("Delivery", f"kept from {when[:16]}; `pipetrail demo --fresh` starts over")
    else:
        delivered = delivery.deliver(place.root, datetime.now(UTC), reporter)
    history.bring_in(place.root, repo, reporter)
    wait_until_drained(found.require_kafka(), lambda _left: None)
    with Reader.of(found) as reader:
        story.wait_until_told(reader, delivered.repository)
        story.tell(reader, delivered.repository, now())
        story.write_report(reader, place.root / "report.html", now(), reporter)
    if keep:
        reporter.line("Running", "until `pipetrail down`; data stays")
    reporter.line("Next", _next(place.root, keep=keep))


def _next(home: Path, *, keep: bool) -> str:
    """Commands as they can be typed here."""
    found = shutil.which("pipetrail")
    script = Path(sys.executable).with_name("pipetrail")
    here = Path.cwd()
    name = "pipetrail" if found else str(script.relative_to(here) if script.is_relative_to(here) else script)
    # While it runs, what is found next is told at once; afterwards there is what was found.
    commands = f"{name} notify --console" if keep else f"{name} up && {name} search 'rule.id:*'"
    is_usual = connection.find_home(os.environ, here).absolute() == home
    return commands if is_usual else f"export PIPETRAIL_HOME={shlex.quote(str(home))}; {commands}"


def _clear(place: Home, reporter: Reporter) -> None:
    if any(pidfile.running_server(place, name) for name in (*_SERVERS, *(one.name for one in services.SERVICES))):
        raise DemoError(f"the stack in {place.root} runs: `pipetrail down` comes before --fresh")
    remove_data(place)
    for name in ("demo", "state"):
        shutil.rmtree(place.root / name, ignore_errors=True)
    reporter.line("Fresh", f"what earlier runs left in {place.root} is deleted")


def _port(asked: int | None, usual: int, *, known: bool) -> int | None:
    """What `opened` is to be asked for: nobody needs the demo's ports to be the usual ones."""
    if asked is not None or known or is_free(usual):
        return asked
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
