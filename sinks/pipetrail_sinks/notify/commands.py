"""`pipetrail notify`: the command line of the notifier."""

import hashlib
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import click
import structlog
from pipetrail_schemas import connection, times
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.service import log
from pipetrail_schemas.service.lifecycle import ready_file, stop_on_signals
from pipetrail_schemas.service.watched import watched

from pipetrail_sinks.batch import Limits
from pipetrail_sinks.dead_letters import DeadLetters
from pipetrail_sinks.notify import file as routes_file
from pipetrail_sinks.notify.alert import spell
from pipetrail_sinks.notify.build import Builder
from pipetrail_sinks.notify.channels.channel import Channel, Delivery
from pipetrail_sinks.notify.channels.console import ConsoleChannel
from pipetrail_sinks.notify.desk import Desk
from pipetrail_sinks.notify.example import example
from pipetrail_sinks.notify.postman import Postman
from pipetrail_sinks.notify.routes import Route, Routes
from pipetrail_sinks.notify.settings import NotifySettings
from pipetrail_sinks.notify.sink import NotifySink
from pipetrail_sinks.notify.store import Store, counts
from pipetrail_sinks.operation import Operation
from pipetrail_sinks.runner import Runner, make_consumer

CONSOLE = "console"
# Findings are few beside events, and somebody waits for them: a batch is what is there.
_LIMITS = Limits(messages=500, size_bytes=16 * 1024 * 1024, age_s=0.0)

# Who opens a terminal wants to see what is going on, not last week.
_CONSOLE_AGE = timedelta(days=1)
# Where the pages are looked for.
USUAL_PORT = 8482
# What of the outbox is shown, by channel.
OUTBOX = {"waiting": "Messages that wait to be sent", "refused": "Messages that a channel refused for good"}

_log = structlog.get_logger("pipetrail.notify")


@click.command()
@click.option("--console", is_flag=True, help="Show every finding on this terminal instead; needs no routes file.")
@click.option("--check", is_flag=True, help="Only say whether the routes file is right, and what it does; sends nothing.")
@click.option("--try", "channel", metavar="CHANNEL", help="Only send an example to this channel, and say whether it arrived.")
@click.option("--status", is_flag=True, help="Only say how many messages wait, were sent, were refused, by channel.")
@click.option(
    "--ready-file",
    "ready_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Written, with the port of the pages, once Kafka has assigned partitions; removed at the end.",
)
def notify(*, console: bool, check: bool, channel: str | None, status: bool, ready_path: Path | None) -> None:
    """Send alerts about findings to people: Slack, Teams, PagerDuty, webhooks, e-mail, until SIGTERM or Ctrl-C.

    Who is told what, on which channel and when, stands in the routes file that PIPETRAIL_NOTIFY_ROUTES names; docs/alerts.md
    describes it. Each finding is told once, also after restarts and replays. Other settings are PIPETRAIL_NOTIFY_*.
    """
    if sum((console, check, channel is not None, status)) > 1:
        raise click.UsageError("--console, --check, --try and --status exclude each other")
    settings = NotifySettings.load()
    # On a terminal that shows alerts, what the program says of itself is in the way, unless somebody asks for it.
    quiet = console and "log_level" not in settings.model_fields_set
    log.configure("warning" if quiet else settings.log_level, settings.log_format)
    if status:
        _print_status(_state(settings, connection.load().home, console=False))
        return
    routes, channels = _console() if console else _configured(settings)
    if check:
        _print_routes(routes)
    elif channel is not None:
        _try(channels, channel)
    else:
        _run(settings, routes, channels, console=console, ready_path=ready_path)


def _console() -> tuple[Routes, dict[str, Channel]]:
    # No waiting: who watches wants to see it happen.
    route = Route(CONSOLE, (CONSOLE,), group="finding", wait=timedelta())
    return Routes((route,), max_age=_CONSOLE_AGE), {CONSOLE: ConsoleChannel(sys.stdout.buffer, os.environ)}


def _configured(settings: NotifySettings) -> tuple[Routes, dict[str, Channel]]:
    if settings.routes is None:
        raise SettingError(routes_file.SETTING, "is not set; it names the routes file, which docs/alerts.md describes")
    file, content, routes = routes_file.load(settings.routes)
    return routes, Builder(file, content, os.environ, times.now, loopback=settings.allow_loopback).channels()


def _run(
    settings: NotifySettings, routes: Routes, channels: Mapping[str, Channel], *, console: bool, ready_path: Path | None
) -> None:
    services = connection.load()
    kafka = services.require_kafka()
    stop = stop_on_signals()
    with closing(Store(_state(settings, services.home, console=console))) as store:
        deaf = frozenset(name for name, one in channels.items() if not one.wants_acknowledgements)
        postmen = {name: Postman(name, one, store, times.now) for name, one in channels.items()}
        sink = NotifySink(Desk(store, routes, deaf=deaf), postmen, times.now)
        group = _console_group(settings.group, store.path) if console else settings.group
        operation = Operation("notify", kafka, group, settings)
        for state, says in OUTBOX.items():
            operation.figures.gauge(f"alerts_{state}", says, partial(_by_channel, store.path, state), label="channel")
        _warn_of_strays(store, channels)
        with watched(operation.watch, settings, usual_port=USUAL_PORT) as pages, ready_file(ready_path) as mark:

            def ready() -> None:
                _log.info("ready")
                mark.write(str(pages.port))

            consumer = make_consumer(kafka, group, instance="notify")
            dead_letters = DeadLetters(kafka, stage="notify")
            runner = Runner(consumer, sink, dead_letters, _LIMITS, ready=ready, urgent=True, seen=operation.seen)
            sink.start()
            runner.run(stop)
    _log.info("stopped")


def _console_group(group: str, state: Path) -> str:
    """A group of its own for each terminal's state: two people who watch both see everything."""
    place = f"{socket.gethostname()} {state.resolve()}"
    return f"{group}-console-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def _state(settings: NotifySettings, home: Path, *, console: bool) -> Path:
    path = settings.state or home / "notify.sqlite"
    # A view of its own: what was told to others was not shown here.
    return path.with_name(f"{path.stem}-console{path.suffix}") if console else path


def _warn_of_strays(store: Store, channels: Mapping[str, Channel]) -> None:
    for (channel, state), count in store.counts().items():
        if state == "waiting" and channel not in channels:
            _log.warning("messages wait for a channel that the routes file has no more", channel=channel, messages=count)


def _try(channels: Mapping[str, Channel], name: str) -> None:
    if name not in channels:
        raise click.UsageError(f"{name!r} is no channel; there are: {', '.join(channels)}")
    channel = channels[name]
    try:
        channel.send(Delivery(example(name, times.now())))
    finally:
        channel.close()
    # The console channel has standard output to itself.
    click.echo(f"{name}: the example has arrived", err=True)


def _print_routes(routes: Routes) -> None:
    for route in routes.routes:
        steps = [f"after {spell(int(step.after.total_seconds()))} to {', '.join(step.to)}" for step in route.escalate]
        click.echo(f"{route.name}: {'; '.join([', '.join(route.to), *steps])}")


def _print_status(path: Path) -> None:
    if not path.is_file():
        raise SettingError("PIPETRAIL_NOTIFY_STATE", f"{path} is no file: no notifier has run with it")
    for (channel, state), count in sorted(counts(path).items()):
        click.echo(f"{channel:24}{state:10}{count:>8}")


def _by_channel(path: Path, wanted: str) -> dict[str, float]:
    return {channel: number for (channel, state), number in counts(path).items() if state == wanted}
