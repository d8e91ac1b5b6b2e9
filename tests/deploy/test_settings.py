"""What a stack is started with, and what it leaves for clients to find it by."""

import tomllib
from pathlib import Path

import pytest
from pipetrail_deploy.places import Home, make_home
from pipetrail_deploy.settings import (
    KAFKA_PORT,
    OPENSEARCH_PORT,
    USERS,
    Settings,
    decide,
    ensure_credentials,
    keep,
    load_settings,
    save_connection,
    save_settings,
)
from pipetrail_schemas import connection
from pipetrail_schemas.errors import SettingError

LAST = Settings(19_092, 19_200, insecure=True, opensearch=True, salt="0123456789abcdef")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with nothing in it but folders."""
    return make_home(tmp_path, None)


def test_the_first_start_has_the_usual_ports() -> None:
    """9092 and 9200, users and TLS, and a salt as long as the security plugin wants it."""
    settings = decide(None, kafka_port=None, opensearch_port=None, insecure=None)
    assert (settings.kafka_port, settings.opensearch_port) == (KAFKA_PORT, OPENSEARCH_PORT)
    assert (settings.insecure, settings.opensearch, len(settings.salt)) == (False, True, 16)


def test_what_is_not_asked_for_is_as_last_time() -> None:
    """`down` and `up` give the same stack."""
    assert decide(LAST, kafka_port=None, opensearch_port=None, insecure=None) == LAST


def test_what_is_asked_for_counts() -> None:
    """And 0 is any free port, as a number that can be remembered."""
    settings = decide(LAST, kafka_port=1234, opensearch_port=0, insecure=False)
    assert (settings.kafka_port, settings.insecure, settings.salt) == (1234, False, LAST.salt)
    assert settings.opensearch_port not in {0, LAST.opensearch_port}


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_out_of_bounds_is_named(port: int) -> None:
    """With the option it came by, and what is allowed."""
    with pytest.raises(SettingError, match=rf"--kafka-port: {port} is no port: 1 to 65535, or 0"):
        decide(None, kafka_port=port, opensearch_port=None, insecure=None)


def test_a_running_stack_keeps_its_settings() -> None:
    """Asking for the same, or for any port, changes nothing; asking for another is refused with the way out."""
    assert keep(LAST, kafka_port=None, opensearch_port=0, insecure=None) == LAST
    assert keep(LAST, kafka_port=LAST.kafka_port, opensearch_port=None, insecure=True) == LAST
    with pytest.raises(SettingError, match=r"--kafka-port: is 19092 as long as the stack runs: `pipetrail down`"):
        keep(LAST, kafka_port=1, opensearch_port=None, insecure=None)
    with pytest.raises(SettingError, match=r"--insecure: is true as long as"):
        keep(LAST, kafka_port=None, opensearch_port=None, insecure=False)


def test_settings_are_remembered(home: Home) -> None:
    """What is saved is what is loaded; before that there is nothing."""
    assert load_settings(home) is None
    save_settings(home, LAST)
    assert load_settings(home) == LAST


@pytest.mark.parametrize("text", ["kafka_port = ", "kafka_port = 1", 'colour = "red"', "\xff"])
def test_damaged_settings_stop_the_program(home: Home, text: str) -> None:
    """They are not replaced by defaults: the data may be somewhere else then."""
    home.settings.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingError, match=r"stack\.toml: cannot be read .* delete it"):
        load_settings(home)


def test_passwords_are_made_once(home: Home) -> None:
    """All users have different ones; what a person wrote there is kept, what is missing is added."""
    first = ensure_credentials(home)
    assert tuple(first) == USERS
    assert len(set(first.values())) == len(USERS)
    assert min(map(len, first.values())) >= 24
    assert ensure_credentials(home) == first
    home.credentials.write_text('auditor = "quo\\"te"\n', encoding="utf-8")
    second = ensure_credentials(home)
    assert second["auditor"] == 'quo"te'
    assert tuple(second) == USERS


def test_damaged_credentials_stop_the_program(home: Home) -> None:
    """New passwords would lock out whoever has the old ones."""
    home.credentials.write_text("admin", encoding="utf-8")
    with pytest.raises(SettingError, match=r"credentials: cannot be read .* delete it"):
        ensure_credentials(home)


def test_secrets_are_for_their_owner_only(home: Home) -> None:
    """Also when the file was there and open before."""
    home.credentials.touch(0o644)
    ensure_credentials(home)
    save_settings(home, LAST)
    save_connection(home, LAST)
    assert {path.stat().st_mode & 0o777 for path in (home.credentials, home.settings, home.connection)} == {0o600}
    assert [path.name for path in home.root.glob(".*")] == []


def test_every_room_finds_the_servers_by_the_connection_file(home: Home) -> None:
    """With users and TLS, and with each user's password."""
    passwords = ensure_credentials(home)
    (home.tls / "ca.pem").touch()
    save_connection(home, Settings(1, 2, insecure=False, opensearch=True, salt=""))
    found = connection.load({"PIPETRAIL_HOME": str(home.root)}, home.root)
    opensearch = found.require_opensearch()
    assert found.require_kafka().bootstrap_servers == "127.0.0.1:1"
    assert (opensearch.url, opensearch.ca_file, opensearch.user) == ("https://127.0.0.1:2", home.tls / "ca.pem", "admin")
    assert {user: opensearch.as_user(user).password for user in USERS} == passwords


def test_an_insecure_or_absent_opensearch_is_shown_as_that(home: Home) -> None:
    """Plain HTTP names no user; a stack without OpenSearch names no address of it."""
    save_connection(home, Settings(1, 2, insecure=True, opensearch=True, salt=""))
    assert tomllib.loads(home.connection.read_text(encoding="utf-8"))["opensearch"] == {"url": "http://127.0.0.1:2"}
    save_connection(home, Settings(1, 2, insecure=True, opensearch=False, salt=""))
    assert connection.load({"PIPETRAIL_HOME": str(home.root)}, home.root).opensearch is None
