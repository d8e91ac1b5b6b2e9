"""What of a stack runs: read from its home folder, without asking the servers.

Kafka and OpenSearch belong to every stack. A program (what `pipetrail demo --keep` leaves running beside them) belongs to it
from its start until it is ended: one that ended by itself is told as stopped, one that `pipetrail down` ended not at all.
"""

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipetrail_deploy import pidfile
from pipetrail_deploy.demo.services import SERVICES, Service, ready_path
from pipetrail_deploy.kafka import Kafka
from pipetrail_deploy.opensearch import OpenSearch
from pipetrail_deploy.places import Home
from pipetrail_deploy.ports import HOST
from pipetrail_deploy.server import log_file
from pipetrail_deploy.settings import load_settings

_BLOCK = 512  # bytes; the unit of st_blocks, by POSIX


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server or program: `memory` and `data` in bytes, `since` in UTC; None what one that does not run has not.

    A program's address is that of its own pages (/healthz, /readyz, /metrics), None while it is not ready; it has no `data` but
    what Kafka and OpenSearch have, and its state.
    """

    name: str
    title: str
    address: str | None
    pid: int | None
    since: dt.datetime | None
    memory: int | None
    data: int | None
    log: Path

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self.pid is not None

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "name": self.name,
            "running": self.runs,
            "address": self.address,
            "pid": self.pid,
            "since": self.since.isoformat() if self.since else None,
            "memory_bytes": self.memory,
            "data_bytes": self.data,
            "log": str(self.log),
        }


def survey(home: Home) -> list[ServerStatus]:
    """The servers of a home, and the programs beside them; none if nothing was ever started there.

    Raises:
        SettingError: a file of the home is damaged.
    """
    settings = load_settings(home)
    if settings is None:
        return []
    servers = [_status(home, Kafka.name, Kafka.title, settings.kafka_port)]
    if settings.opensearch:
        servers.append(_status(home, OpenSearch.name, OpenSearch.title, settings.opensearch_port))
    return [*servers, *(_program(home, service) for service in SERVICES if pidfile.path_of(home, service.name).exists())]


def size_on_disk(folder: Path) -> int:
    """The bytes that a folder takes on the disk; files that vanish meanwhile, or are closed to us, do not count."""
    blocks = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                blocks += Path(parent, name).lstat().st_blocks
            except OSError:
                continue
    return blocks * _BLOCK


def _status(home: Home, name: str, title: str, port: int) -> ServerStatus:
    return _told(home, name, title, f"{HOST}:{port}", size_on_disk(home.data / name))


def _program(home: Home, service: Service) -> ServerStatus:
    try:
        port = ready_path(home, service.name).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        port = ""
    return _told(home, service.name, service.title, f"{HOST}:{port}" if port else None, None)


def _told(home: Home, name: str, title: str, address: str | None, data: int | None) -> ServerStatus:
    started = pidfile.running_server(home, name)
    return ServerStatus(
        name=name,
        title=title,
        address=address,
        pid=started.process.pid if started else None,
        since=started.since if started else None,
        memory=started.process.rss() if started else None,
        data=data,
        log=log_file(home, name),
    )
