"""The exported JSON Schemas."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pipetrail_schemas import export
from pipetrail_schemas.types import EVENT_TYPES
from support.golden import SCHEMAS


def test_the_exported_files_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    """`make schemas` would change nothing."""
    assert (export.main(["--check"]), capsys.readouterr().out) == (0, "")


def test_a_stale_file_and_an_orphan_are_found_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--check names them and fails; a plain call writes and removes them, and then --check is content."""
    monkeypatch.setattr(export, "ROOM", tmp_path)
    monkeypatch.setattr(export, "FIELDS_FILE", tmp_path / "pipetrail_schemas" / "fields.json")
    export.main([])
    (tmp_path / "json" / "event" / "1.0.json").write_text("{}")
    (tmp_path / "json" / "gone.json").write_text("{}")
    capsys.readouterr()
    assert export.main(["--check"]) == 1
    assert capsys.readouterr().out.splitlines() == ["is not current: json/event/1.0.json", "is not current: json/gone.json"]
    assert export.main([]) == 0
    assert capsys.readouterr().out.splitlines() == ["written: json/event/1.0.json", "removed: json/gone.json"]
    assert export.main(["--check"]) == 0


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_file_is_a_json_schema_at_its_own_address(name: str) -> None:
    """Valid by its dialect, and `$id` is the address that ends in the file's own path."""
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$id"] == f"https://pipetrail.dev/schemas/{name}"


def test_every_address_that_events_name_exists() -> None:
    """`dataschema` of every type leads to a file."""
    assert {described.schema_url for described in EVENT_TYPES.values()} <= {schema["$id"] for schema in SCHEMAS.values()}
