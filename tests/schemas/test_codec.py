"""Bytes and headers: which mode, what is refused, what an error says."""

import json

import pytest
from pipetrail_schemas import codec
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.event import Event
from pipetrail_schemas.topics import MAX_EVENT_BYTES
from support.golden import SAMPLES

SAMPLE = SAMPLES["deployment.finished"]
STRUCTURED = json.dumps(SAMPLE).encode()
DATA = json.dumps(SAMPLE["data"]).encode()
ATTRIBUTES = [(f"ce_{name}", value.encode()) for name, value in SAMPLE.items() if name not in {"data", "datacontenttype"}]
EVENT = codec.validate(SAMPLE)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("content-type", b"application/cloudevents+json")],
        [("Content-Type", b"Application/CloudEvents+JSON; charset=UTF-8")],
        [("content-type", b"application/cloudevents+json"), ("ce_id", b"another"), ("ce_type", b"another")],
        [("content-type", b"application/json")],
        [("traceparent", None)],
    ],
)
def test_structured_mode(headers: list[tuple[str, bytes | None]]) -> None:
    """The content type decides, ce_ headers beside it change nothing; with neither it is structured."""
    assert codec.decode(STRUCTURED, headers) == EVENT


@pytest.mark.parametrize("content_type", [b"application/json", b"application/json; charset=utf-8", b"application/problem+json"])
def test_binary_mode(content_type: bytes) -> None:
    """With a JSON content type, attributes are the ce_ headers and the value is the data."""
    assert codec.decode(DATA, [("content-type", content_type), *ATTRIBUTES]) == EVENT


def test_in_binary_mode_the_key_stands_in_for_a_missing_partition_key() -> None:
    """An SDK that maps partitionkey to the message's key and drops the header is understood; a header wins over the key."""
    headers = [("content-type", b"application/json"), *(pair for pair in ATTRIBUTES if pair[0] != "ce_partitionkey")]
    assert codec.decode(DATA, headers, SAMPLE["partitionkey"].encode()) == EVENT
    assert codec.decode(DATA, [("content-type", b"application/json"), *ATTRIBUTES], b"another") == EVENT
    with pytest.raises(InvalidEventError, match="partitionkey: is required"):
        codec.decode(DATA, headers)


@pytest.mark.parametrize(
    ("value", "headers", "message"),
    [
        (None, [], "value: is empty"),
        (b"", [], "value: is not JSON"),
        (b"\xff\xfe", [], "value: is not JSON"),
        (b"[]", [], "value: is a JSON list"),
        (b'{"a": NaN}', [], "value: is not JSON"),
        (b'{"a": "\\ud800"}', [], "value: is not JSON"),
        (b"[" * 1000, [], "value: is not JSON"),
        (STRUCTURED, [("content-type", b"application/cloudevents-batch+json")], "content-type: .* is not supported; allowed"),
        (STRUCTURED, [("content-type", b"application/cloudevents+avro")], "content-type: .* is not supported; allowed"),
        (STRUCTURED, [("content-type", b"text/plain")], "content-type: .* is not supported; allowed"),
        (STRUCTURED, [("content-type", b"\xff")], "content-type: .* is not supported; allowed"),
    ],
)
def test_what_is_no_event_is_refused(value: bytes | None, headers: list[tuple[str, bytes | None]], message: str) -> None:
    """The refusal names the part of the message that is wrong."""
    with pytest.raises(InvalidEventError, match=message):
        codec.decode(value, headers)


@pytest.mark.parametrize("number", ["1e400", "-1e999", "1" + "0" * 30, str(2**64), str(-(2**63) - 1)])
def test_a_number_that_64_bits_do_not_hold_is_refused(number: str) -> None:
    """Other JSON libraries would alter it or fail on it far away; the refusal names its field, however deep it stands."""
    altered = json.dumps({**SAMPLE, "data": {**SAMPLE["data"], "pipetrail": {"result": "success", "raw": {"a": ["@"]}}}})
    with pytest.raises(InvalidEventError, match=r"data\.pipetrail\.raw\.a\.0: is a number that 64 bits do not hold"):
        codec.decode(altered.replace('"@"', number).encode())


@pytest.mark.parametrize("number", ["0", "1e10", str(2**63), str(2**64 - 1), str(-(2**63)), "0.1", "1e-400"])
def test_other_numbers_are_kept(number: str) -> None:
    """In the origin's payload any number that 64 bits hold comes out as it went in."""
    altered = json.dumps({**SAMPLE, "data": {**SAMPLE["data"], "pipetrail": {"result": "success", "raw": {"a": "@"}}}})
    event = codec.decode(altered.replace('"@"', number).encode())
    assert json.loads(codec.encode(event))["data"]["pipetrail"]["raw"]["a"] == json.loads(number)


def test_nulls_in_the_raw_payload_are_kept() -> None:
    """Empty fields of ours are left out; the origin's payload stays as it was, nulls included."""
    raw = {"a": None, "b": [None, {"c": None}]}
    event = codec.validate({**SAMPLE, "data": {**SAMPLE["data"], "pipetrail": {"result": "success", "raw": raw, "skip": None}}})
    assert json.loads(codec.encode(event))["data"]["pipetrail"] == {"result": "success", "raw": raw}


def test_an_event_that_is_too_large_is_refused_with_its_size() -> None:
    """One byte more than fits is refused, and the message gives both figures."""
    fits = _padded(MAX_EVENT_BYTES)
    assert len(codec.encode(fits)) == MAX_EVENT_BYTES
    with pytest.raises(InvalidEventError, match=f"is {MAX_EVENT_BYTES + 1} bytes; at most {MAX_EVENT_BYTES} fit"):
        codec.encode(_padded(MAX_EVENT_BYTES + 1))


def test_an_event_put_together_by_hand_is_checked_when_written() -> None:
    """`model_copy` checks nothing, so encode does."""
    with pytest.raises(InvalidEventError, match="id: must be a UUID"):
        codec.encode(EVENT.model_copy(update={"id": "7731"}))


def test_a_long_value_is_cut_in_the_message() -> None:
    """A refused value is quoted with at most 80 characters: a message is for reading, and a value may be large."""
    with pytest.raises(InvalidEventError) as refusal:
        codec.validate({**SAMPLE, "id": "x" * 100_000})
    assert len(str(refusal.value)) < 300


def _padded(size: int) -> Event:
    raw = {"pad": ""}
    content = {**SAMPLE, "data": {**SAMPLE["data"], "pipetrail": {"result": "success", "raw": raw}}}
    raw["pad"] = "x" * (size - len(codec.encode(codec.validate(content))))
    return codec.validate(content)
