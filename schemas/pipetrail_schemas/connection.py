"""Where Kafka and OpenSearch are: read once, from the environment and `connection.toml`. Standard library only.

Order: environment variables beat `connection.toml` in the home folder. The home folder is `PIPETRAIL_HOME`, else the nearest
`.pipetrail` that holds the file, in the current folder or a parent. `pipetrail up` writes the file; for a cluster of one's own
it is written by hand, or the variables below are set. Paths are relative to the current folder, in the file to its own.
Messages and `repr` show no value that may hold a secret.

    PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS   host:port[,host:port…]
    PIPETRAIL_KAFKA_CONFIG              librdkafka properties as key=value, one a line (security.protocol=SASL_SSL …)
    PIPETRAIL_OPENSEARCH_URL            http(s)://host:port
    PIPETRAIL_OPENSEARCH_CA_FILE        PEM file of the authority that signed OpenSearch's certificate
    PIPETRAIL_OPENSEARCH_USER, PIPETRAIL_OPENSEARCH_PASSWORD
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from pipetrail_schemas.errors import SettingError

HOME_FOLDER = ".pipetrail"
CONNECTION_FILE = "connection.toml"

# Set by pipetrail itself, because delivery guarantees hang on them; with the other names that librdkafka has for some.
RESERVED_KAFKA_PROPERTIES = frozenset(
    {
        "bootstrap.servers",
        "metadata.broker.list",
        "acks",
        "request.required.acks",
        "enable.idempotence",
        "partitioner",
        "transactional.id",
        "enable.auto.commit",
        "auto.commit.enable",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "group.id",
        "group.instance.id",
        "topic.blacklist",
    }
)


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """A Kafka cluster: `bootstrap_servers` as librdkafka takes them, `properties` passed on to it (security …)."""

    bootstrap_servers: str
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)

    def client_config(self) -> dict[str, str | int | float | bool]:
        """The part of a librdkafka configuration that says where the cluster is and how to get in, to be added to."""
        return {**self.properties, "bootstrap.servers": self.bootstrap_servers}


@dataclass(frozen=True, slots=True)
class OpenSearchConnection:
    """An OpenSearch cluster. `credentials` maps user to password; `user` is the one to act as, None for no authentication."""

    url: str
    ca_file: Path | None = None
    user: str | None = None
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def password(self) -> str | None:
        """The password of `user`, None where there is no authentication."""
        return None if self.user is None else self.credentials[self.user]

    def as_user(self, user: str) -> "OpenSearchConnection":
        """The same cluster as another user, where this connection knows one of that name; else unchanged.

        A connection to a cluster of one's own often knows a single user, or none; the local stack's knows
        `admin`, `auditor` and `indexer`.
        """
        return replace(self, user=user) if user in self.credentials else self


@dataclass(frozen=True, slots=True)
class Connection:
    """All that a room needs to reach the services. `home` is the folder of state and spool, whether it exists or not."""

    home: Path
    kafka: KafkaConnection | None
    opensearch: OpenSearchConnection | None

    def require_kafka(self) -> KafkaConnection:
        """The Kafka connection.

        Raises:
            SettingError: none is configured.
        """
        if self.kafka is None:
            raise SettingError("PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS", _missing(self.home, "host:port of a Kafka broker"))
        return self.kafka

    def require_opensearch(self) -> OpenSearchConnection:
        """The OpenSearch connection.

        Raises:
            SettingError: none is configured.
        """
        if self.opensearch is None:
            raise SettingError("PIPETRAIL_OPENSEARCH_URL", _missing(self.home, "URL of an OpenSearch node"))
        return self.opensearch


def find_home(env: Mapping[str, str], cwd: Path) -> Path:
    """The home folder: `PIPETRAIL_HOME`, else the nearest `.pipetrail` upwards of `cwd`, else `.pipetrail` in `cwd`."""
    if env.get("PIPETRAIL_HOME"):
        return (cwd / env["PIPETRAIL_HOME"]).resolve()
    for folder in (cwd, *cwd.parents):
        if (folder / HOME_FOLDER / CONNECTION_FILE).is_file():
            return folder / HOME_FOLDER
    return cwd / HOME_FOLDER


def load(env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Connection:
    """Read the connection settings.

    Args:
        env: the environment; os.environ by default.
        cwd: the folder from which the home folder is looked for; the current one by default.

    Raises:
        SettingError: a setting is malformed; the message names it and what is allowed.
    """
    env = os.environ if env is None else env
    cwd = Path.cwd() if cwd is None else cwd
    home = find_home(env, cwd)
    file = home / CONNECTION_FILE
    content = _read_toml(file) if file.is_file() else {}
    return Connection(
        home, _kafka(env, _table(content, "kafka", file)), _opensearch(env, _table(content, "opensearch", file), cwd, home)
    )


def _kafka(env: Mapping[str, str], table: Mapping[str, object]) -> KafkaConnection | None:
    servers = env.get("PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS") or table.get("bootstrap_servers")
    if servers is None:
        return None
    hosts = [one.strip() for one in servers.split(",")] if isinstance(servers, str) else []
    if not hosts or not all(_is_host_port(host) for host in hosts):
        raise SettingError(
            "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS", f"{servers!r} is not host:port, or several of them separated by commas"
        )
    merged = _table_properties(table) | _env_properties(env)
    reserved = sorted(RESERVED_KAFKA_PROPERTIES & merged.keys())
    if reserved:
        raise SettingError("PIPETRAIL_KAFKA_CONFIG", f"{', '.join(reserved)} is set by pipetrail and cannot be changed")
    return KafkaConnection(",".join(hosts), merged)


def _table_properties(table: Mapping[str, object]) -> dict[str, str]:
    properties = table.get("properties", {})
    if not isinstance(properties, dict):
        raise SettingError("kafka.properties", "must be a table of librdkafka properties")
    wrong = [name for name, value in properties.items() if not isinstance(value, str | int | float)]
    if wrong:
        raise SettingError(f"kafka.properties.{wrong[0]}", 'must be a text, number, true or false; write "a.b" = … in quotes')
    # librdkafka writes true and false in lower case.
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in properties.items()}


def _env_properties(env: Mapping[str, str]) -> dict[str, str]:
    properties = {}
    for number, line in enumerate(env.get("PIPETRAIL_KAFKA_CONFIG", "").splitlines(), start=1):
        key, separator, value = (part.strip() for part in line.partition("="))
        if key and separator:
            properties[key] = value
        elif line.strip():
            raise SettingError("PIPETRAIL_KAFKA_CONFIG", f"line {number} is not key=value")
    return properties


def _opensearch(env: Mapping[str, str], table: Mapping[str, object], cwd: Path, home: Path) -> OpenSearchConnection | None:
    url = env.get("PIPETRAIL_OPENSEARCH_URL") or table.get("url")
    if url is None:
        return None
    credentials = _credentials(env, table, home)
    user = env.get("PIPETRAIL_OPENSEARCH_USER") or next(iter(credentials), None)
    return OpenSearchConnection(_url(url), _ca_file(env, table, cwd, home), user, credentials)


def _url(url: object) -> str:
    setting = "PIPETRAIL_OPENSEARCH_URL"
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        has_port = parts.port is None or parts.port > 0
    except ValueError as exc:
        raise SettingError(setting, f"is no URL: {exc}") from exc
    if "@" in parts.netloc:
        raise SettingError(setting, "holds a user name: use PIPETRAIL_OPENSEARCH_USER and _PASSWORD, which are not logged")
    if parts.scheme not in {"http", "https"} or not parts.hostname or not has_port:
        raise SettingError(setting, f"{url!r} is not http://host:port or https://host:port")
    return str(url).rstrip("/")


def _ca_file(env: Mapping[str, str], table: Mapping[str, object], cwd: Path, home: Path) -> Path | None:
    if from_env := env.get("PIPETRAIL_OPENSEARCH_CA_FILE"):
        path = cwd / from_env
    elif from_file := table.get("ca_file"):
        path = home / str(from_file)
    else:
        return None
    if not path.is_file():
        raise SettingError(
            "PIPETRAIL_OPENSEARCH_CA_FILE", f"{path} is no file; a PEM file of the certificate authority is needed"
        )
    return path


def _credentials(env: Mapping[str, str], table: Mapping[str, object], home: Path) -> dict[str, str]:
    user, password = env.get("PIPETRAIL_OPENSEARCH_USER"), env.get("PIPETRAIL_OPENSEARCH_PASSWORD")
    if user and password:
        return {user: password}
    if user or password:
        missing = "PIPETRAIL_OPENSEARCH_PASSWORD" if user else "PIPETRAIL_OPENSEARCH_USER"
        raise SettingError(missing, "is needed: user and password go together")
    if "credentials_file" not in table:
        return {}
    path = home / str(table["credentials_file"])
    return {str(name): str(secret) for name, secret in _read_toml(path).items()}


def _table(content: Mapping[str, object], name: str, file: Path) -> Mapping[str, object]:
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise SettingError(f"{file}: {name}", "must be a table")
    return table


def _read_toml(path: Path) -> dict[str, object]:
    import tomllib  # noqa: PLC0415  # where the environment says it all, the agent's start-up does not pay for a parser

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise SettingError(str(path), f"cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingError(str(path), f"is not valid TOML: {exc}") from exc


def _is_host_port(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and 0 < int(port) < 2**16


def _missing(home: Path, what: str) -> str:
    return f"is needed ({what}), or a {CONNECTION_FILE} in {home}; `pipetrail up` starts a local stack and writes it"
