"""A local Kafka: one node, broker and controller in one (KRaft), plain text on 127.0.0.1.

Settings by the Apache Kafka documentation, "Broker Configs"; only what one small node needs differs from the defaults.
"""

import base64
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from pipetrail_deploy.account import Account, give
from pipetrail_deploy.errors import StartError
from pipetrail_deploy.places import PRIVATE, make_folder
from pipetrail_deploy.ports import HOST, accepts, free_port
from pipetrail_deploy.server import environment, tail
from pipetrail_deploy.settings import write_private

HEAP = "-Xmx512m"  # some 300 MB are in use under the tests' load
_NODE = 1
_FORMAT_TIMEOUT_S = 60.0
_PROBE_TIMEOUT_S = 2.0
_CLASSES = "*"
_LOGGING = """\
Configuration:
  status: error
  Appenders:
    Console:
      name: console
      PatternLayout: {pattern: "%d{ISO8601} %p %c{1} %m%n"}
  Loggers:
    Root: {level: info, AppenderRef: {ref: console}}
    # Every value of every setting at each start and for each client: hundreds of lines that hide the others.
    Logger: {name: org.apache.kafka.common.config.AbstractConfig, level: warn}
"""


class Kafka:
    """What is special to Kafka (a `server.Program`)."""

    name = "kafka"
    title = "Kafka"
    option = "--kafka-port"

    def __init__(self, *, java: Path, tree: Path, folder: Path, log: Path, port: int, account: Account | None) -> None:
        self.port = port
        self.folder = folder
        self._java = java
        self._tree = tree
        self._log = log
        self._account = account

    def prepare(self) -> list[str]:
        """Write its settings, format its storage the first time, and return its command.

        Raises:
            StartError: the storage cannot be formatted.
        """
        for folder in (self._store, self._temporary):
            make_folder(folder, PRIVATE)
        write_private(self._properties, properties(self.port, free_port(), self._store))
        write_private(self._logging, _LOGGING)
        give(self._account, self._properties, self._logging, self._store, self._temporary)
        if not (self._store / "meta.properties").exists():
            self._format()
        return self._command("kafka.Kafka", str(self._properties))

    def is_ready(self) -> bool:
        """Whether the broker takes part in the cluster, which it does once it may be given partitions."""
        if not accepts(self.port):  # librdkafka would wait and complain
            return False
        client = AdminClient({"bootstrap.servers": f"{HOST}:{self.port}", "log_level": 0})
        try:
            return _NODE in client.list_topics(timeout=_PROBE_TIMEOUT_S).brokers
        except KafkaException:
            return False

    @property
    def _store(self) -> Path:
        return self.folder / "log"

    @property
    def _temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _logging(self) -> Path:
        return self.folder / "log4j2.yaml"

    def _format(self) -> None:
        arguments = ("format", "--cluster-id", cluster_id(uuid.uuid4), "--config", str(self._properties), "--ignore-formatted")
        with self._log.open("ab") as log:
            try:
                subprocess.run(
                    self._command("kafka.tools.StorageTool", *arguments),
                    cwd=self.folder,
                    env=environment(self.folder),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=_FORMAT_TIMEOUT_S,
                    check=True,
                    umask=0o077,
                    user=self._account.uid if self._account else None,
                    group=self._account.gid if self._account else None,
                    extra_groups=[] if self._account else None,
                )
            except subprocess.SubprocessError as exc:
                raise StartError(self.title, "could not format its storage", self._log, tail(self._log)) from exc

    def _command(self, main: str, *arguments: str) -> list[str]:
        return [
            str(self._java),
            HEAP,
            "-Djava.awt.headless=true",
            f"-Djava.io.tmpdir={self._temporary}",  # compression libraries unpack themselves there; /tmp may be noexec
            f"-XX:ErrorFile={self._temporary}/crash-%p.log",
            "-XX:+ExitOnOutOfMemoryError",
            f"-Dlog4j2.configurationFile={self._logging}",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            str(self._tree / _CLASSES),
            main,
            *arguments,
        ]


def cluster_id(new: Callable[[], uuid.UUID]) -> str:
    """A cluster's id as Kafka writes one. Kafka too makes another where one begins with a dash, which looks like an option."""
    found = base64.urlsafe_b64encode(new().bytes).decode().rstrip("=")
    return cluster_id(new) if found.startswith("-") else found


def properties(port: int, controller_port: int, store: Path) -> str:
    """The server.properties of a single node."""
    values = {
        "process.roles": "broker,controller",
        "node.id": _NODE,
        "controller.quorum.voters": f"{_NODE}@{HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": store,
        "auto.create.topics.enable": "false",  # a mistyped topic is an error, not a new topic
        # One node can hold one copy; few partitions make start and recovery quick.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # A killed broker may come back only when its session has ended, 9 s by default.
        "broker.session.timeout.ms": 4000,
        "broker.heartbeat.interval.ms": 1000,
        "group.initial.rebalance.delay.ms": 0,  # the wait for further members, which a first consumer need not have
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())
