"""`pipetrail index` with a real Kafka and a real OpenSearch."""

import base64
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pipetrail_schemas.ids import trail_id
from pipetrail_schemas.topics import DEAD_LETTERS, RECORDS, TRAILS
from pipetrail_sinks.opensearch import templates
from pipetrail_sinks.opensearch.client import Client
from support import samples
from support.kafka import Message, read_all
from support.pages import PagesOf
from support.wait import wait_for

if TYPE_CHECKING:
    from support.index_bench import Bench

pytestmark = pytest.mark.stack


def _dead_letters(bench: "Bench") -> list[Message]:
    """The dead letters whose refused message had this test's mark in its headers."""
    everything = read_all(bench.stack.connection.require_kafka(), DEAD_LETTERS)
    return [one for one in everything if dict(one.headers).get("original-mark") == bench.run.encode()]


def test_every_topic_comes_to_its_index(bench: "Bench") -> None:
    """Records, trails, findings and dead letters are found by search, each in its index, records by their own month."""
    trail = trail_id(bench.run, "c1")
    letter = samples.dead_letter_message(bench.run.encode())
    bench.produce(
        [
            bench.record(1, time="2026-10-31T23:59:59.999Z"),
            bench.record(2, time="2026-11-01T00:00:00.000Z"),
            bench.record(3, time="2019-11-01T00:00:00.000Z"),
            samples.message(TRAILS.name, samples.trail(trail, 3, run=bench.run), key=trail.encode()),
            samples.finding_message(f"finding-{bench.run}", 1),
            letter,
        ]
    )
    with bench.index(bench.group()):
        bench.await_count(3)
        wait_for(lambda: bench.search("pipetrail-trails-v1"), timeout_s=120, what="the trail")
        by_id = {"query": {"term": {"event.id": f"finding-{bench.run}"}}}
        wait_for(lambda: bench.search("pipetrail-findings-v1", by_id), timeout_s=120, what="the finding")
        by_text = {"query": {"match": {"pipetrail.dead_letter.text": bench.run}}}
        wait_for(lambda: bench.search("pipetrail-dead-letters-v1", by_text), timeout_s=120, what="the dead letter")
    hits = bench.search("pipetrail-events-v1-*")
    assert {hit["_index"] for hit in hits} == {f"pipetrail-events-v1-{month}" for month in ("2026.10", "2026.11", "2019")}
    assert all(hit["_id"] == hit["_source"]["event"]["id"] and hit["_source"]["event"]["ingested"] for hit in hits)
    (dead,) = bench.search("pipetrail-dead-letters-v1", by_text)
    assert base64.b64decode(dead["_source"]["pipetrail"]["dead_letter"]["value"]) == letter.value


def test_reading_everything_again_changes_nothing(bench: "Bench") -> None:
    """A full replay by another consumer group neither doubles nor alters a document."""
    bench.produce(bench.record(number) for number in range(500))
    with bench.index(bench.group()):
        bench.await_count(500)
    before = {hit["_id"]: hit["_source"] for hit in bench.search("pipetrail-events-v1-*")}
    marker = bench.record(1000)
    bench.produce([marker])
    with bench.index(bench.group()):
        bench.await_count(501)
    after = {hit["_id"]: hit["_source"] for hit in bench.search("pipetrail-events-v1-*")}
    assert {one: after[one] for one in before} == before


def test_an_older_trail_never_replaces_a_newer_one(bench: "Bench") -> None:
    """Whatever the order in which a trail's revisions come, the newest stays."""
    trail = trail_id(bench.run, "c1")
    revisions = (2, 5, 3, 1, 5, 4)
    bench.produce(
        samples.message(TRAILS.name, samples.trail(trail, revision, run=bench.run), key=trail.encode())
        for revision in revisions
    )
    bench.produce([bench.record(1)])
    with bench.index(bench.group(), {"PIPETRAIL_INDEX_BATCH_MESSAGES": "1"}) as process:
        pages = PagesOf(process)
        # They come by several partitions, in any order: all of them are awaited, not the last one.
        wait_for(lambda: _written(pages) > len(revisions), timeout_s=240, what="all messages")
    (hit,) = bench.search("pipetrail-trails-v1")
    assert (hit["_id"], hit["_source"]["pipetrail"]["trail"]["revision"]) == (trail, 5)


def test_a_write_block_is_waited_for(bench: "Bench", block_writes: Callable[[str, bool], None]) -> None:
    """While an index is blocked, partitions pause and nothing is refused; when it is free, all is written."""
    index = "pipetrail-events-v1-2023"
    bench.produce([bench.record(0, time="2023-03-03T03:03:03.000Z")])
    with bench.index(bench.group(), {"PIPETRAIL_INDEX_BATCH_MESSAGES": "100"}) as process:
        bench.await_count(1)
        block_writes(index, True)  # noqa: FBT003
        bench.produce(bench.record(number, time="2023-03-03T03:03:03.000Z") for number in range(1, 1000))
        wait_for(lambda: process.said("waiting") and process.said("paused"), timeout_s=120, what="the sink to pause")
        assert bench.count(index) == 1
        block_writes(index, False)  # noqa: FBT003
        bench.await_count(1000)
        wait_for(lambda: process.said("resumed"), timeout_s=120, what="the sink to go on")
    assert not process.said("refused")


