"""A changelog that was emptied or deleted, with and without the disk: the state is whole again, or said to be lost."""

import shutil
from datetime import UTC, datetime

import pytest
from pipetrail_schemas.topics import TRAILS
from support.processor import MISSED_SOON_S, ProcessorBench
from support.state import differences
from support.stream import id_of, stream
from support.wait import wait_for
from support.world import World

pytestmark = pytest.mark.stack

SOME = 600


def half(bench: ProcessorBench, values: list[bytes]) -> None:
    """Let a worker do the first half of the events, and die."""
    bench.session_s = MISSED_SOON_S
    bench.produce(values[: SOME // 2])
    with bench.process() as worker:
        bench.wait_for_records(map(id_of, values[: SOME // 2]), timeout_s=240)
        wait_for(lambda: bench.lag() == 0, timeout_s=120, what="the group to have committed all")
        worker.kill()


def assert_the_end_is_right(bench: ProcessorBench, values: list[bytes]) -> None:
    """Let the other half happen: trails are those of a pure replay."""
    bench.produce(values[SOME // 2 :])
    bench.wait_for_records(map(id_of, values), timeout_s=240)
    wait_for(lambda: bench.lag() == 0, timeout_s=120, what="the group to have committed all")
    world = World()
    world.take(values)
    assert differences(bench.trails(), world.latest(TRAILS)) == {}


@pytest.mark.parametrize("harm", ["empty_changelog", "delete_changelog"])
def test_a_changelog_is_written_anew_from_the_disk(bench: ProcessorBench, harm: str) -> None:
    """A changelog that is not whole is whole again once a worker runs that has the state: its disk may then go."""
    values = stream(bench.run, SOME, recorded=datetime.now(UTC))
    half(bench, values)
    getattr(bench, harm)()
    with bench.process() as worker:
        assert worker.said("the changelog was written anew")
        worker.kill()
    shutil.rmtree(bench.datadir(0))
    with bench.process():
        assert_the_end_is_right(bench, values)


@pytest.mark.parametrize("harm", ["empty_changelog", "delete_changelog"])
def test_a_state_that_is_nowhere_stops_the_program(bench: ProcessorBench, harm: str) -> None:
    """Without changelog and disk the worker does not go on with an empty state: it ends, and says what to do."""
    values = stream(bench.run, SOME, recorded=datetime.now(UTC))
    half(bench, values)
    getattr(bench, harm)()
    folder = bench.datadir(0)
    folder.rename(folder.with_name("elsewhere"))
    worker = bench.launch()
    try:
        assert worker.popen.wait(120) == 65
        (reason,) = [line["reason"] for line in worker.log() if line.get("error") == "LostStateError"]
        assert "is lost" in reason
        assert "PIPETRAIL_PROCESS_GROUP" in reason
    finally:
        worker.popen.kill()
        worker.popen.wait()
    shutil.rmtree(folder)
    folder.with_name("elsewhere").rename(folder)
    with bench.process():
        assert_the_end_is_right(bench, values)


def test_what_people_commit_by_hand_asks_for_no_state(bench: ProcessorBench) -> None:
    """Offsets that were set by hand have no mark: the events are read again from there, with what state there is."""
    values = stream(bench.run, SOME, recorded=datetime.now(UTC))
    starts = bench.committed()
    half(bench, values)
    bench.empty_changelog()
    shutil.rmtree(bench.datadir(0))
    bench.commit(starts)
    with bench.process():
        assert_the_end_is_right(bench, values)
