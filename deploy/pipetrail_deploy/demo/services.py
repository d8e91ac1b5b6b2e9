"""The processor and the sink as programs beside the demo. They end with it, or with `pipetrail down` when they are kept.

They are written down in the home's `run/` as the servers are, so that whoever comes later finds and ends them.
"""

import datetime as dt
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pipetrail_deploy import pidfile
from pipetrail_deploy.demo.shell import PIPETRAIL, environment
from pipetrail_deploy.errors import StartError, StartTimeoutError
from pipetrail_deploy.places import Home
from pipetrail_deploy.process import spawn
from pipetrail_deploy.server import log_file, tail
from pipetrail_deploy.watchdog import Watchdog, watch

# An event of the demo that names no commit waits so long for what it belongs to; in a real line it is ten minutes. One of the
# demo waits in vain, and the reader with it; the others' artifacts are known by then, on a machine that is busy as well.
ALIAS_WAIT_S = 10
_START_TIMEOUT_S = 300.0  # some seconds on a laptop; recovering a large state on a busy machine takes longer
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Service:
    """A long-running verb of pipetrail: its name in files, its name for people, and its settings."""

    name: str
    title: str
    verb: str
    settings: Mapping[str, str]


# In the order in which they start.
SERVICES = (
    Service("processor", "Processor", "process", {"PIPETRAIL_PROCESS_ALIAS_WAIT_S": str(ALIAS_WAIT_S)}),
    Service("sink", "Sink", "index", {}),
)


def start(home: Home, *, keep: bool) -> ExitStack:
    """Start the services that do not run, and wait until they are ready.

    Args:
        home: of a stack that runs, with topics and indices.
        keep: they stay when this process ends.

    Returns:
        a context that ends at its exit what was started here; nothing with `keep`.

    Raises:
        StartError: one ended, or was not ready in time.
    """
    with ExitStack() as started:
        fresh = [service for service in SERVICES if not pidfile.running_server(home, service.name)]
        for service in fresh:
            started.callback(_end, home, service, _begin(home, service, owned=not keep))
        for service in fresh:
            _wait_ready(home, service)
        ending = started.pop_all()
    return ExitStack() if keep else ending


def ready_path(home: Home, name: str) -> Path:
    """The file that is there while a service is ready, with the port of its pages."""
    return home.run / f"{name}.ready"


def _begin(home: Home, service: Service, *, owned: bool) -> Watchdog | None:
    ready = ready_path(home, service.name)
    ready.unlink(missing_ok=True)
    log = log_file(home, service.name)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    command = [*PIPETRAIL, service.verb, "--ready-file", str(ready)]
    env = environment(home.root, **service.settings)
    process = spawn(command, folder=home.root, log=log, env=env, account=None)
    watchdog = watch(process) if owned else None
    pidfile.write(home, service.name, pidfile.Started(process, dt.datetime.now(dt.UTC)))
    return watchdog


def _end(home: Home, service: Service, watchdog: Watchdog | None) -> None:
    pidfile.end_running(home, service.name, pidfile.STOP_TIMEOUT_S)
    ready_path(home, service.name).unlink(missing_ok=True)
    if watchdog:
        watchdog.release()


def _wait_ready(home: Home, service: Service) -> None:
    ready, log = ready_path(home, service.name), log_file(home, service.name)
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not ready.exists():
        if pidfile.running_server(home, service.name) is None:
            raise StartError(service.title, "ended while starting", log, tail(log))
        if time.monotonic() > deadline:
            raise StartTimeoutError(service.title, f"was not ready after {_START_TIMEOUT_S:.0f} s", log, tail(log))
        time.sleep(_POLL_S)
