"""Where history comes from besides Kafka: files, and records that become events again."""

import copy
import gzip
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_processors.enrich.enrich import record, ticket_of
from pipetrail_processors.enrich.reading import read
from pipetrail_processors.errors import ReplayError
from pipetrail_processors.replay.files import FileHistory
from pipetrail_processors.replay.history import event_of, events
from pipetrail_processors.replay.values import values
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.ticket import find_ticket
from support.golden import SAMPLES

EVENT_CONTENT = SAMPLES["build.finished"]
EVENT = orjson.dumps(EVENT_CONTENT)
PRINTED = json.dumps(EVENT_CONTENT, indent=2)
PRINTED_LINES = PRINTED.count("\n") + 1
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


@pytest.mark.parametrize(
    "text",
    [
        f"{PRINTED}\n{PRINTED}\n",  # what `--dry-run` prints
        f"[{PRINTED},\n{PRINTED}]",
        json.dumps([EVENT_CONTENT, EVENT_CONTENT]),
        f"{EVENT.decode()}\n{PRINTED}",
        f"{EVENT.decode()} {EVENT.decode()}",
        f"{PRINTED} {PRINTED}",
    ],
)
def test_events_are_read_however_they_are_laid_out(text: str) -> None:
    """Over several lines, several a line, in lists: all give the same two events."""
    assert [orjson.loads(value) for value in events(io.BytesIO(text.encode()))] == [EVENT_CONTENT] * 2


@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=4), st.text('{}[]"\\\n\u2028,é', max_size=6) | st.lists(st.integers(0, 9), max_size=3)
        ),
        max_size=4,
    ),
    st.sampled_from([None, 0, 2]),
    st.sampled_from(["\n", " ", "\r\n\n"]),
    st.sampled_from([list, lambda contents: [contents]]),
)
def test_the_layout_of_json_says_nothing(
    contents: list[Any], indent: int | None, between: str, written_as: Callable[[list[Any]], list[Any]]
) -> None:
    """Brackets and quotes within texts end nothing, whatever stands between the values, one by one or as a list."""
    written = between.join(json.dumps(one, indent=indent, ensure_ascii=False) for one in written_as(contents))
    found = list(values(io.BytesIO(written.encode())))
    assert [one.content for one in found] == contents
    assert [orjson.loads(one.raw) for one in found] == contents


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{PRINTED}\n[1]", f"line {PRINTED_LINES + 1}, member 1: is no JSON object"),
        ('\n{\n  "a": 1,\n}\n', "line 4: is no JSON"),
        ("{}}", "line 1: is no JSON"),
        ('{"a": [1,\n', "line 2: is no JSON"),
        ('{"b":\n1} {"a":\nNaN}', "line 3: is no JSON"),
        ("[" * 9_000, "line 1: is no JSON"),
        ("\xff", "line 1: is no JSON"),
    ],
)
def test_what_is_no_event_is_named_with_its_line(text: str, place: str) -> None:
    """Also in the middle of what goes over several lines."""
    with pytest.raises(InvalidEventError) as caught:
        list(events(io.BytesIO(text.encode("latin-1"))))
    assert place in str(caught.value)


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
