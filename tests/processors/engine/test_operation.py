"""Operating `pipetrail process`: what it tells of itself, how it stops, and that it takes no more than it can hold."""

import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import pytest
from confluent_kafka import Producer
from pipetrail_schemas.topics import DEAD_LETTERS, EVENTS, PARTITIONER
from support.index_bench import STOP_S
from support.pages import PagesOf
from support.processor import MISSED_SOON_S, ProcessorBench
from support.stream import CONTENT_TYPE, id_of, key_of, stream
from support.wait import wait_for

pytestmark = pytest.mark.stack

EVENTS_OF_A_TEST = 500
AN_HOUR_S = 3600.0
# Far more than a worker may hold. It takes 110 MB with nothing to do, 520 MB at most in this flood, 581 MB in one of 1.4 GB;
# half a gigabyte of messages that it held, with what comes of them, would be twice that.
FLOOD_BYTES = 400 * 1024 * 1024
FLOOD_MESSAGE_BYTES = 500_000
MEMORY_BYTES = 650 * 1024 * 1024
# Of some 800: what the partitions' last fetches brought, 1 MB each.
MOST_IN_HAND = 100


def some_events(bench: ProcessorBench, count: int = EVENTS_OF_A_TEST) -> list[bytes]:
    """Events that were recorded now."""
    return stream(bench.run, count, recorded=datetime.now(UTC))


def produce_old(bench: ProcessorBench, values: list[bytes]) -> None:
    """Write events as if Kafka had taken them an hour ago."""
    then = int((datetime.now(UTC).timestamp() - AN_HOUR_S) * 1000)
    producer = Producer({**bench.kafka.client_config(), "partitioner": PARTITIONER})
    for value in values:
        producer.produce(EVENTS.name, key=key_of(value), value=value, headers=list(CONTENT_TYPE), timestamp=then)
    assert producer.flush(240) == 0


def test_the_figures_are_those_of_the_work(bench: ProcessorBench) -> None:
    """Lag in events and seconds while nothing is committed, then none; what came and was refused; what the state holds."""
    values = some_events(bench)
    produce_old(bench, values)
    bench.produce_raw([(b"k", b"garbage"), (b"k", None)])
    with bench.process(commit_interval_s="30") as worker:
        pages = PagesOf(worker)
        bench.wait_for_records(map(id_of, values), timeout_s=240)
        wait_for(lambda: _behind(pages, len(values)), timeout_s=120, what="the lag to be seen")
        figures = pages.figures()
        assert figures["pipetrail_process_messages_total"] >= len(values) + 2
        assert figures["pipetrail_process_outputs_total"] >= len(values)
        assert figures["pipetrail_process_dead_letters_total"] == 2
        assert figures["pipetrail_process_unacknowledged_bytes"] > 0
    with bench.process() as worker:
        pages = PagesOf(worker)
        wait_for(lambda: _caught_up(pages), timeout_s=120, what="the lag to be gone")
        figures = pages.figures()
    assert figures["pipetrail_process_trails_open"] == len(bench.trails())
    assert figures["pipetrail_process_ready"] == 1
    assert figures["process_resident_memory_bytes"] > 0


def _behind(pages: PagesOf, messages: int) -> bool:
    figures = pages.figures()
    return (
        figures["pipetrail_process_lag_messages"] >= messages
        and figures["pipetrail_process_lag_seconds"] >= AN_HOUR_S
        and figures["pipetrail_process_messages_per_second"] > 0
        and figures["pipetrail_process_seconds_since_commit"] > 0
    )


def _caught_up(pages: PagesOf) -> bool:
    figures = pages.figures()
    return (
        figures["pipetrail_process_lag_messages"] == 0
        and figures["pipetrail_process_lag_seconds"] == 0
        and figures["pipetrail_process_in_hand_messages"] == 0
        and figures["pipetrail_process_seconds_since_commit"] < 5
        and figures["pipetrail_process_trails_open"] > 0
    )


def test_it_is_not_ready_while_kafka_is_away_and_needs_no_restart(bench: ProcessorBench) -> None:
    """/readyz says so and why, /healthz stays well; when Kafka is back, all goes on by itself."""
    values = some_events(bench)
    with bench.process(away_after_s="2") as worker:
        pages = PagesOf(worker)
        pages.wait_until_ready(240)
        bench.produce(values)
        bench.wait_for_count(10)
        bench.stack.kafka.kill()
        try:
            wait_for(lambda: "Kafka" in pages.problems(), timeout_s=120, what="Kafka to be missed")
            assert pages.get("/healthz")[0] == 200
        finally:
            bench.stack.kafka.start()
        pages.wait_until_ready(240)
        bench.wait_for_records(map(id_of, values), timeout_s=180)


def test_ctrl_c_under_load_is_over_in_time_and_leaves_nothing_undone(bench: ProcessorBench) -> None:
    """What is in flight is committed, or read again by the next worker; `test_crashes` has the same with SIGTERM."""
    values = some_events(bench, 2_000)
    bench.produce(values[:200])
    with ThreadPoolExecutor() as beside, bench.process() as worker:
        bench.wait_for_count(100)
        # However quick the worker is, there is work when it is told to end.
        feeding = beside.submit(_feed, bench, values[200:])
        worker.ended = True
        worker.popen.send_signal(signal.SIGINT)
        assert worker.popen.wait(STOP_S) == 0
        feeding.result()
    with bench.process():
        bench.wait_for_records(map(id_of, values), timeout_s=240)
        wait_for(lambda: bench.lag() == 0, timeout_s=120, what="the group to have committed all")
    assert {len(versions) for versions in bench.recorded().values()} == {1}


def _feed(bench: ProcessorBench, values: list[bytes]) -> None:
    """Write them a few at a time."""
    for start in range(0, len(values), 50):
        bench.produce(values[start : start + 50])


def test_a_stop_while_kafka_is_away_is_over_in_time(bench: ProcessorBench) -> None:
    """Nobody waits for a Kafka that does not answer: what was not made durable is read again."""
    bench.session_s = MISSED_SOON_S  # it cannot take its leave
    values = some_events(bench, 1_000)
    bench.produce(values)
    with bench.process() as worker:
        bench.wait_for_count(100)
        bench.stack.kafka.kill()
        try:
            worker.ended = True
            worker.popen.send_signal(signal.SIGTERM)
            worker.popen.wait(STOP_S)
        finally:
            bench.stack.kafka.start()
    with bench.process():
        bench.wait_for_records(map(id_of, values), timeout_s=240)
    assert {len(versions) for versions in bench.recorded().values()} == {1}


def test_a_flood_does_not_grow_the_worker(bench: ProcessorBench) -> None:
    """Far more bytes than it may hold wait for it; it takes them as it can, and its memory stays within its bound."""
    garbage = b"\xff" * FLOOD_MESSAGE_BYTES
    count = FLOOD_BYTES // len(garbage)
    bench.produce_raw((b"%d" % number, garbage) for number in range(count))
    most = 0.0
    with bench.process() as worker:
        pages = PagesOf(worker)
        until = monotonic() + 400
        while pages.figures()["pipetrail_process_dead_letters_total"] < count:
            assert monotonic() < until, "the flood was not worked through in time"
            most = max(most, pages.figures()["pipetrail_process_in_hand_messages"])
        peak = _peak_memory(worker.popen.pid)
    assert peak < MEMORY_BYTES, f"{peak >> 20} MB"
    assert most <= MOST_IN_HAND
    letters = [one for one in bench.messages(DEAD_LETTERS) if one.value == garbage]
    assert len(letters) >= count


def _peak_memory(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kilobytes) * 1024