def test_what_the_mapping_refuses_becomes_a_dead_letter(bench: "Bench") -> None:
    """A record that OpenSearch will never take is on the dead-letters topic byte for byte; those around it are indexed."""
    bad = replace(bench.record(5, artifact={"size": "very large"}), headers=(("mark", bench.run.encode()),))
    bench.produce([bench.record(4), bad, bench.record(6)])
    with bench.index(bench.group()):
        bench.await_count(2)
        wait_for(lambda: len(_dead_letters(bench)) > 0, timeout_s=120, what="the dead letter")
        (letter,) = _dead_letters(bench)
    headers = dict(letter.headers)
    assert (letter.key, letter.value) == (bad.key, bad.value)
    assert headers["stage"] == b"index"
    assert headers["topic"] == RECORDS.name.encode()
    assert headers["error-type"] == b"mapper_parsing_exception"
    assert b"artifact.size" in (headers["error"] or b"")


def test_garbage_becomes_a_dead_letter(bench: "Bench") -> None:
    """Bytes that are no record at all go to the dead letters and are found in their index; the sink goes on."""
    mark = bench.run.encode()
    garbage = replace(samples.message(RECORDS.name, b"\xff\x00" + mark), headers=(("mark", mark),))
    bench.produce([garbage, bench.record(1)])
    with bench.index(bench.group()):
        bench.await_count(1)
        wait_for(lambda: len(_dead_letters(bench)) > 0, timeout_s=120, what="the dead letter")
        assert {letter.value for letter in _dead_letters(bench)} == {garbage.value}


def _kill_amid(bench: "Bench", group: str, numbers: range) -> None:
    """Produce these records, start a sink, and kill -9 it when it has written the first of them."""
    bench.produce(bench.record(number) for number in numbers)
    small = {"PIPETRAIL_INDEX_BATCH_MESSAGES": "200", "PIPETRAIL_INDEX_BATCH_AGE_MS": "20"}
    with bench.index(group, small) as process:
        wait_for(lambda: bench.count() > numbers.start, timeout_s=120, what="the first records")
        process.kill()


def test_killed_in_the_middle(bench: "Bench") -> None:
    """Killed with -9 three times in the middle of 5,000 records: none is lost and none is doubled."""
    group = bench.group()
    for first in (0, 1500, 3000):
        _kill_amid(bench, group, range(first, first + 1500))
    bench.produce(bench.record(number) for number in range(4500, 5000))
    with bench.index(group):
        bench.await_count(5000, timeout_s=240)
    runs = {hit["_source"]["cicd"]["pipeline"]["run"]["id"] for hit in bench.search("pipetrail-events-v1-*")}
    assert len(runs) == 5000


def test_opensearch_killed_and_started_again(bench: "Bench") -> None:
    """OpenSearch killed in the middle: the sink waits for it, and afterwards every record is there once."""
    with bench.index(bench.group()) as process:
        bench.produce([bench.record(0)])
        bench.await_count(1)
        bench.stack.opensearch.kill()
        bench.produce(bench.record(number) for number in range(1, 3000))
        wait_for(lambda: process.said("waiting"), timeout_s=120, what="the sink to notice")
        bench.stack.opensearch.start()
        bench.await_count(3000, timeout_s=120)
        assert not process.said("refused")


def test_stops_while_opensearch_is_away(bench: "Bench") -> None:
    """SIGTERM ends the sink in time also while it waits for OpenSearch, and what was not written comes again."""
    group = bench.group()
    with bench.index(group) as process:
        bench.produce([bench.record(0)])
        bench.await_count(1)
        bench.stack.opensearch.kill()
        try:
            bench.produce(bench.record(number) for number in range(1, 50))
            wait_for(lambda: process.said("waiting"), timeout_s=120, what="the sink to notice")
            assert process.stop() == 0
        finally:
            bench.stack.opensearch.start()
    with bench.index(group):
        bench.await_count(50)


def test_two_share_the_work_and_one_dies(bench: "Bench") -> None:
    """Two sinks of one group share the partitions; when one is killed, the other takes over, and nothing is lost."""
    group = bench.group()
    small = {"PIPETRAIL_INDEX_BATCH_MESSAGES": "50"}
    with bench.index(group, small) as first, bench.index(group, small) as second:
        wait_for(lambda: first.said("revoked"), timeout_s=120, what="the first to hand over partitions")
        bench.produce(bench.record(number) for number in range(2000))
        wait_for(lambda: bench.count() > 200, timeout_s=120, what="the first records")
        first.kill()
        bench.produce(bench.record(number) for number in range(2000, 2500))
        bench.await_count(2500, timeout_s=240)
        assert not second.said("refused")


