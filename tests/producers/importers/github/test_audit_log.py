"""GitHub's audit log out of files."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pipetrail_producers.importers.audit_log.commands import import_audit_log
from pipetrail_producers.importers.errors import SavedAnswerError
from pipetrail_producers.webhook.github import SYSTEM
from support import github, translator

ENTRIES = [github.override(), github.entry("git.push"), github.entry("repo.access", visibility="public")]


def imported(*arguments: Any) -> Result:
    """Run the command without sending anything."""
    return CliRunner().invoke(import_audit_log, [*map(str, arguments), "--dry-run", "--json"], catch_exceptions=False)


def lines(entries: list[Any]) -> bytes:
    """One object a line."""
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


@pytest.mark.parametrize(
    "content",
    [
        lines(ENTRIES),
        gzip.compress(lines(ENTRIES)),
        json.dumps(ENTRIES).encode(),
        json.dumps(ENTRIES, indent=2).encode(),
        lines([ENTRIES[:1], ENTRIES[1:]]),
        lines([{"event": entry} for entry in ENTRIES]),
        b"\n" + lines(ENTRIES) + b"\n",
    ],
    ids=["lines", "gzip", "array", "array over lines", "batches", "splunk", "empty lines"],
)
def test_a_log_is_read_as_the_streams_and_exports_write_it(tmp_path: Path, content: bytes) -> None:
    """Whatever the form, the same events, with the ids that a delivery of the same entries gives."""
    file = tmp_path / "log.json"
    file.write_bytes(content)
    done = imported(file, "--url", github.INSTANCE)
    delivered = SYSTEM.translate(translator.delivery(ENTRIES, instance=github.INSTANCE)).facts
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [fact.id for fact in delivered]
    assert json.loads(done.stderr)["events"] == {"policy.bypassed": 1, "policy.changed": 1}


def test_a_damaged_line_costs_itself_and_is_named(tmp_path: Path) -> None:
    """File and line are told; the others are imported."""
    file = tmp_path / "log.json"
    file.write_bytes(lines(ENTRIES[:1]) + b'{"action":\n{"action": "repo.access"}\n' + lines(ENTRIES[2:]))
    summary = json.loads(imported(file).stderr)
    assert sum(summary["events"].values()) == 2
    assert [f"{file}:2 is no JSON" in summary["left_out"][0], "created_at" in summary["left_out"][1]] == [True, True]


def test_a_log_can_be_piped_in() -> None:
    """`-` is standard input, and gives what a file gives."""
    done = CliRunner().invoke(import_audit_log, ["-", "--dry-run"], input=lines(ENTRIES), catch_exceptions=False)
    assert len(done.stdout.splitlines()) == 2


def test_a_file_that_is_no_log_at_all_is_an_error(tmp_path: Path) -> None:
    """Nothing in it could be read: that is no import that succeeded, and the first reason is told."""
    file = tmp_path / "log.xml"
    file.write_bytes(b"<log>\n</log>\n")
    with pytest.raises(SavedAnswerError, match=r"log\.xml:1 is no JSON"):
        imported(file)


def test_an_empty_log_is_no_error(tmp_path: Path) -> None:
    """Nothing happened, and nothing is imported."""
    file = tmp_path / "log.json"
    file.write_bytes(b"")
    assert json.loads(imported(file).stderr)["events"] == {}


@pytest.mark.parametrize("content", [b"[1, 2", gzip.compress(b"{}" * 1_000)[:-10]])
def test_a_file_that_ends_too_early_is_an_error(tmp_path: Path, content: bytes) -> None:
    """Half an array, or half of a compressed file, is no import that succeeded."""
    file = tmp_path / "log.json"
    file.write_bytes(content)
    with pytest.raises(SavedAnswerError, match=r"log\.json"):
        imported(file)


def test_since_leaves_out_what_is_older(tmp_path: Path) -> None:
    """Entries have times to the millisecond."""
    file = tmp_path / "log.json"
    file.write_bytes(lines(ENTRIES))
    assert json.loads(imported(file, "--since", "2026-11-23T09:30:00.124Z").stderr)["events"] == {}
    assert len(imported(file, "--since", "2026-11-23T09:30:00.123Z").stdout.splitlines()) == 2
