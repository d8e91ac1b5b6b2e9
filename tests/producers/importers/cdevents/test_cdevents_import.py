"""`pipetrail import cdevents`: files, folders and standard input."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pipetrail_producers.importers.commands import importers
from pipetrail_producers.importers.errors import SavedAnswerError
from pipetrail_producers.webhook.cdevents import SYSTEM
from support.translator import Event, delivery, short_types


def cdevent(kind: str, number: int, **content: Any) -> dict[str, Any]:
    """A CDEvent of a kind."""
    return {
        "context": {
            "version": "0.5.1",
            "id": f"event-{number}",
            "source": "/ci",
            "type": f"dev.cdevents.{kind}.0.3.0",
            "timestamp": f"2026-11-{number:02}T09:02:11Z",
        },
        "subject": {"id": f"run-{number}", "content": content},
    }


STARTED = cdevent("pipelinerun.started", 1, pipelineName="ship")
FINISHED = cdevent("pipelinerun.finished", 2, pipelineName="ship", outcome="success")
SILENT = cdevent("service.published", 3)


def imported(*arguments: str, stdin: bytes = b"") -> tuple[list[Event], Result]:
    """The events that a dry run prints, and the run's result."""
    result = CliRunner().invoke(importers, ["cdevents", "--dry-run", "--json", *arguments], input=stdin)
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith('{"specversion"')], result


def lines(*values: Any) -> bytes:
    """The values as NDJSON."""
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ndjson", lines(STARTED, FINISHED)),
        ("a.ndjson.gz", gzip.compress(lines(STARTED, FINISHED))),
        ("a.json", json.dumps([STARTED, FINISHED], indent=2).encode()),
        ("a.jsonl", b"\n" + lines(STARTED) + b"\n\n" + lines(FINISHED)),
        ("a.txt", b"\xef\xbb\xbf" + lines([STARTED, FINISHED])),
    ],
)
def test_every_form_of_a_file_is_read(name: str, content: bytes, tmp_path: Path) -> None:
    """Lines, an array over many lines, compressed, with a byte order mark: the same two events."""
    file = tmp_path / name
    file.write_bytes(content)
    made, result = imported(str(file))
    assert short_types(made) == ["pipelinerun.started", "pipelinerun.finished"], result.output


def test_a_folder_is_read_at_any_depth_and_standard_input_too(tmp_path: Path) -> None:
    """A folder's files, one CDEvent over many lines each, and what is piped in."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "1.json").write_text(json.dumps(STARTED, indent=1))
    (tmp_path / "2.json").write_text(json.dumps(FINISHED, indent=1))
    (tmp_path / "notes.md").write_text("no JSON")
    assert len(imported(str(tmp_path))[0]) == 2
    assert len(imported("-", stdin=lines(STARTED, FINISHED))[0]) == 2


def test_an_import_and_the_webhook_tell_one_fact() -> None:
    """What the collector was sent has the same id when it is imported from a file."""
    made, _ = imported("-", "--url", "https://ci.example", stdin=lines(FINISHED))
    (fact,) = SYSTEM.translate(delivery(FINISHED, instance="https://ci.example")).facts
    assert made[0]["id"] == fact.id


def test_what_is_left_out_is_told_with_its_place(tmp_path: Path) -> None:
    """No JSON, no CDEvent, and what says nothing cost themselves alone, and the summary says where they stood."""
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(STARTED) + b"{broken\n" + lines({"hello": 1}, SILENT, FINISHED))
    made, result = imported(str(file))
    assert len(made) == 2
    summary = json.loads(result.stderr)
    assert [entry.partition(": ")[0].removesuffix(" is no JSON") for entry in summary["left_out"]] == [
        f"{file}:2",
        f"{file}:3",
        f"{file}:4",
    ]


def test_files_that_hold_no_json_at_all_are_an_error(tmp_path: Path) -> None:
    """Nothing could be read: that is no import that succeeded, and the first reason is told."""
    file = tmp_path / "a.xml"
    file.write_bytes(b"<events/>")
    result = CliRunner().invoke(importers, ["cdevents", str(file), "--dry-run"])
    assert isinstance(result.exception, SavedAnswerError)
    assert "a.xml:1 is no JSON" in str(result.exception)


def test_what_is_older_is_left_out() -> None:
    """--since is the time of the event itself."""
    made, _ = imported("-", "--since", "2026-11-02", stdin=lines(STARTED, FINISHED))
    assert short_types(made) == ["pipelinerun.finished"]


def test_an_address_that_is_none_is_refused() -> None:
    """A wrong setting is named before anything is read."""
    result = CliRunner().invoke(importers, ["cdevents", "--url", "ci", "-"], input=b"")
    assert result.exit_code == 2
    assert "--url" in result.output
