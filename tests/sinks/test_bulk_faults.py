"""The OpenSearch sink against answers that the real server does not give on demand."""

import random
from collections.abc import Iterator

import pytest
from pipetrail_schemas.connection import OpenSearchConnection
from pipetrail_sinks.errors import BackPressureError, TargetRefusedError
from pipetrail_sinks.message import Message, Refusal
from pipetrail_sinks.opensearch.client import Client
from pipetrail_sinks.opensearch.duplicates import INTEGRITY_ALARM
from pipetrail_sinks.opensearch.sink import OpenSearchSink
from support import samples
from support.fake_opensearch import FakeOpenSearch, Fault

SEED = 20261123


@pytest.fixture
def fake() -> Iterator[FakeOpenSearch]:
    """A fake OpenSearch."""
    with FakeOpenSearch() as server:
        yield server


@pytest.fixture
def sink(fake: FakeOpenSearch) -> Iterator[OpenSearchSink]:
    """A sink that waits for an answer, also where the machine is slow to give it."""
    made = OpenSearchSink(Client(fake.connection, timeout_s=120), chunk_messages=8)
    yield made
    made.close()


@pytest.fixture
def hasty(fake: FakeOpenSearch) -> Iterator[OpenSearchSink]:
    """A sink that gives up on an answer after 0.3 s."""
    made = OpenSearchSink(Client(fake.connection, timeout_s=0.3), chunk_messages=8)
    yield made
    made.close()


def _flush_until_done(sink: OpenSearchSink) -> tuple[list[Refusal], int]:
    """The refusals, and how often there was back-pressure; the wait itself is not waited."""
    for tries in range(100):
        try:
            return sink.flush(), tries
        except BackPressureError:
            continue
    raise AssertionError("the sink never got rid of its messages")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("request", 429),
        Fault("request", 502),
        Fault("request", 503),
        Fault("request", 403, "cluster_block_exception"),
        Fault("items", 429, every=2),
        Fault("items", 503, every=3),
        Fault("items", 403, "cluster_block_exception"),
        Fault("items", 404, "index_not_found_exception"),
        Fault("half"),
        Fault("not_json"),
        Fault("too_few"),
    ],
    ids=str,
)
def test_what_passes_is_tried_again(fake: FakeOpenSearch, sink: OpenSearchSink, fault: Fault) -> None:
    """A fault of the moment costs one more try and nothing else, also where the write had happened already."""
    fake.faults.append(fault)
    for number in range(5):
        sink.add(samples.record_message(number))
    assert _flush_until_done(sink) == ([], 1)
    assert len(fake.documents) == 5


def test_an_answer_that_comes_too_late_is_not_waited_for(fake: FakeOpenSearch, hasty: OpenSearchSink) -> None:
    """What was written although nobody heard of it is tried again, and there once."""
    fake.faults.append(Fault("late"))
    for number in range(5):
        hasty.add(samples.record_message(number))
    refused, tries = _flush_until_done(hasty)
    assert (refused, tries > 0, len(fake.documents)) == ([], True, 5)


@pytest.mark.parametrize("fault", [Fault("request", 401), Fault("request", 403, "security_exception"), Fault("request", 404)])
def test_a_refused_program_stops(fake: FakeOpenSearch, sink: OpenSearchSink, fault: Fault) -> None:
    """When the server refuses the program and not the item, the sink says so and refuses no message."""
    fake.faults.append(fault)
    sink.add(samples.record_message(1))
    with pytest.raises(TargetRefusedError, match=f"status {fault.status}"):
        sink.flush()


def test_one_item_stops_the_program_too(fake: FakeOpenSearch, sink: OpenSearchSink) -> None:
    """A right that is missing for one index is no fault of the document."""
    fake.faults.append(Fault("items", 403, "security_exception", every=3))
    for number in range(5):
        sink.add(samples.record_message(number))
    with pytest.raises(TargetRefusedError, match="security_exception"):
        sink.flush()


def test_a_request_that_is_too_large_is_halved(sink: OpenSearchSink, fake: FakeOpenSearch) -> None:
    """A 413 splits the request until it fits; only what does not fit alone is refused."""
    fake.largest = 3000
    large = samples.record_message(3, note="x" * 4000)
    for number in range(8):
        sink.add(large if number == 3 else samples.record_message(number))
    refused, tries = _flush_until_done(sink)
    assert [one.message for one in refused] == [large]
    assert tries == 0
    assert len(fake.documents) == 7


def test_a_whole_request_refused_once(sink: OpenSearchSink, fake: FakeOpenSearch) -> None:
    """A 400 for the request says nothing about the items: they are tried in halves, and written."""
    fake.faults.append(Fault("request", 400))
    for number in range(8):
        sink.add(samples.record_message(number))
    assert _flush_until_done(sink) == ([], 0)
    assert len(fake.documents) == 8


