"""What of a stack runs: read from its home folder, without asking the servers."""

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipetrail_deploy.kafka import Kafka
from pipetrail_deploy.opensearch import OpenSearch
from pipetrail_deploy.pidfile import running_server
from pipetrail_deploy.places import Home
from pipetrail_deploy.ports import HOST
from pipetrail_deploy.server import log_file
from pipetrail_deploy.settings import load_settings

_BLOCK = 512  # bytes; the unit of st_blocks, by POSIX


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server: `memory` and `data` in bytes, `since` in UTC; None what a server that does not run has not."""

    name: str
    title: str
    address: str
    pid: int | None
    since: dt.datetime | None
    memory: int | None
    data: int
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
    """The servers of a home; none if nothing was ever started there.

    Raises:
        SettingError: a file of the home is damaged.
    """
    settings = load_settings(home)
    if settings is None:
        return []
    servers = [_status(home, Kafka.name, Kafka.title, settings.kafka_port)]
    if settings.opensearch:
        servers.append(_status(home, OpenSearch.name, OpenSearch.title, settings.opensearch_port))
    return servers


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
    started = running_server(home, name)
    return ServerStatus(
        name=name,
        title=title,
        address=f"{HOST}:{port}",
        pid=started.process.pid if started else None,
        since=started.since if started else None,
        memory=started.process.rss() if started else None,
        data=size_on_disk(home.data / name),
        log=log_file(home, name),
    )
