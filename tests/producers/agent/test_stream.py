"""Events are numbered without holes and without repetitions, whoever numbers at the same time, and at no risk to them."""

import json
import multiprocessing
from pathlib import Path

import pytest
from pipetrail_producers import stream
from pipetrail_producers.recorder import Recorder
from pipetrail_producers.spool import Entry, Spool

WRITERS = 4
EACH = 50


def event(number: int = 1, **data: object) -> dict[str, object]:
    """An event as far as numbering looks at it."""
    return {"id": str(number), "partitionkey": "k", "data": data}


def recorder(folder: Path) -> Recorder:
    """A recorder that has nowhere to deliver to."""
    return Recorder({"PIPETRAIL_SPOOL": str(folder / "spool"), "PIPETRAIL_HOME": str(folder)})


def test_numbers_count_from_zero_in_one_stream(tmp_path: Path) -> None:
    """Each call goes on where the last one ended, several at a time or one."""
    places = [*stream.take(tmp_path / "spool", "kafka", 2), *stream.take(tmp_path / "spool", "kafka", 1)]
    assert [place.sequence for place in places] == [0, 1, 2]
    assert len({place.stream for place in places}) == 1


def test_another_way_is_another_stream(tmp_path: Path) -> None:
    """Who alternates between Kafka and a collector leaves no gap in either."""
    ways = [stream.take(tmp_path, way, 1)[0] for way in ("kafka", "collector", "kafka", "collector")]
    assert [place.sequence for place in ways] == [0, 0, 1, 1]
    assert len({place.stream for place in ways}) == 2


def test_another_folder_is_another_stream(tmp_path: Path) -> None:
    """A build machine whose disk is thrown away does not go on with numbers that it does not know."""
    assert stream.take(tmp_path / "a", "kafka", 1)[0].stream != stream.take(tmp_path / "b", "kafka", 1)[0].stream


@pytest.mark.parametrize("content", ["", "nonsense", "a b c", "x " * 300, "0123 another-machine 17\n"])
def test_what_is_not_this_machines_begins_a_new_stream(tmp_path: Path, content: str) -> None:
    """A file that was cut, altered, or copied from another machine is not gone on with: no number is used twice."""
    first = stream.take(tmp_path, "kafka", 1)[0]
    (tmp_path / ".stream-kafka").write_text(content)
    second = stream.take(tmp_path, "kafka", 2)
    assert second[0].stream not in {first.stream, "0123"}
    assert [place.sequence for place in second] == [0, 1]
    assert stream.take(tmp_path, "kafka", 1)[0] == (second[0].stream, 2)


def _take_many(folder: Path, found: "multiprocessing.Queue[stream.Place]") -> None:
    stream.LOCK_WAIT_S = 240.0  # nobody goes without a number because others are slow
    for number in range(EACH):
        for place in stream.take(folder, "kafka", 1 + number % 3):
            found.put(place)


def test_several_at_once_leave_no_hole_and_share_no_number(tmp_path: Path) -> None:
    """What processes number at the same time is one sequence."""
    context = multiprocessing.get_context("spawn")
    found: multiprocessing.Queue[stream.Place] = context.Queue()
    writers = [context.Process(target=_take_many, args=(tmp_path / "spool", found)) for _ in range(WRITERS)]
    for process in writers:
        process.start()
    each = sum(1 + number % 3 for number in range(EACH))
    places = [found.get(timeout=240) for _ in range(WRITERS * each)]
    for process in writers:
        process.join()
    assert len({place.stream for place in places}) == 1
    assert sorted(place.sequence for place in places) == list(range(WRITERS * each))


def test_an_event_goes_without_a_number_rather_than_not_at_all(tmp_path: Path) -> None:
    """Where the folder cannot be written, there is no number and no error."""
    (tmp_path / "spool").write_text("in the way")
    assert stream.take(tmp_path / "spool", "kafka", 1) == []
    (message,) = recorder(tmp_path).messages([event()])
    assert json.loads(message.value) == event()


def test_who_holds_the_lock_does_not_hold_up_a_build(tmp_path: Path) -> None:
    """A process that was stopped with the lock in its hands costs others a moment, not their event."""
    stream.take(tmp_path, "kafka", 1)
    with stream._opened(tmp_path, "kafka"):
        assert stream.take(tmp_path, "kafka", 1) == []
    assert [place.sequence for place in stream.take(tmp_path, "kafka", 1)] == [1]


def test_what_is_spooled_keeps_its_number(tmp_path: Path) -> None:
    """The number is part of the bytes that are kept: a replay tells the same; one that came with a number keeps it."""
    agent = recorder(tmp_path)
    foreign = {"delivery": {"id": "other", "sequence": 9}}
    agent.finish(agent.messages([event(1), event(2, pipetrail=foreign), event(3, pipetrail={"stage": "test"})]))
    spool = Spool(tmp_path / "spool", max_bytes=1 << 20)
    kept = [json.loads(one.message.value) for path in spool.paths() if isinstance(one := spool.read(path), Entry)]
    numbers = [one["data"]["pipetrail"]["delivery"]["sequence"] for one in kept]
    assert numbers == [0, 9, 1]
    assert kept[2]["data"]["pipetrail"]["stage"] == "test"


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    """Folder and file are closed to other users, as the spool is."""
    stream.take(tmp_path / "spool", "kafka", 1)
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "spool", tmp_path / "spool" / ".stream-kafka")]
    assert modes == [0o700, 0o600]
