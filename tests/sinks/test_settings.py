"""Settings are loud."""

import pytest
from pipetrail_schemas.errors import SettingError
from pipetrail_sinks.settings import IndexSettings, IndicesSettings


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PIPETRAIL_INDEX_BATCH_MESSAGES", "0", "greater than or equal to 1"),
        ("PIPETRAIL_INDEX_BATCH_AGE_MS", "soon", "valid integer"),
        ("PIPETRAIL_INDEX_LOG_LEVEL", "loud", "debug"),
        ("PIPETRAIL_INDEX_BATCHES", "3", "is no setting"),
    ],
)
def test_a_bad_setting_stops_the_program(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    """A setting that is wrong, or that does not exist, is named, with what is allowed."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=f"{name}.*{says}"):
        IndexSettings.load()


@pytest.mark.parametrize("value", ["0", "2", "0-1", "1-all"])
def test_replicas(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Replicas are a number or a range, as OpenSearch has them."""
    monkeypatch.setenv("PIPETRAIL_INDICES_REPLICAS", value)
    assert IndicesSettings.load().replicas == value


@pytest.mark.parametrize("settings", [IndexSettings, IndicesSettings])
def test_every_setting_says_what_it_is(settings: type[IndexSettings | IndicesSettings]) -> None:
    """No setting is without a description, which gives its unit or its values."""
    assert all(field.description for field in settings.model_fields.values())
