"""`pipetrail process` from outside: what it makes of events, of garbage, and of settings that are wrong."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from pipetrail_schemas.topics import DEAD_LETTERS, EVENTS, FINDINGS
from support.index_bench import Process
from support.processor import ProcessorBench
from support.stream import id_of, stream
from support.wait import wait_for

pytestmark = pytest.mark.stack


def dead_letters(bench: ProcessorBench) -> list[tuple[bytes | None, bytes | None, dict[str, bytes | None]]]:
    """The dead letters of this test, by a header that its messages bear."""
    found = [(one.key, one.value, dict(one.headers)) for one in bench.messages(DEAD_LETTERS)]
    return [letter for letter in found if letter[2].get("original-run") == bench.run.encode()]


def test_garbage_becomes_dead_letters_and_the_worker_goes_on(bench: ProcessorBench) -> None:
    """What is no event is a dead letter, byte for byte, with position and reason; events around it are processed."""
    values = stream(bench.run, 20, recorded=datetime.now(UTC))
    garbage = [
        (b"k1", b"\x00\xff garbage"),
        (None, b""),
        (b"\xfe", None),
        (b"k4", b'{"specversion": "1.0"}'),
        (b"k5", b"[" * 5000),
    ]
    with bench.process():
        bench.produce(values[:10])
        bench.produce_raw(garbage, headers=(("run", bench.run.encode()), ("twice", b"1"), ("twice", b"2"), ("none", None)))
        bench.produce(values[10:])
        bench.wait_for_records(map(id_of, values), timeout_s=240)
        wait_for(lambda: len(dead_letters(bench)) == len(garbage), timeout_s=120, what="the dead letters")
        wait_for(lambda: bench.lag() == 0, timeout_s=120, what="the group to have committed all")
    letters = dead_letters(bench)
    assert sorted(map(repr, garbage)) == sorted(repr((key, value)) for key, value, _ in letters)
    for _, _, headers in letters:
        assert (headers["topic"], headers["stage"], headers["error-type"]) == (
            EVENTS.name.encode(),
            b"process",
            b"InvalidEventError",
        )
        assert (headers["original-twice"], headers["original-none"]) == (b"2", None)
        assert headers["error"]
        assert (headers["partition"] or b"").isdigit()
        assert (headers["offset"] or b"").isdigit()


def test_a_wait_ends_with_a_verdict(bench: ProcessorBench) -> None:
    """A deployment of a digest that nothing made becomes a finding once its wait is over, while no event comes."""
    deployments = [
        value
        for value in stream(bench.run, 200, recorded=datetime.now(UTC) - timedelta(hours=1))
        if orjson.loads(value)["partitionkey"].startswith("sha256:")
    ]
    with bench.process(alias_wait_s="1"):
        bench.produce(deployments[:1])
        found = wait_for(lambda: rules_about(bench, deployments[0]), timeout_s=120, what="the finding")
    assert found == {"unknown-artifact-deployed"}


def rules_about(bench: ProcessorBench, value: bytes) -> set[str]:
    """The rules of the findings that show an event."""
    findings = [orjson.loads(message.value or b"{}") for message in bench.messages(FINDINGS)]
    return {one["rule"]["id"] for one in findings if id_of(value) in one["pipetrail"]["finding"]["evidence"]}


def test_two_workers_do_not_share_a_folder(bench: ProcessorBench) -> None:
    """A worker that is given the folder of another one stops, and says which setting is wrong."""
    with bench.process(0):
        env = os.environ | {
            "PIPETRAIL_HOME": str(bench.stack.home),
            "PIPETRAIL_PROCESS_GROUP": bench.group,
            "PIPETRAIL_PROCESS_DATADIR": str(bench.datadir(0)),
        }
        command = [sys.executable, "-m", "pipetrail", "process"]
        second = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert second.returncode == 2
    assert second.stderr.startswith("pipetrail: setting PIPETRAIL_PROCESS_DATADIR:")


def test_events_that_kafka_deleted_unread_raise_an_alarm(bench: ProcessorBench) -> None:
    """Where retention took events before they were processed, the log says so, with how many, and the work goes on."""
    values = stream(bench.run, 40, recorded=datetime.now(UTC))
    bench.produce(values[:20])
    bench.delete_all_events()
    bench.produce(values[20:])
    with bench.process() as worker:
        bench.wait_for_records(map(id_of, values[20:]), timeout_s=240)
        # Each partition tells for itself, and not before the others' records are there.
        wait_for(lambda: _lost(worker) == 20, timeout_s=120, what="the alarms of all partitions")
    assert bench.recorded().keys() == {id_of(value) for value in values[20:]}


def _lost(worker: Process) -> int:
    return sum(line["lost"] for line in worker.log() if line["event"].startswith("events lost"))
