"""The processor shares, stops, stands still and loses its Kafka, and what it has made is what a quiet run would have made.

Kills, lost folders and lost changelogs, all in one run, are the campaign's (`test_campaign`).
"""

import json
import signal
from datetime import UTC, datetime
from difflib import ndiff

import orjson
import pytest
from pipetrail_schemas.topics import RECORDS, TRAILS
from support.processor import MISSED_SOON_S, ProcessorBench
from support.stream import id_of, key_of, stream
from support.wait import wait_for
from support.world import World

pytestmark = pytest.mark.stack

SOME = 2_000


def events_of(bench: ProcessorBench, count: int) -> list[bytes]:
    """Events that were recorded now: nothing waits so long that its wait ends."""
    return stream(bench.run, count, recorded=datetime.now(UTC))


def assert_as_a_pure_replay(bench: ProcessorBench, values: list[bytes]) -> None:
    """Every event has one record, whatever was repeated, and every trail stands as it should."""
    bench.wait_for_records(map(id_of, values), timeout_s=240)
    wait_for(lambda: bench.lag() == 0, timeout_s=120, what="the group to have committed all")
    world = World()
    world.take(values)
    assert {len(versions) for versions in bench.recorded().values()} == {1}
    assert bench.recorded().keys() == {id_of(value) for value in values}
    found, wanted = bench.trails(), world.latest(TRAILS)
    assert found.keys() == wanted.keys()
    assert {key: differences(found[key], wanted[key]) for key in wanted if found[key] != wanted[key]} == {}


def differences(found: bytes, wanted: bytes) -> list[str]:
    """The lines of two documents that are not alike, for a failure that says what is wrong."""
    ours, theirs = (json.dumps(orjson.loads(one), indent=1, sort_keys=True).splitlines() for one in (found, wanted))
    return [line for line in ndiff(ours, theirs) if line[:1] in "+-"]


def test_workers_share_the_partitions_and_take_over(bench: ProcessorBench) -> None:
    """A second worker takes a share of the work, and when one is killed, the other one finishes all."""
    bench.session_s = MISSED_SOON_S
    values = events_of(bench, SOME)
    with bench.process(0) as first, bench.process(1):
        bench.produce(values[: SOME // 2])
        bench.wait_for_records(map(id_of, values[: SOME // 2]), timeout_s=240)
        states = [len(list(bench.datadir(number).rglob("*.db"))) for number in (0, 1)]
        assert all(states)
        bench.produce(values[SOME // 2 :])
        first.kill()
        assert_as_a_pure_replay(bench, values)


def test_a_restart_of_kafka_under_load(bench: ProcessorBench) -> None:
    """While Kafka is killed and started again, the worker waits, and then goes on without a loss."""
    values = events_of(bench, SOME)
    with bench.process() as worker:
        bench.produce(values[: SOME // 2])
        bench.wait_for_count(SOME // 10)
        bench.stack.kafka.kill()
        bench.stack.kafka.start()
        bench.produce(values[SOME // 2 :])
        assert_as_a_pure_replay(bench, values)
        assert worker.popen.poll() is None


def test_a_stop_in_the_middle_repeats_nothing(bench: ProcessorBench) -> None:
    """SIGTERM under load ends the worker in good order and in time; the next one goes on exactly where it stopped."""
    values = events_of(bench, SOME)
    bench.produce(values)
    with bench.process() as worker:
        bench.wait_for_count(SOME // 10)
        assert worker.stop() == 0
    done = len(bench.messages(TRAILS))
    with bench.process():
        assert_as_a_pure_replay(bench, values)
    assert done > 0
    # An event that knows its digest only has a second record once its repository is known.
    known = {id_of(value) for value in values if not key_of(value).startswith(b"sha256:")}
    ids = [orjson.loads(message.value or b"")["event"]["id"] for message in bench.messages(RECORDS)]
    assert sorted(known) == sorted(one for one in ids if one in known)


def test_a_worker_that_stood_still_writes_nothing_more(bench: ProcessorBench) -> None:
    """A worker that was frozen for longer than its session ends: its partitions may have a new owner."""
    bench.session_s = MISSED_SOON_S
    values = events_of(bench, SOME)
    with bench.process(0) as frozen, bench.process(1):
        frozen.popen.send_signal(signal.SIGSTOP)
        bench.produce(values)
        assert_as_a_pure_replay(bench, values)
        frozen.popen.send_signal(signal.SIGCONT)
        frozen.ended = True
        assert frozen.popen.wait(120) == 75
        assert_as_a_pure_replay(bench, values)
