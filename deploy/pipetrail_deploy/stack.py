"""The local stack: a real Kafka and a real OpenSearch, without Docker and without an account.

`Stack` is what `pipetrail up` starts; `running` is a stack for as long as a `with` block, and ends with the process that opened
it, however that ends. Everything is in one home folder; two stacks in two folders know nothing of each other.
"""

import datetime as dt
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipetrail_schemas import connection
from pipetrail_schemas.connection import Connection

from pipetrail_deploy import install, security, tls
from pipetrail_deploy.account import server_account
from pipetrail_deploy.errors import PortInUseError
from pipetrail_deploy.kafka import Kafka
from pipetrail_deploy.opensearch import OpenSearch, Protection
from pipetrail_deploy.pidfile import running_server
from pipetrail_deploy.places import Home, locked, make_home, require_space
from pipetrail_deploy.ports import HOST, is_free
from pipetrail_deploy.reporter import Reporter, Silent
from pipetrail_deploy.server import Server, log_file
from pipetrail_deploy.settings import (
    USERS,
    Settings,
    decide,
    ensure_credentials,
    keep,
    load_settings,
    save_connection,
    save_settings,
)

_ROOM_FOR_DATA = 1_500_000_000  # bytes; OpenSearch makes no index on a disk with less than its low watermark, 1 GB


class Stack:
    """The servers of one home folder. `kafka` and `opensearch` can be stopped, killed and started one by one."""

    def __init__(self, home: Path, settings: Settings, *, owned: bool = False, reporter: Reporter | None = None) -> None:
        """Make the folders and fetch what is missing; nothing is started yet.

        Args:
            home: the folder of state, made when missing.
            settings: what to start with.
            owned: whether the servers end with this process.
            reporter: who is told of the steps; nobody by default.

        Raises:
            PortInUseError: somebody else has a port.
            FetchError: what is missing cannot be downloaded.
            NoSpaceError: the disk has too little room.
            AccountError: we are root, and find nobody to run the servers as.
            SettingError: a file of the home is damaged.
        """
        self._settings = settings
        self._reporter = reporter or Silent()
        account = server_account()
        self._home = make_home(home, account)
        _require_ports(self._home, settings)
        data = self._home.data.resolve()  # the servers' account may not be able to follow a link in the home
        require_space(data, _ROOM_FOR_DATA)
        servers = install.ensure(account, self._reporter, opensearch=settings.opensearch)
        kafka = Kafka(
            java=servers.java,
            tree=servers.kafka,
            folder=data / Kafka.name,
            log=log_file(self._home, Kafka.name),
            port=settings.kafka_port,
            account=account,
        )
        self.kafka = Server(kafka, self._home, account, owned=owned)
        self._program = self._server = None
        if servers.opensearch:
            self._program = OpenSearch(
                java=servers.java,
                tree=servers.opensearch,
                folder=data / OpenSearch.name,
                port=settings.opensearch_port,
                account=account,
                protection=self._protection(),
            )
            self._server = Server(self._program, self._home, account, owned=owned)

    @property
    def home(self) -> Path:
        """The folder of state."""
        return self._home.root

    @property
    def opensearch(self) -> Server:
        """OpenSearch; a LookupError in a stack without it, which is the caller's mistake."""
        if self._server is None:
            raise LookupError("this stack was asked for without OpenSearch")
        return self._server

    @property
    def connection(self) -> Connection:
        """How to reach the servers, as `connection.toml` has it; the environment's variables do not count."""
        return connection.load({"PIPETRAIL_HOME": str(self.home)}, self.home)

    def start(self) -> None:
        """Start what does not run, both servers at once, wait until they are ready and write `connection.toml`.

        What was started here is ended again when something fails.

        Raises:
            PortInUseError: somebody else has a port.
            StartError: a server died or is not ready in time.
            RefusedError: OpenSearch takes no users or roles.
        """
        started = time.monotonic()
        ours: list[Server] = []
        save_settings(self._home, self._settings)
        try:
            ours.extend(server for server in self._servers if server.begin())
            for server in self._servers:
                server.wait_ready()
                if server is self._server:
                    self._set_users()
                self._tell(server, time.monotonic() - started if server in ours else None)
        except BaseException:
            for server in ours:
                server.stop()
            raise
        save_connection(self._home, self._settings)

    def stop(self) -> list[Server]:
        """End both servers; returns those that ran. Their data stays.

        Raises:
            StopError: one cannot be ended.
        """
        return [server for server in reversed(self._servers) if server.stop()]

    @property
    def _servers(self) -> list[Server]:
        return [self.kafka, *([self._server] if self._server else [])]

    def _protection(self) -> Protection | None:
        if self._settings.insecure:
            return None
        return Protection(tls.ensure(self._home.tls, dt.datetime.now(dt.UTC)), self._settings.salt)

    def _set_users(self) -> None:
        if self._program and not self._settings.insecure:
            security.apply(self._program.rest, ensure_credentials(self._home), self._program.folder / "security-applied")

    def _tell(self, server: Server, took_s: float | None) -> None:
        note = ""
        if server is self._server and self._settings.insecure:
            note = "without users and TLS"
        elif server is self._server:
            note = f"users {', '.join(USERS)}; passwords in {_short(self._home.credentials)}"
        state = "runs already" if took_s is None else "ready"
        self._reporter.line(server.title, f"{HOST}:{server.port}   {state}", took_s, note)


