"""Where history comes from besides Kafka: files, and records that become events again."""

import copy
import gzip
import io
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from pipetrail_processors.enrich.enrich import record, ticket_of
from pipetrail_processors.enrich.reading import read
from pipetrail_processors.errors import ReplayError
from pipetrail_processors.replay.files import FileHistory
from pipetrail_processors.replay.history import event_of
from pipetrail_schemas.ticket import find_ticket
from support.golden import SAMPLES

EVENT = orjson.dumps(SAMPLES["build.finished"])
# What a record does not have, and what it has besides: the same values in the fields of standards, and the stage.
LOST = {"dataschema", "datacontenttype"}
ADDED = {"cicd.pipeline.result", "cicd.pipeline.task.run.result", "deployment.status", "pipetrail.stage"}


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_record_is_the_event_again(name: str) -> None:
    """But for the bytes, and the schema that the envelope names."""
    event = copy.deepcopy(SAMPLES[name])
    again = orjson.loads(event_of(orjson.loads(_record(event))))
    assert event.keys() - again.keys() <= LOST
    assert {key: again[key] for key in again if key != "data"} == {key: event[key] for key in again if key != "data"}
    data, data_again = dict(_leaves(event["data"])), dict(_leaves(again["data"]))
    assert {name: value for name, value in data_again.items() if name not in ADDED or name in data} == data


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_the_record_of_a_record_is_the_record(name: str) -> None:
    """A replay from the index gives what is in the index, but for the hash of bytes that are no more."""
    first = orjson.loads(_record(copy.deepcopy(SAMPLES[name])))
    again = orjson.loads(_record(orjson.loads(event_of(copy.deepcopy(first)))))
    del first["event"]["hash"], again["event"]["hash"]
    assert again == first


def test_files_are_read_plain_and_gzipped_and_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other; how far is said in bytes of the files."""
    plain, zipped = tmp_path / "a.ndjson", tmp_path / "b.ndjson.gz"
    plain.write_bytes(EVENT + b"\n\n" + EVENT)
    zipped.write_bytes(gzip.compress(EVENT + b"\n" + _record(SAMPLES["build.finished"])))
    history = FileHistory([str(plain), str(zipped)])
    values = [orjson.loads(message.value or b"") for message in history]
    assert [value["id"] for value in values] == [SAMPLES["build.finished"]["id"]] * 4
    assert history.done == history.total == plain.stat().st_size + zipped.stat().st_size
    piped = io.TextIOWrapper(io.BufferedReader(io.BytesIO(gzip.compress(EVENT))))
    monkeypatch.setattr(sys, "stdin", piped)
    assert [message.value for message in FileHistory(["-"])] == [EVENT]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """It is not there, is cut off, or holds something else."""
    with pytest.raises(ReplayError, match="nothing"):
        FileHistory([str(tmp_path / "nothing")])
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(EVENT * 100)[:-9])
    with pytest.raises(ReplayError, match=r"cut\.gz cannot be read"):
        list(FileHistory([str(cut)]))
    other = tmp_path / "other.ndjson"
    other.write_bytes(EVENT + b"\n{nonsense\n")
    with pytest.raises(ReplayError, match=r"other\.ndjson: .*line 2"):
        list(FileHistory([str(other)]))


def _record(event: dict[str, Any]) -> bytes:
    reading = read(orjson.dumps(event), ())
    return record(reading, ticket=ticket_of(reading, find_ticket), trail=None)


def _leaves(value: Any, name: str = "") -> list[tuple[str, Any]]:
    if not isinstance(value, dict) or not value:
        return [(name, value)]
    return [leaf for key, inner in value.items() for leaf in _leaves(inner, f"{name}.{key}" if name else key)]