def test_without_indices_it_says_what_to_do(bench: "Bench") -> None:
    """Where `indices apply` was never run, the sink stops at once instead of letting OpenSearch guess a mapping."""
    index = "/pipetrail-dead-letters-v1"
    assert bench.admin.request("DELETE", index).ok
    try:
        with bench.index(bench.group(), ready=False) as process:
            assert process.popen.wait(120) == 1
        assert "pipetrail indices apply" in process.log_file.read_text()
    finally:
        assert bench.admin.request("PUT", index, {}).ok


def test_roles(bench: "Bench") -> None:
    """The indexer can write and neither delete nor change templates; the auditor can read and not write."""
    opensearch = bench.stack.connection.require_opensearch()
    indexer, auditor = Client(opensearch.as_user("indexer")), Client(opensearch.as_user("auditor"))
    document = samples.record(1, run=bench.run)
    place = "/pipetrail-events-v1-2026.11/_create/"
    assert indexer.request("PUT", f"{place}{bench.run}", document).ok
    assert indexer.request("DELETE", "/pipetrail-events-v1-2026.11").status == 403
    assert indexer.request("DELETE", f"/pipetrail-events-v1-2026.11/_doc/{bench.run}").status == 403
    template = templates.index_template(templates.FAMILIES[0])
    assert indexer.request("PUT", "/_index_template/pipetrail-events-v1", template).status == 403
    assert auditor.request("PUT", f"{place}{bench.run}x", document).status == 403
    assert auditor.request("GET", "/pipetrail-events-v1-*/_search").ok
    indexer.close()
    auditor.close()


def test_a_wrong_password_stops_it(bench: "Bench") -> None:
    """Credentials that OpenSearch does not take end the sink with a sentence that names the user, without the password."""
    wrong = {"PIPETRAIL_OPENSEARCH_USER": "nobody", "PIPETRAIL_OPENSEARCH_PASSWORD": "hunter2-hunter2"}
    with bench.index(bench.group(), wrong, ready=False) as process:
        assert process.popen.wait(120) == 1
    said = process.log_file.read_text()
    assert "nobody" in said
    assert "hunter2" not in said


def test_a_certificate_of_somebody_else_stops_it(bench: "Bench") -> None:
    """A server that cannot show a certificate of our authority is not written to, and not waited for."""
    other = bench.folder / "other.pem"
    other.write_text("no certificate at all\n")
    with bench.index(bench.group(), {"PIPETRAIL_OPENSEARCH_CA_FILE": str(other)}, ready=False) as process:
        assert process.popen.wait(120) == 1
    assert "is not trusted" in process.log_file.read_text()


def test_it_tells_how_it_is(bench: "Bench") -> None:
    """Ready once it has partitions; what it wrote and refused is counted; at the end of the work it is not behind."""
    messages = [bench.record(number) for number in range(50)]
    with bench.index(bench.group()) as process:
        pages = PagesOf(process)
        wait_for(pages.ready, timeout_s=120, what="the sink to be ready")
        bench.produce(messages)
        wait_for(lambda: _done(pages, len(messages)), timeout_s=120, what="the figures to tell that all is done")
        assert pages.get("/healthz")[0] == 200
        assert pages.figures()["pipetrail_index_dead_letters_total"] == 0


def _written(pages: PagesOf) -> float:
    return pages.figures()["pipetrail_index_messages_total"]


def _done(pages: PagesOf, count: int) -> bool:
    figures = pages.figures()
    return (
        figures["pipetrail_index_messages_total"] >= count
        and figures["pipetrail_index_partitions"] > 0
        and figures["pipetrail_index_lag_messages"] == figures["pipetrail_index_lag_seconds"] == 0
        and figures["pipetrail_index_in_hand_messages"] == 0
        and figures["pipetrail_index_seconds_since_commit"] < 5
    )


def test_it_says_that_opensearch_is_away(bench: "Bench") -> None:
    """It waits, is alive and not ready, and says what it waits for; SIGTERM ends it in time all the same."""
    away = {"PIPETRAIL_OPENSEARCH_URL": "http://127.0.0.1:9", "PIPETRAIL_INDEX_AWAY_AFTER_S": "1"}
    with bench.index(bench.group(), away, ready=False) as process:
        pages = PagesOf(process)
        wait_for(lambda: "OpenSearch" in pages.problems(), timeout_s=120, what="OpenSearch to be missed")
        assert pages.problems()["partitions"] == "none are assigned"
        assert pages.get("/healthz")[0] == 200
        assert process.stop() == 0


def test_help_needs_no_service() -> None:
    """The help of both commands comes without any service."""
    for verb in ("index", "indices"):
        done = subprocess.run([sys.executable, "-m", "pipetrail", verb, "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0
        assert "OpenSearch" in done.stdout