@contextmanager
def running(
    home: Path,
    *,
    insecure: bool = False,
    kafka_port: int = 0,
    opensearch_port: int = 0,
    opensearch: bool = True,
    reporter: Reporter | None = None,
) -> Iterator[Stack]:
    """A stack for the length of a `with` block; it also ends when this process does. Data stays in `home`.

    Args:
        home: the folder of state, made when missing; nobody else's stack may run there.
        insecure: OpenSearch with plain HTTP and without users.
        kafka_port: the port of Kafka on 127.0.0.1; 0 takes a free one.
        opensearch_port: the port of OpenSearch; 0 takes a free one.
        opensearch: False for Kafka alone.
        reporter: who is told of the steps; nobody by default.

    Raises:
        StackError: it cannot be started or stopped; see errors.py.
        SettingError: a port is out of bounds, or a file of the home is damaged.
    """
    stack = opened(
        home,
        insecure=insecure,
        kafka_port=kafka_port,
        opensearch_port=opensearch_port,
        opensearch=opensearch,
        owned=True,
        reporter=reporter,
    )
    try:
        yield stack
    finally:
        stack.stop()


def opened(
    home: Path,
    *,
    insecure: bool | None = None,
    kafka_port: int | None = None,
    opensearch_port: int | None = None,
    opensearch: bool = True,
    owned: bool = False,
    reporter: Reporter | None = None,
) -> Stack:
    """A started stack that stays. What is None is as it was last time. Arguments and errors else as in `running`."""
    root = make_home(home, server_account())
    with locked(root.run / "lock"):
        last = load_settings(root)
        if last and any(running_server(root, name) for name in (Kafka.name, OpenSearch.name)):
            last = keep(last, kafka_port=kafka_port, opensearch_port=opensearch_port, insecure=insecure)
            kafka_port = opensearch_port = insecure = None
        settings = decide(
            last, kafka_port=kafka_port, opensearch_port=opensearch_port, insecure=insecure, opensearch=opensearch
        )
        stack = Stack(home, settings, owned=owned, reporter=reporter)
        stack.start()
    return stack


def _require_ports(home: Home, settings: Settings) -> None:
    """Look at the ports first: nobody is to wait for a download, and then to hear that a server cannot be started."""
    wanted: list[tuple[type[Kafka | OpenSearch], int]] = [(Kafka, settings.kafka_port)]
    if settings.opensearch:
        wanted.append((OpenSearch, settings.opensearch_port))
    for program, port in wanted:
        if not running_server(home, program.name) and not is_free(port):
            raise PortInUseError(program.title, port, program.option)


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
