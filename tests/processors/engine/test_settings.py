"""Settings that are wrong stop the program and say what is allowed; so does a folder that cannot be had."""

from pathlib import Path

import pytest
from pipetrail_processors.engine.datadir import datadir
from pipetrail_processors.settings import ProcessSettings
from pipetrail_processors.transport.consumer import MAX_POLL_INTERVAL_MS
from pipetrail_processors.transport.security import consumer_options
from pipetrail_schemas.connection import RESERVED_KAFKA_PROPERTIES, KafkaConnection, load
from pipetrail_schemas.errors import SettingError


def test_every_setting_says_what_it_is_for() -> None:
    """Each has a description, and each number has bounds."""
    for name, setting in ProcessSettings.model_fields.items():
        assert setting.description, name
        if setting.annotation in (int, float):
            assert {type(bound).__name__ for bound in setting.metadata} == {"Ge", "Le"}, name


@pytest.mark.parametrize(
    ("name", "value"),
    [("BATCH_MESSAGES", "0"), ("SESSION_TIMEOUT_S", "1"), ("ALIAS_WAIT_S", "soon"), ("LOG_LEVEL", "loud"), ("GROUP", "a b")],
)
def test_a_wrong_value_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the variable and the value."""
    monkeypatch.setenv(f"PIPETRAIL_PROCESS_{name}", value)
    with pytest.raises(SettingError, match=f"PIPETRAIL_PROCESS_{name}.*{value}"):
        ProcessSettings.load()


def test_a_setting_that_there_is_not_is_a_typing_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused, with the ones that there are."""
    monkeypatch.setenv("PIPETRAIL_PROCESS_ACKS", "0")
    with pytest.raises(SettingError, match=r"ACKS: is no setting; there are: .*PIPETRAIL_PROCESS_GROUP"):
        ProcessSettings.load()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            {"ALIAS_WAIT_S": "604800", "RETENTION_DAYS": "7"},
            r"ALIAS_WAIT_S: must be at most half of .*RETENTION_DAYS \(302400\)",
        ),
        ({"DELIVERY_TIMEOUT_S": "600"}, r"DELIVERY_TIMEOUT_S: .*less than or equal to 540"),
        ({"SESSION_TIMEOUT_S": "5"}, r"SESSION_TIMEOUT_S"),
        ({"COMMIT_INTERVAL_S": "0"}, r"COMMIT_INTERVAL_S"),
        ({"RETENTION_DAYS": "0"}, r"RETENTION_DAYS"),
        ({"GROUP": ""}, r"GROUP"),
    ],
)
def test_settings_that_would_lose_something_are_refused(
    settings: dict[str, str], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone or together; what is allowed is said."""
    for name, value in settings.items():
        monkeypatch.setenv(f"PIPETRAIL_PROCESS_{name}", value)
    with pytest.raises(SettingError, match=complaint):
        ProcessSettings.load()


@pytest.mark.parametrize("bound", ["ge", "le"])
def test_every_setting_at_its_bound_is_safe_with_the_others_at_theirs(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all combinations of smallest and greatest values, those that are taken keep what the engine relies on."""
    numbers = {name: field for name, field in ProcessSettings.model_fields.items() if field.annotation in (int, float)}
    for chosen in numbers:
        for name, field in numbers.items():
            limits = {type(one).__name__.lower(): getattr(one, type(one).__name__.lower()) for one in field.metadata}
            other = "le" if bound == "ge" else "ge"
            monkeypatch.setenv(f"PIPETRAIL_PROCESS_{name}".upper(), str(limits[bound if name == chosen else other]))
        try:
            found = ProcessSettings.load()
        except SettingError as exc:
            assert "ALIAS_WAIT_S: must be at most half of" in str(exc)  # noqa: PT017 - the only combination that is refused
            continue
        assert found.alias_wait_s * 2 <= found.retention_days * 86_400
        assert found.delivery_timeout_s * 1000 < MAX_POLL_INTERVAL_MS
        assert found.session_timeout_s / 5 >= 1, "a heartbeat that often fits into every session"


@pytest.mark.parametrize("name", sorted(RESERVED_KAFKA_PROPERTIES))
def test_what_delivery_hangs_on_cannot_be_set_past_the_settings(name: str) -> None:
    """Acknowledgements, idempotence, partitioning, commits and where reading starts, by any name that the client knows."""
    env = {"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": "k:1", "PIPETRAIL_KAFKA_CONFIG": f"{name}=0"}
    with pytest.raises(SettingError, match=f"PIPETRAIL_KAFKA_CONFIG: {name} is set by pipetrail"):
        load(env)


def test_workers_take_the_first_free_folder(tmp_path: Path) -> None:
    """Without a setting, each worker on a machine gets a folder of its own, the same one after a restart."""
    with datadir(tmp_path, None) as first:
        with datadir(tmp_path, None) as second:
            assert [first.name, second.name] == ["processor-0", "processor-1"]
        with datadir(tmp_path, None) as again:
            assert again == second


def test_a_folder_is_for_one_worker(tmp_path: Path) -> None:
    """The second one is refused, and may have it when the first is gone."""
    with datadir(tmp_path, tmp_path / "x"), pytest.raises(SettingError, match="in use"), datadir(tmp_path, tmp_path / "x"):
        pass
    with datadir(tmp_path, tmp_path / "x") as folder:
        assert folder.is_dir()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The error says which, and why."""
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match=r"DATADIR: .*file/x cannot be written"), datadir(tmp_path, tmp_path / "file" / "x"):
        pass


def test_the_consumer_gets_in_as_the_producer_does() -> None:
    """Librdkafka's words for a password and an authority become aiokafka's."""
    properties = {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "pipetrail",
        "sasl.password": "secret",
        "client.id": "not about security",
    }
    options = consumer_options(KafkaConnection("a:1, b:2", properties))
    assert options.pop("ssl_context").check_hostname
    assert options == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "pipetrail",
        "sasl_plain_password": "secret",
    }


@pytest.mark.parametrize(
    ("properties", "complaint"),
    [
        ({"sasl.kerberos.keytab": "x"}, "sasl.kerberos.keytab is not supported"),
        ({"security.protocol": "tls"}, "security.protocol=TLS is not one of"),
        ({"security.protocol": "ssl", "ssl.ca.location": "/nowhere.pem"}, "certificate files cannot be read"),
    ],
)
def test_security_that_the_consumer_does_not_know_is_not_left_out(properties: dict[str, str], complaint: str) -> None:
    """The program stops instead of connecting with less than was asked for."""
    with pytest.raises(SettingError, match=complaint):
        consumer_options(KafkaConnection("a:1", properties))
