"""`pipetrail replay` beside a live processor: from Kafka, held against what is on the topics, and back into them."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer
from pipetrail_processors.replay.backfill import Filled, fill
from pipetrail_processors.replay.crew import Crew
from pipetrail_processors.replay.kafka import KafkaHistory
from pipetrail_processors.replay.message import Scope, messages
from pipetrail_processors.replay.plan import OUTPUTS
from pipetrail_processors.replay.trial import Span
from pipetrail_schemas.topics import EVENTS, FINDINGS, PARTITIONER, RECORDS, TRAILS
from support.processor import ProcessorBench
from support.replayed import plan_of
from support.stream import id_of, stream
from support.wait import wait_for

pytestmark = pytest.mark.stack

LENIENT = 'environments: [{match: ["*"]}]\n'


def replayed(bench: ProcessorBench, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the outcome of `pipetrail replay` over the test's repository."""
    command = [sys.executable, "-m", "pipetrail", "replay", "--repository", f"{bench.run}/service-0", "--json", *arguments]
    env = os.environ | {"PIPETRAIL_HOME": str(bench.stack.home)}
    done = subprocess.run(command, env=env, cwd=bench.folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout, done.stderr
    return done.returncode, orjson.loads(done.stdout)


def test_a_replay_comes_to_what_the_live_processor_has_published(bench: ProcessorBench) -> None:
    """Exit 0: not one trail or finding differs. With another policy findings do, and it says in which fields."""
    values = stream(bench.run, 150, recorded=datetime.now(UTC), repositories=1)
    with bench.process():
        bench.produce(values)
        bench.wait_for_records(map(id_of, values), timeout_s=120)
        wait_for(lambda: bench.lag() == 0, timeout_s=120, what="all of it to be processed")
    code, told = replayed(bench, "--compare", "kafka")
    assert (code, told["events"] >= len(values), told["refused"]) == (0, True, 0), told
    trails, findings = told["compared"]["trails"]["verdicts"], told["compared"]["findings"]["verdicts"]
    assert trails["same"] == told["trails"] > 0
    assert findings["same"] == sum(told["findings"].values()) > 0
    policy = bench.folder / "lenient.yaml"
    policy.write_text(LENIENT, encoding="utf-8")
    code, told = replayed(bench, "--compare", "kafka", "--policy", str(policy))
    assert code == 3
    assert told["compared"]["trails"]["fields"].keys() == {"pipetrail.trail.findings"}
    assert told["compared"]["findings"]["verdicts"]["same"] < findings["same"]


def test_a_back_fill_leaves_alone_what_is_newer_and_puts_back_what_it_came_behind(bench: ProcessorBench) -> None:
    """Twice publishes once. A newer trail stays, also one that was written while the back-fill was under way."""
    values = stream(bench.run, 60, recorded=datetime.now(UTC), repositories=1)
    kafka, plan = bench.kafka, replace(plan_of(), keeps=OUTPUTS)
    with Crew(plan, workers=1) as crew:
        outcome = crew.replay(messages(values), Scope(), datetime.now(UTC), Span())
        trails = dict(outcome.latest(TRAILS))
        key = min(trails)
        newer = _newer(trails[key])

        def wanted(value: bytes) -> bool:
            if value == trails[key]:
                _write(bench, key, newer)  # the live processor is at work, and faster
            return True

        def filled(name: str) -> dict[str, Filled]:
            folder = bench.folder / name
            folder.mkdir()
            return {one.topic: one for one in fill(outcome, kafka, folder, wanted)}

        done = filled("first")
        assert done[RECORDS.name].published == len(bench.messages(RECORDS)) >= len(values)
        assert done[TRAILS.name] == Filled(TRAILS.name, published=len(trails), put_back=1)
        assert done[FINDINGS.name].published == len({one.key for one in bench.messages(FINDINGS)}) > 0
        again = filled("second")
        assert again[TRAILS.name] == Filled(TRAILS.name, same=len(trails) - 1, newer=1)
        assert again[FINDINGS.name].same == done[FINDINGS.name].published
        last = {one.key: one.value for one in bench.messages(TRAILS)}
        assert last == {**trails, key: newer}


def test_history_from_kafka_ends_where_the_topic_ended_when_it_began(bench: ProcessorBench) -> None:
    """What is written meanwhile is not part of it; a partition may begin anywhere."""
    values = stream(bench.run, 30, recorded=datetime.now(UTC), repositories=4)
    before = KafkaHistory(bench.kafka, EVENTS).ends
    bench.produce(values)
    history = KafkaHistory(bench.kafka, EVENTS, before)
    bench.produce(stream(bench.run, 40, recorded=datetime.now(UTC), repositories=4))
    assert sorted(message.value or b"" for message in history) == sorted(values)
    assert history.done == history.total == len(values)
    everything = KafkaHistory(bench.kafka, EVENTS, before).ends
    assert KafkaHistory(bench.kafka, EVENTS, since=datetime.now(UTC) + timedelta(days=1)).total == 0
    recent = KafkaHistory(bench.kafka, EVENTS, since=datetime.now(UTC))
    assert recent.ends == everything
    assert {message.value for message in recent} >= set(values)


def _newer(trail: bytes) -> bytes:
    content = orjson.loads(trail)
    content["pipetrail"]["trail"]["revision"] += 1
    return orjson.dumps(content)


def _write(bench: ProcessorBench, key: bytes, value: bytes) -> None:
    producer = Producer({**bench.kafka.client_config(), "partitioner": PARTITIONER})
    producer.produce(TRAILS.name, key=key, value=value)
    assert producer.flush(30) == 0
