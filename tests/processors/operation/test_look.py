"""What a worker tells of itself while its partitions come and go; the engine around it is played."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pipetrail_processors.directory.watcher import Watcher
from pipetrail_processors.engine.app import Tick
from pipetrail_processors.operation.operation import Operation
from pipetrail_processors.settings import ProcessSettings
from pipetrail_processors.state.state import MemoryState
from pipetrail_processors.state.tally import count_trails
from pipetrail_schemas.connection import KafkaConnection
from structlog.testing import capture_logs


class Engine:
    """The parts of the application that are looked at; nothing of Kafka."""

    def __init__(self) -> None:
        self.rebalancing = False
        self.tables = SimpleNamespace(actives_ready=False)
        self.counts = SimpleNamespace(messages=0, outputs=0, refused=0)
        self.job = SimpleNamespace(counts=self.counts, unacknowledged_bytes=lambda: 0)
        self.states = {0: MemoryState(), 1: MemoryState()}
        self.state_table = SimpleNamespace(of=self.states.__getitem__)
        self.all_committed = True
        self.consumer = SimpleNamespace(
            commits=0,
            assigned=lambda: (("events", 0), ("events", 1)),
            assigned_partitions=lambda: [0, 1],
            in_hand=lambda: 7,
            all_committed=lambda: self.all_committed,
        )


@pytest.fixture
def engine() -> Engine:
    """A worker that is starting."""
    return Engine()


@pytest.fixture
def operation(engine: Engine) -> Operation:
    """Its operation; no Kafka is there."""
    app: Any = engine
    return Operation(app, ProcessSettings(), KafkaConnection("127.0.0.1:9"), lambda: "people.yaml:3: is wrong")


def figures(operation: Operation) -> dict[str, float]:
    """The figures without labels, by name."""
    return {one.name: one.samples[0].value for one in operation.watch.figures.collect() if one.samples}


def test_it_is_not_ready_while_its_state_is_being_recovered(engine: Engine, operation: Operation) -> None:
    """At the start and after every rebalance; in between it is."""
    assert operation.health.not_ready() == {"state": "is being recovered from Kafka"}
    operation.recovered()
    assert operation.health.not_ready() == {}
    for rebalancing, recovered in ((True, True), (False, False)):
        engine.rebalancing, engine.tables.actives_ready = rebalancing, recovered
        operation.look()
        assert operation.health.not_ready().keys() == {"state"}
    engine.tables.actives_ready = True
    operation.look()
    assert operation.health.not_ready() == {}


def test_it_tells_what_its_partitions_hold(engine: Engine, operation: Operation) -> None:
    """Trails of all of them together; what is in hand; that the reference data are bad."""
    engine.tables.actives_ready = True
    for state, number in zip(engine.states.values(), (3, 4), strict=True):
        count_trails(state, number)
    operation.look()
    found = figures(operation)
    assert found["pipetrail_process_trails_open"] == 7
    assert found["pipetrail_process_aliases_waiting"] == 0
    assert (found["pipetrail_process_unresolved_events"], found["pipetrail_process_unresolved_let_go"]) == (0, 0)
    assert found["pipetrail_process_in_hand_messages"] == 7
    assert found["pipetrail_process_partitions"] == 2
    assert found["pipetrail_process_reference_bad"] == 1


def test_reference_data_that_break_are_told_while_no_event_comes(engine: Engine, operation: Operation, tmp_path: Path) -> None:
    """Who edits them hears of a mistake within seconds, not when the next event comes."""
    file = tmp_path / "people.yaml"
    file.write_text("people: [{id: ann}]", encoding="utf-8")
    reference = Watcher(tmp_path, every_s=0)
    app: Any = engine
    app.operation = operation
    tick = Tick(app, reference.current)
    file.write_text("people: [oops", encoding="utf-8")
    engine.rebalancing = True  # there is no consumer here to ask
    with capture_logs() as told:
        asyncio.run(tick())
    assert [one["event"] for one in told] == ["reference data is bad; the last good one stays in force"]
    assert "people.yaml:1" in reference.problem


def test_the_time_since_the_last_commit_grows_only_while_something_waits_for_one(
    engine: Engine, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has nothing to commit is not late with it."""
    now = 1000.0
    monkeypatch.setattr("pipetrail_processors.operation.operation.monotonic", lambda: now)
    engine.tables.actives_ready = True

    def after(seconds: float) -> float:
        nonlocal now
        now += seconds
        operation.look()
        return figures(operation)["pipetrail_process_seconds_since_commit"]

    assert after(100) == 0
    engine.all_committed = False
    assert (after(5), after(5)) == (5, 10)
    engine.consumer.commits += 1
    assert (after(1), after(2)) == (0, 2)


def test_the_log_says_every_half_minute_how_it_goes_while_there_is_work(
    engine: Engine, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With messages, rate and lag; and nothing where there is nothing to say."""
    now = 1000.0
    monkeypatch.setattr("pipetrail_processors.operation.operation.monotonic", lambda: now)
    with capture_logs() as lines:
        for messages in (0, 0, 400, 400, 400):
            engine.counts.messages = messages
            operation.look()
            now += 30
    assert [(line["event"], line["messages"], line["lag_messages"]) for line in lines] == [("progress", 400, 0)]
