"""From messages to documents."""

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_schemas.times import format_time
from pipetrail_schemas.topics import RECORDS, TRAILS
from pipetrail_sinks.errors import UnindexableError
from pipetrail_sinks.message import Message
from pipetrail_sinks.opensearch.documents import TOPICS, Document, document, events_index
from support import samples

NOW = datetime(2027, 1, 5, 10, 0, tzinfo=UTC)


def _document(message: Message) -> Document:
    found = document(message, NOW)
    assert found is not None
    return found


def test_a_record_is_created_in_its_own_month() -> None:
    """A record goes by its event's time, not by the time of writing, under the event's id, and is never overwritten."""
    found = _document(samples.record_message(1, time="2026-11-30T23:59:59.999Z"))
    expected = samples.record(1, time="2026-11-30T23:59:59.999Z")
    assert (found.index, found.id, found.creates) == ("pipetrail-events-v1-2026.11", expected["event"]["id"], True)
    expected["event"]["ingested"] = "2027-01-05T10:00:00.000Z"
    assert orjson.loads(found.source) == expected


def test_the_message_is_left_as_it_is() -> None:
    """Making a document alters nothing of the message: it may have to go to the dead letters, byte for byte."""
    message = samples.record_message(1)
    before = message.value
    document(message, NOW)
    assert message.value == before


def test_unknown_fields_are_kept() -> None:
    """A field that a newer producer sends is in the document."""
    found = _document(samples.record_message(1, newer={"field": [1, None]}))
    assert orjson.loads(found.source)["newer"] == {"field": [1, None]}


@pytest.mark.parametrize(
    ("time", "index"),
    [
        ("2026-01-01T00:00:00Z", "2026.01"),
        ("2026-12-31T23:30:00-01:00", "2027.01"),
        ("2025-12-31T23:59:59.999Z", "2025"),
        ("2000-01-01T00:00:00Z", "2000"),
        ("1999-12-31T23:59:59Z", "before-2000"),
        ("1970-01-01T00:00:00Z", "before-2000"),
        ("2045-12-31T23:59:59Z", "2045.12"),
        ("2046-01-01T00:00:00Z", "after-2045"),
        ("9999-12-31T23:59:59Z", "after-2045"),
    ],
)
def test_index_names(time: str, index: str) -> None:
    """One index a month, one a year before 2026, one before 2000, one after 2045; a zone counts."""
    assert events_index(time) == f"pipetrail-events-v1-{index}"


def test_forged_dates_cannot_fill_the_cluster() -> None:
    """Commits dated at will, in whatever month, leave room for events: a node takes 1,000 shards by default."""
    years = [1, *range(1990, 2100), 9999]
    names = {events_index(f"{year:04}-{month:02}-01T00:00:00Z") for year in years for month in range(1, 13)}
    assert len(names) == 26 + 20 * 12 + 2


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_time_has_an_index(moment: datetime) -> None:
    """Every time that can be written has an index whose name OpenSearch and the template take."""
    name = events_index(format_time(moment))
    assert name.startswith("pipetrail-events-v1-")
    assert name == name.lower()
    assert len(name) < 40


@given(st.text())
def test_no_text_but_a_time_has_an_index(text: str) -> None:
    """A text is a time with an index, or is refused; nothing else comes out."""
    try:
        name = events_index(text)
    except UnindexableError:
        return
    assert name.startswith("pipetrail-events-v1-")


def test_trails_and_findings_carry_their_revision() -> None:
    """Trails and findings are written with their revision as external version, their bytes as they stand on the topic."""
    message = samples.trail_message("t1", 7)
    assert _document(message) == Document("pipetrail-trails-v1", "t1", message.value or b"", 7)
    assert _document(samples.finding_message("f1", 2)).version == 2


def test_lines_of_a_bulk_request() -> None:
    """A document is two lines, whatever the layout of its value was."""
    pretty = samples.message(TRAILS.name, orjson.dumps(samples.trail("t1", 7), option=orjson.OPT_INDENT_2))
    action, source, rest = _document(pretty).lines().split(b"\n")
    place = {"_index": "pipetrail-trails-v1", "_id": "t1", "version": 7, "version_type": "external_gte"}
    assert orjson.loads(action) == {"index": place}
    assert orjson.loads(source) == samples.trail("t1", 7)
    assert rest == b""


def test_a_tombstone_is_no_document() -> None:
    """A topic may forget a trail; its document stays."""
    assert document(Message(TRAILS.name, 0, 0, b"t1", None), NOW) is None


def _without(path: str) -> dict[str, object]:
    content = samples.record(1)
    *parents, name = path.split(".")
    place = content
    for parent in parents:
        place = place[parent]
    del place[name]
    return content


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b"[]", "JSON list"),
        (_without("event"), "event is missing"),
        (_without("event.id"), "event.id is missing"),
        (_without("@timestamp"), "@timestamp is missing"),
        (samples.record(1, time="yesterday"), "no RFC 3339 time"),
        (samples.record(1, time="2026-11-23T09:02:11"), "no RFC 3339 time"),
        (samples.record(1, event={"id": "é" * 257}), "514 bytes"),
        (samples.record(1, event={"id": ""}), "0 bytes"),
    ],
)
def test_what_is_no_record_is_refused(content: object, complaint: str) -> None:
    """What cannot be a document is refused with a reason, and nothing else is raised."""
    with pytest.raises(UnindexableError, match=complaint):
        document(samples.message(RECORDS.name, content), NOW)


@pytest.mark.parametrize("revision", [0, -1, True, 1.5, "1", None, 2**63])
def test_a_revision_is_a_positive_long(revision: object) -> None:
    """A trail whose revision OpenSearch would not take as a version is refused beforehand."""
    content = samples.trail("t1", 1)
    content["pipetrail"]["trail"]["revision"] = revision
    with pytest.raises(UnindexableError, match="no positive integer"):
        document(samples.message(TRAILS.name, content), NOW)


@given(topic=st.sampled_from(TOPICS), value=st.none() | st.binary())
def test_no_bytes_raise_anything_else(topic: str, value: bytes | None) -> None:
    """Whatever bytes stand on a topic, the answer is a document, nothing, or a refusal."""
    try:
        found = document(Message(topic, 0, 0, None, value), NOW)
    except UnindexableError:
        return
    assert found is None or found.lines().count(b"\n") == 2
