"""Which process a server is: one small file each in `run/`, by which any other process finds and ends it."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

from pipetrail_deploy.places import Home
from pipetrail_deploy.process import Process
from pipetrail_deploy.settings import write_private

STOP_TIMEOUT_S = 30.0  # Kafka writes its logs out, OpenSearch closes its shards, the processor makes its state durable


@dataclass(frozen=True, slots=True)
class Started:
    """A server that was started: its process, and when (with time zone)."""

    process: Process
    since: dt.datetime


def path_of(home: Home, name: str) -> Path:
    """Where the server `name` is written down."""
    return home.run / f"{name}.pid"


def write(home: Home, name: str, started: Started) -> None:
    """Write a server down."""
    process = started.process
    record = {"pid": process.pid, "started": process.started, "since": started.since.isoformat()}
    write_private(path_of(home, name), json.dumps(record))


def running_server(home: Home, name: str) -> Started | None:
    """The server that is written down, if it runs; a damaged file is that of none."""
    try:
        record = json.loads(path_of(home, name).read_text(encoding="utf-8"))
        started = Started(Process(record["pid"], record["started"]), dt.datetime.fromisoformat(record["since"]))
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return started if started.process.is_alive() else None


def end_running(home: Home, name: str, timeout_s: float = STOP_TIMEOUT_S) -> bool:
    """End the server that is written down, whoever started it; False if it did not run.

    Raises:
        StopError: it cannot be ended.
    """
    started = running_server(home, name)
    if started:
        started.process.end(timeout_s)
    path_of(home, name).unlink(missing_ok=True)
    return started is not None
