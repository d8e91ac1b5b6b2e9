"""`pipetrail index` and `pipetrail indices`: the command line of the OpenSearch sink."""

import json
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click
import structlog
from pipetrail_schemas import connection
from pipetrail_schemas.service import log
from pipetrail_schemas.service.lifecycle import ready_file, stop_on_signals
from pipetrail_schemas.service.watched import watched

from pipetrail_sinks import backoff
from pipetrail_sinks.batch import Limits
from pipetrail_sinks.dead_letters import DeadLetters
from pipetrail_sinks.errors import TargetRefusedError
from pipetrail_sinks.opensearch import indices as cluster
from pipetrail_sinks.opensearch import templates
from pipetrail_sinks.opensearch.client import Client
from pipetrail_sinks.opensearch.indices import Asset
from pipetrail_sinks.opensearch.outcomes import Step, of_request
from pipetrail_sinks.opensearch.sink import OpenSearchSink
from pipetrail_sinks.operation import Operation
from pipetrail_sinks.runner import Runner, make_consumer
from pipetrail_sinks.settings import IndexSettings, IndicesSettings

_NOT_FOUND = 404
# Where the pages are looked for.
USUAL_PORT = 8481
# Seconds for one look at whether OpenSearch answers.
_ASK_TIMEOUT_S = 5.0

_log = structlog.get_logger("pipetrail.index")


@click.command()
@click.option(
    "--ready-file",
    "ready_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Written, with the port of the pages, once OpenSearch is reachable and partitions are assigned; removed at the end.",
)
def index(ready_path: Path | None) -> None:
    """Run the OpenSearch sink: index records, trails, findings and dead letters until SIGTERM or Ctrl-C.

    /healthz, /readyz and /metrics are on 127.0.0.1:8481, or on a free port where that is taken (the log says which). Settings
    are environment variables, PIPETRAIL_INDEX_*; a wrong one stops the program and says what is allowed.
    """
    settings = IndexSettings.load()
    log.configure(settings.log_level, settings.log_format)
    services = connection.load()
    kafka = services.require_kafka()
    opensearch = services.require_opensearch().as_user("indexer")
    client = Client(opensearch, timeout_s=settings.timeout_s, connections=settings.connections)
    stop = stop_on_signals()
    # Asked by a thread of its own, over a connection of its own: a write that waits keeps it from no answer.
    asks = {"OpenSearch": partial(_ask, Client(opensearch, timeout_s=_ASK_TIMEOUT_S, connections=1))}
    operation = Operation("index", kafka, settings.group, settings, asks)
    with watched(operation.watch, settings, usual_port=USUAL_PORT) as pages, ready_file(ready_path) as mark:
        if not _await_indices(client, stop):
            return

        def ready() -> None:
            _log.info("ready")
            mark.write(str(pages.port))

        Runner(
            make_consumer(kafka, settings.group),
            OpenSearchSink(client, connections=settings.connections),
            DeadLetters(kafka),
            Limits(settings.batch_messages, settings.batch_bytes, settings.batch_age_ms / 1000),
            ready=ready,
            seen=operation.seen,
        ).run(stop)
    _log.info("stopped")


@click.group()
def indices() -> None:
    """Create the OpenSearch index templates and indices, or show them."""


@indices.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of lines.")
def apply(*, as_json: bool) -> None:
    """Bring templates and indices to what this version wants; says what changed. Applying twice changes nothing."""
    _print(cluster.apply(_admin(), _component()), as_json=as_json)


@indices.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of lines.")
@click.option("--body", is_flag=True, help="Print the templates themselves, for tools of your own; asks no cluster.")
def show(*, as_json: bool, body: bool) -> None:
    """Show how the cluster's templates and indices stand to what this version wants; changes nothing."""
    if body:
        click.echo(json.dumps(assets(_component()), indent=2))
    else:
        _print(cluster.compare(_admin(), _component()), as_json=as_json)


def assets(component: dict[str, object]) -> dict[str, object]:
    """Every template by the path that it is PUT to."""
    wanted: dict[str, object] = {f"_component_template/{templates.SETTINGS_TEMPLATE}": component}
    for family in templates.FAMILIES:
        wanted[f"_index_template/{family.name}"] = templates.index_template(family)
    return wanted


def _component() -> dict[str, object]:
    settings = IndicesSettings.load()
    return templates.component(shards=settings.shards, replicas=settings.replicas, refresh_s=settings.refresh_s)


def _admin() -> Client:
    return Client(connection.load().require_opensearch().as_user("admin"))


def _print(found: Sequence[Asset], *, as_json: bool) -> None:
    if as_json:
        rows = [{"kind": one.kind, "name": one.name, "state": one.state, "detail": one.detail} for one in found]
        click.echo(json.dumps(rows))
        return
    for one in found:
        click.echo(f"{one.kind:20}{one.name:28}{one.state}{f'  {one.detail}' if one.detail else ''}")


def _ask(client: Client) -> None:
    answer = cluster.check(client)
    if not answer.ok:
        raise TargetRefusedError(answer.reason)


def _await_indices(client: Client, stop: threading.Event) -> bool:
    """Wait until OpenSearch answers; False when the program is to stop before.

    Raises:
        TargetRefusedError: it refuses us, or the templates were never applied: without them it would guess a mapping.
    """
    attempt = 0
    while not stop.is_set():
        answer = cluster.check(client)
        if answer.ok:
            return True
        if answer.status == _NOT_FOUND:
            raise TargetRefusedError(
                f"OpenSearch at {client.url} has no pipetrail indices: run `pipetrail indices apply` first"
            )
        if of_request(answer.status, answer.error_type) is not Step.RETRY:
            raise TargetRefusedError(f"OpenSearch at {client.url} refuses user {client.user or '(none)'}: {answer.reason}")
        attempt += 1
        _log.warning("waiting for OpenSearch", reason=answer.reason)
        stop.wait(backoff.delay_s(attempt, 0.5))
    return False
