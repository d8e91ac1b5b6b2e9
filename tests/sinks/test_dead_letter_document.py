"""The document of a dead letter."""

import base64
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_schemas.topics import DEAD_LETTERS
from pipetrail_sinks.message import Message
from pipetrail_sinks.opensearch import dead_letter
from support import samples

NOW = datetime(2027, 1, 5, 10, 0, tzinfo=UTC)


def test_what_people_look_for_is_there() -> None:
    """Value as bytes and as text, error, and the position where it was refused are in the document."""
    content = dead_letter.content(samples.dead_letter_message(b"{broken"), NOW)
    letter = content["pipetrail"]["dead_letter"]
    assert content["error"] == {"message": "the value is not JSON", "type": "InvalidEventError"}
    assert content["event"]["kind"] == "pipeline_error"
    assert base64.b64decode(letter["value"]) == b"{broken"
    assert (letter["text"], letter["key"], letter["size"]) == ("{broken", "key", 7)
    assert (letter["topic"], letter["partition"], letter["offset"]) == ("pipetrail.events.v1", 3, 7)
    assert (letter["timestamp"], letter["stage"]) == (1_795_000_000_000, "process")
    assert letter["headers"] == {"content-type": "application/json"}
    assert letter["id"] == content["event"]["id"]


def test_delivered_twice_is_one_document() -> None:
    """The id comes from where the refused message stood, so a second delivery of the dead letter has the same one."""
    first, again, other = (
        dead_letter.content(samples.dead_letter_message(b"x", offset=offset, origin=origin), NOW)["event"]["id"]
        for offset, origin in ((0, 7), (1, 7), (2, 8))
    )
    assert first == again
    assert first != other


def test_bytes_that_are_no_text_are_kept() -> None:
    """A value that is no UTF-8 has no text, and all its bytes."""
    letter = dead_letter.content(samples.dead_letter_message(b"\xff\x00"), NOW)["pipetrail"]["dead_letter"]
    assert "text" not in letter
    assert base64.b64decode(letter["value"]) == b"\xff\x00"


@pytest.mark.parametrize("timestamp_ms", [-1, 0, 10**17, -(10**17)])
def test_any_timestamp_is_borne(timestamp_ms: int) -> None:
    """A time that no calendar has is replaced by the time of writing."""
    content = dead_letter.content(Message(DEAD_LETTERS.name, 0, 0, None, b"x", (), timestamp_ms), NOW)
    assert content["@timestamp"] == "2027-01-05T10:00:00.000Z"


_HEADER_NAMES = st.sampled_from(["topic", "partition", "offset", "timestamp", "stage", "error", "original-x"]) | st.text()


@given(
    value=st.none() | st.binary(),
    key=st.none() | st.binary(),
    headers=st.lists(st.tuples(_HEADER_NAMES, st.none() | st.binary())),
)
def test_every_dead_letter_is_a_document(
    value: bytes | None, key: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    """Whatever somebody wrote to the topic, it can be indexed, and no byte of the value is lost."""
    content = dead_letter.content(Message(DEAD_LETTERS.name, 0, 5, key, value, tuple(headers), 1), NOW)
    orjson.dumps(content)
    letter = content["pipetrail"]["dead_letter"]
    assert (base64.b64decode(letter["value"]) if "value" in letter else None) == value
    assert isinstance(letter["offset"], int)
