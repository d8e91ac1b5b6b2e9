"""The connection settings: where they are read from, what is refused, and that no secret is shown."""

from pathlib import Path

import pytest
from pipetrail_schemas import connection
from pipetrail_schemas.connection import Connection
from pipetrail_schemas.errors import SettingError

FILE = """
[kafka]
bootstrap_servers = "127.0.0.1:9092"
[kafka.properties]
"security.protocol" = "ssl"
"enable.ssl.certificate.verification" = true
"socket.timeout.ms" = 5000
[opensearch]
url = "https://127.0.0.1:9200"
ca_file = "tls/ca.pem"
credentials_file = "credentials"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder as `pipetrail up` leaves it."""
    folder = tmp_path / ".pipetrail"
    (folder / "tls").mkdir(parents=True)
    (folder / "tls" / "ca.pem").write_text("certificate")
    (folder / "connection.toml").write_text(FILE)
    (folder / "credentials").write_text('admin = "hunter2"\nauditor = "hunter3"\n')
    return folder


def _load(cwd: Path, **env: str) -> Connection:
    return connection.load(env, cwd)


def test_nothing_configured_is_no_connection_and_says_what_to_do(tmp_path: Path) -> None:
    """An empty environment loads; what needs a service then names the variable, the file and the command."""
    found = _load(tmp_path)
    assert (found.home, found.kafka, found.opensearch) == (tmp_path / ".pipetrail", None, None)
    with pytest.raises(SettingError, match=r"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS: is needed .*connection\.toml.*pipetrail up"):
        found.require_kafka()
    with pytest.raises(SettingError, match=r"PIPETRAIL_OPENSEARCH_URL: is needed .*connection\.toml.*pipetrail up"):
        found.require_opensearch()


def test_the_file_is_found_from_any_folder_below(home: Path, tmp_path: Path) -> None:
    """The nearest home folder upwards counts; its paths are relative to it; true is written as librdkafka does."""
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    found = _load(below)
    kafka, opensearch = found.require_kafka(), found.require_opensearch()
    assert found.home == home
    assert kafka.client_config() == {
        "bootstrap.servers": "127.0.0.1:9092",
        "security.protocol": "ssl",
        "enable.ssl.certificate.verification": "true",
        "socket.timeout.ms": "5000",
    }
    assert (opensearch.url, opensearch.ca_file) == ("https://127.0.0.1:9200", home / "tls" / "ca.pem")
    assert (opensearch.user, opensearch.password) == ("admin", "hunter2")


def test_a_connection_acts_as_another_user_only_if_it_knows_one(home: Path) -> None:
    """`as_user` takes a known user and is unchanged for one that the cluster's owner did not make."""
    opensearch = _load(home.parent).require_opensearch()
    assert opensearch.as_user("auditor").password == "hunter3"
    assert opensearch.as_user("indexer") is opensearch


def test_the_environment_beats_the_file(home: Path) -> None:
    """Every variable overrides its setting; properties of both are merged; user and password replace the credentials file."""
    found = _load(
        home.parent,
        PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS="k1:9092, [::1]:9093",
        PIPETRAIL_KAFKA_CONFIG="security.protocol=SASL_SSL\n\n sasl.password = a=b \n",
        PIPETRAIL_OPENSEARCH_URL="http://search:9200/",
        PIPETRAIL_OPENSEARCH_USER="ann",
        PIPETRAIL_OPENSEARCH_PASSWORD="hunter4",
    )
    config = found.require_kafka().client_config()
    assert (config["bootstrap.servers"], config["security.protocol"]) == ("k1:9092,[::1]:9093", "SASL_SSL")
    assert (config["sasl.password"], config["socket.timeout.ms"]) == ("a=b", "5000")
    opensearch = found.require_opensearch()
    assert (opensearch.url, opensearch.user, opensearch.password) == ("http://search:9200", "ann", "hunter4")


def test_paths_in_the_environment_are_relative_to_the_current_folder(home: Path, tmp_path: Path) -> None:
    """As in any other command: PIPETRAIL_HOME and the CA file count from where the command is called."""
    (tmp_path / "my.pem").write_text("certificate")
    found = _load(tmp_path, PIPETRAIL_HOME=home.name, PIPETRAIL_OPENSEARCH_CA_FILE="my.pem")
    assert (found.home, found.require_opensearch().ca_file) == (home, tmp_path / "my.pem")


