"""Workers that keep a copy of each other's state."""

from datetime import UTC, datetime

import pytest
from pipetrail_schemas.topics import TRAILS
from support.index_bench import Process
from support.processor import MISSED_SOON_S, ProcessorBench
from support.state import differences, in_changelog, on_disk
from support.stream import id_of, stream
from support.wait import wait_for
from support.world import World

pytestmark = pytest.mark.stack

SOME = 600


def test_a_worker_with_a_copy_goes_on_without_filling_it(bench: ProcessorBench) -> None:
    """While a worker works, another has all of its state on disk, too; when the one is killed, the other reads no changelog."""
    bench.session_s = MISSED_SOON_S
    values = stream(bench.run, SOME, recorded=datetime.now(UTC))
    with bench.process(0, standby_replicas="1") as first, bench.process(1, standby_replicas="1") as second:
        bench.produce(values[: SOME // 2])
        bench.wait_for_records(map(id_of, values[: SOME // 2]), timeout_s=240)
        wait_for(lambda: bench.lag() == 0, timeout_s=120, what="the group to have committed all")
        wait_for(lambda: both_have_all(bench), timeout_s=120, what="each worker to have all of the state")
        filled = said(second)
        first.kill()
        bench.produce(values[SOME // 2 :])
        bench.wait_for_records(map(id_of, values), timeout_s=240)
        wait_for(lambda: bench.lag() == 0, timeout_s=120, what="the group to have committed all")
        assert said(second) == filled
    world = World()
    world.take(values)
    assert differences(bench.trails(), world.latest(TRAILS)) == {}


def both_have_all(bench: ProcessorBench) -> bool:
    """Whether each worker's folder has the state of every partition."""
    states = {number: state for number, state in in_changelog(bench.kafka, bench.group).items() if state}
    assert states
    disks = [{number: disk(bench, worker, number) for number in states} for worker in (0, 1)]
    return disks == [states, states]


def disk(bench: ProcessorBench, worker: int, partition: int) -> dict[bytes, bytes] | None:
    """What a worker has of a partition, None for nothing."""
    found = list(bench.datadir(worker).rglob(f"state-{partition}.db"))
    return on_disk(found[0]) if found else None


def said(worker: Process) -> int:
    """How often a worker has filled a disk from the changelog."""
    return sum(line["event"] == "state is filled" for line in worker.log())
