"""What is too large for a message is named by its digest, and nothing is cut."""

import hashlib
import json
from datetime import UTC, datetime

import pytest
from pipetrail_producers.build_event import Fact, build
from pipetrail_producers.ci.context import Context
from pipetrail_producers.claim import fitted
from pipetrail_producers.message import message_of
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.topics import MAX_EVENT_BYTES

NOW = datetime(2026, 11, 23, 9, 2, 11, tzinfo=UTC)
CONTEXT = Context(provider="local", instance="file://host", repository="https://git.acme.example/shop")
LARGE = "äx" * MAX_EVENT_BYTES


def test_what_fits_stays() -> None:
    """A payload within the size is the same object, untouched."""
    data = {"pipetrail": {"command": {"output_tail": "short"}}}
    assert fitted(data) is data


def test_a_large_output_is_named_by_its_digest() -> None:
    """The event says how large the output is and its SHA-256, is valid, and fits into a message."""
    values = {"pipetrail.result": "success", "pipetrail.command.output_tail": LARGE}
    event = build(Fact("build.finished", NOW, values), CONTEXT, recorded=NOW)
    digest = hashlib.sha256(LARGE.encode()).hexdigest()
    expected = f"[not sent: {len(LARGE.encode())} bytes, sha256:{digest}]"
    assert event["data"]["pipetrail"]["command"]["output_tail"] == expected
    assert len(message_of(event).value) < MAX_EVENT_BYTES


def test_a_large_payload_is_named_and_the_rest_stays() -> None:
    """Only as much as needed is left out: the small parts stay as they are."""
    data = {"pipetrail": {"raw": {"body": LARGE}, "command": {"argv": ["make", "all"], "output_tail": "short"}}}
    smaller = fitted(data)
    content = json.dumps({"body": LARGE}, ensure_ascii=False, separators=(",", ":")).encode()
    named = {"not_sent": {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
    assert smaller == {"pipetrail": {"raw": named, "command": {"argv": ["make", "all"], "output_tail": "short"}}}


def test_what_cannot_be_left_out_is_refused() -> None:
    """An event whose own fields are too large is an error that says the size, not a cut event."""
    event = build(Fact("push.received", NOW, {"vcs.ref.head.name": "main"}), CONTEXT, recorded=NOW)
    event["data"]["pipetrail"] = {"labels": {"large": LARGE}}
    with pytest.raises(InvalidEventError, match=str(MAX_EVENT_BYTES)):
        message_of(event)