BAD_ENVIRONMENTS = [
    *[
        ({"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": value}, "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS", "host:port")
        for value in ("localhost", ":9092", "k:0", "k:65536", "k:x", "k:²", "k:9092,", " ")
    ],
    *[
        ({"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": "k:1", "PIPETRAIL_KAFKA_CONFIG": value}, "PIPETRAIL_KAFKA_CONFIG", message)
        for value, message in (
            ("security.protocol", "line 1 is not key=value"),
            ("a=b\n=c", "line 2 is not key=value"),
            ("acks=0", "acks is set by pipetrail"),
            ("partitioner=random\nenable.idempotence=false", "enable.idempotence, partitioner is set by pipetrail"),
            ("request.required.acks=0", "request.required.acks is set by pipetrail"),
            ("auto.offset.reset=latest", "auto.offset.reset is set by pipetrail"),
        )
    ],
    *[
        ({"PIPETRAIL_OPENSEARCH_URL": value}, "PIPETRAIL_OPENSEARCH_URL", message)
        for value, message in (
            ("localhost:9200", "http://host:port"),
            ("ftp://search", "http://host:port"),
            ("https://", "http://host:port"),
            ("https://search:0", "http://host:port"),
            ("https://search:99999", "is no URL"),
            ("https://[::1", "is no URL"),
            ("https://ann:hunter2@search:9200", "holds a user name"),
            ("ftp://ann:hunter2@search", "holds a user name"),
        )
    ],
    *[
        ({"PIPETRAIL_OPENSEARCH_URL": "https://s", **extra}, setting, message)
        for extra, setting, message in (
            ({"PIPETRAIL_OPENSEARCH_USER": "ann"}, "PIPETRAIL_OPENSEARCH_PASSWORD", "go together"),
            ({"PIPETRAIL_OPENSEARCH_PASSWORD": "hunter2"}, "PIPETRAIL_OPENSEARCH_USER", "go together"),
            ({"PIPETRAIL_OPENSEARCH_CA_FILE": "absent.pem"}, "PIPETRAIL_OPENSEARCH_CA_FILE", "is no file"),
        )
    ],
]


@pytest.mark.parametrize(("env", "setting", "message"), BAD_ENVIRONMENTS)
def test_a_bad_variable_stops_and_names_itself(env: dict[str, str], setting: str, message: str, tmp_path: Path) -> None:
    """The error names the setting and what is allowed, and shows no password."""
    with pytest.raises(SettingError, match=message) as refusal:
        connection.load(env, tmp_path)
    assert refusal.value.setting == setting
    assert setting in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("kafka = 5", "kafka: must be a table"),
        ("opensearch = 'https://s'", "opensearch: must be a table"),
        ("[kafka]\nbootstrap_servers = 9092", "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS"),
        ("[kafka]\nbootstrap_servers = ''", "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS"),
        ("[kafka]\nbootstrap_servers = 'k:1'\nproperties = 'x'", r"kafka\.properties: must be a table"),
        ("[kafka]\nbootstrap_servers = 'k:1'\n[kafka.properties]\nssl.ca.location = 'x'", r"kafka\.properties\.ssl: .*quotes"),
        ("[opensearch]\nurl = 9200", "PIPETRAIL_OPENSEARCH_URL"),
        ("[opensearch]\nurl = 'https://s'\nca_file = 'absent'", "PIPETRAIL_OPENSEARCH_CA_FILE: .* is no file"),
        ("[opensearch]\nurl = 'https://s'\ncredentials_file = 'absent'", "absent: cannot be read: No such file"),
        ("[kafka", "is not valid TOML"),
    ],
)
def test_a_bad_file_stops_and_names_the_place(content: str, message: str, tmp_path: Path) -> None:
    """What is wrong in connection.toml, or in what it points to, is said with its place."""
    (tmp_path / ".pipetrail").mkdir()
    (tmp_path / ".pipetrail" / "connection.toml").write_text(content)
    with pytest.raises(SettingError, match=message):
        connection.load({}, tmp_path)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are a setting error, not a traceback."""
    (tmp_path / ".pipetrail").mkdir()
    (tmp_path / ".pipetrail" / "connection.toml").write_bytes(b"# \xff")
    with pytest.raises(SettingError, match="is not valid TOML"):
        connection.load({}, tmp_path)


def test_a_connection_shows_no_secret(home: Path) -> None:
    """repr, which ends up in logs and tracebacks, holds neither passwords nor librdkafka properties."""
    shown = repr(_load(home.parent, PIPETRAIL_KAFKA_CONFIG="sasl.password=hunter9"))
    assert "127.0.0.1:9092" in shown
    assert "hunter" not in shown
