"""The ways in which Faust loses messages, as it was measured to, one by one: none of them is left.

Those that take kills, takeovers and restarts to show are in `test_crashes` and `test_campaign`; garbage is in `test_process`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP
from pipetrail_deploy.ports import free_port
from pipetrail_processors.engine import agents
from pipetrail_processors.engine.app import ProcessorApp, build
from pipetrail_processors.settings import ProcessSettings
from pipetrail_processors.transport.batch import Batch
from pipetrail_processors.transport.consumer import BatchConsumer
from pipetrail_processors.transport.producer import CheckpointProducer
from pipetrail_schemas.connection import KafkaConnection
from support.processor import ProcessorBench
from support.stream import id_of, stream
from support.wait import wait_for

PLACE = TP("pipetrail.events.v1", 3)


class EndedError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def app(tmp_path: Path) -> ProcessorApp:
    """The application, towards a Kafka that is not there; nothing is started."""
    return build(ProcessSettings(), KafkaConnection(f"127.0.0.1:{free_port()}"), datadir=tmp_path, partitions=12)


def batch(offset: int) -> Batch:
    """A message with this offset, alone."""
    return Batch([cast("Any", SimpleNamespace(topic=PLACE.topic, partition=PLACE.partition, offset=offset))])


def test_what_an_agent_fails_on_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust acknowledges in `finally`; here a batch is done when the work on it has returned, else the process ends."""
    made: list[Callable[[AsyncIterator[Batch]], Any]] = []
    app = SimpleNamespace(agent=lambda _topic, **_options: made.append)

    def end(_error: BaseException) -> None:
        raise EndedError

    async def work(one: Batch) -> None:
        if one.end == 6:
            raise ValueError

    async def arrive() -> AsyncIterator[Batch]:
        for one in batches:
            yield one

    monkeypatch.setattr(agents, "end", end)
    batches = [batch(offset) for offset in (4, 5, 6)]
    agents.add_agent(cast("Any", app), cast("Any", "topic"), work)
    with pytest.raises(EndedError):
        asyncio.run(made[0](arrive()))
    assert [one.done for one in batches] == [True, False, False]


def test_one_agent_works_on_one_batch_at_a_time(app: ProcessorApp) -> None:
    """With more at a time Faust loses the first event on a kill."""
    assert [agent.concurrency for agent in app.agents.values()] == [1]


def test_faust_is_set_so_that_it_loses_nothing(app: ProcessorApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """At least once, raw bytes, from the beginning, no topics of its own making, no port; whatever the environment says."""
    wanted = {
        "processing_guarantee": "at_least_once",
        "key_serializer": "raw",
        "value_serializer": "raw",
        "consumer_auto_offset_reset": "earliest",
        "stream_wait_empty": True,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "web_enabled": False,
        "recovery_consistency_check": False,
        "broker_commit_every": 10_000,
        "broker_commit_interval": 1.0,
        "broker_session_timeout": 10.0,
        "broker_heartbeat_interval": 2.0,
    }
    monkeypatch.setenv("PROCESSING_GUARANTEE", "exactly_once")
    monkeypatch.setenv("CONSUMER_AUTO_OFFSET_RESET", "latest")
    monkeypatch.setenv("BROKER_COMMIT_INTERVAL", "3600")
    assert {name: str(getattr(app.conf, name)).removeprefix("ProcessingGuarantee.").lower() for name in wanted} == {
        name: str(value).lower() for name, value in wanted.items()
    }


def test_nothing_is_sent_past_the_outbox() -> None:
    """Faust's producer gives a future that nobody needs to look at; ours sends nothing at all."""
    producer = CheckpointProducer.__new__(CheckpointProducer)
    with pytest.raises(NotImplementedError):
        asyncio.run(producer.send("topic", b"k", b"v", None, None, None))


class Refused(BatchConsumer):
    """A consumer whose commits Kafka takes, or not."""

    def __init__(self, *, takes: bool) -> None:
        self._committed = {PLACE: 2}
        self._committing = asyncio.Lock()
        self.commits = 0
        self._thread = cast("Any", SimpleNamespace(commit=self.commit_played))
        self.takes = takes

    async def commit_played(self, _offsets: Mapping[TP, int]) -> bool:
        """As of the thread."""
        return self.takes


@pytest.mark.parametrize("takes", [True, False])
def test_a_commit_that_was_refused_is_tried_again(*, takes: bool) -> None:
    """Faust takes it for done, and commits no more until new messages come."""
    consumer = Refused(takes=takes)
    assert asyncio.run(consumer._commit({PLACE: 5})) is takes
    assert consumer._should_commit(PLACE, 5) is not takes


@pytest.mark.stack
def test_a_group_that_never_committed_loses_nothing_when_a_worker_joins(bench: ProcessorBench) -> None:
    """Where no offset is committed yet, Faust drops what was fetched just before a rebalance, and never reads it again."""
    bench.delete_all_events()
    bench.group = f"new-{bench.run}"
    values = stream(bench.run, 1500, recorded=datetime.now(UTC))
    bench.produce(values)
    with bench.process(0, batch_messages="20"):
        bench.wait_for_count(1)
        with bench.process(1, batch_messages="20"):
            bench.wait_for_records(map(id_of, values), timeout_s=240)
            wait_for(lambda: bench.lag() == 0, timeout_s=120, what="the group to have committed all")