def test_another_fact_under_the_same_id_is_an_alarm(sink: OpenSearchSink, fake: FakeOpenSearch) -> None:
    """What is indexed is not overwritten by a contradicting fact with its id; that one is refused and the field named."""
    sink.add(samples.record_message(1))
    sink.flush()
    before = dict(fake.documents)
    content = samples.record(1)
    content["event"]["hash"] = "sha256:" + "0" * 64
    content["user"]["name"] = "mallory"
    sink.add(samples.message("pipetrail.records.v1", content))
    ((refusal,), _) = _flush_until_done(sink)
    assert refusal.error_type == INTEGRITY_ALARM
    assert "user.name" in refusal.error
    assert fake.documents == before


def test_the_same_fact_told_by_another_way_is_a_duplicate(sink: OpenSearchSink, fake: FakeOpenSearch) -> None:
    """An importer's telling of what a webhook told before, later and in other bytes, is no alarm; the first stays."""
    sink.add(samples.record_message(1))
    sink.flush()
    before = dict(fake.documents)
    content = samples.record(1, service={"name": "shop"})
    content["event"] |= {"hash": "sha256:" + "0" * 64, "created": "2026-12-24T00:00:00.000Z"}
    sink.add(samples.message("pipetrail.records.v1", content))
    assert _flush_until_done(sink) == ([], 0)
    assert fake.documents == before


def test_a_refused_dead_letter_is_stored_bare(sink: OpenSearchSink, fake: FakeOpenSearch) -> None:
    """A dead letter is never dead-lettered again: what is refused is stored with its bytes and position alone."""
    fake.faults.append(Fault("items", 400))
    sink.add(samples.dead_letter_message(b"{broken"))
    assert _flush_until_done(sink) == ([], 0)
    ((_, document),) = fake.documents.items()
    assert "text" not in document["pipetrail"]["dead_letter"]
    assert document["pipetrail"]["dead_letter"]["offset"] == 7


def test_a_dead_letter_that_nothing_helps_is_let_go(sink: OpenSearchSink, fake: FakeOpenSearch) -> None:
    """A dead letter that is refused even bare stays on its topic and holds nothing up."""
    fake.faults.extend([Fault("items", 400), Fault("items", 400)])
    sink.add(samples.dead_letter_message(b"{broken"))
    assert _flush_until_done(sink) == ([], 0)
    assert fake.documents == {}


def test_nobody_there_is_back_pressure() -> None:
    """A server that does not answer is waited for, and the reason says where it should be; no exception of a client leaks."""
    sink = OpenSearchSink(Client(OpenSearchConnection("http://127.0.0.1:9"), timeout_s=1))
    sink.add(samples.record_message(1))
    with pytest.raises(BackPressureError, match=r"no answer from http://127\.0\.0\.1:9"):
        sink.flush()
    sink.close()


def _any_fault(chance: random.Random) -> Fault:
    kinds = [
        *[Fault("request", status) for status in (400, 409, 413, 429, 500, 502, 503, 504)],
        *[Fault("items", status, every=chance.randint(1, 4)) for status in (429, 500, 503, 404)],
        Fault("items", 403, "cluster_block_exception", every=2),
        Fault("items", 400, "mapper_parsing_exception", every=3),
        Fault("half"),
        Fault("too_few"),
        Fault("not_json"),
    ]
    return Fault("late") if chance.random() < 0.01 else chance.choice(kinds)


def test_the_ledger_over_a_thousand_batches(fake: FakeOpenSearch, hasty: OpenSearchSink) -> None:
    """Whatever mix of faults meets a thousand batches: every message is indexed or refused, none lost, altered or doubled."""
    chance = random.Random(SEED)  # noqa: S311 - seeded, so that it can be repeated
    sent: dict[tuple[str, int], Message] = {}
    refused: list[Message] = []
    number = 0
    for _ in range(1000):
        for _ in range(chance.randint(1, 12)):
            number += 1
            message = samples.record_message(number)
            sent[message.topic, message.offset] = message
            hasty.add(message)
        fake.faults.extend(_any_fault(chance) for _ in range(chance.choice([0, 0, 1, 2, 4])))
        refused += [one.message for one in _flush_until_done(hasty)[0]]
    indexed = {int(one["cicd"]["pipeline"]["run"]["id"]): one for one in fake.documents.values()}
    lost = {offset for _, offset in sent} - indexed.keys() - {one.offset for one in refused}
    assert lost == set()
    assert len(fake.documents) == len(indexed)
    assert all(one == sent[one.topic, one.offset] for one in refused)
    for offset, document in indexed.items():
        del document["event"]["ingested"]
        assert document == samples.record(offset)
