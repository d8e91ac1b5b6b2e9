"""The Faust application: one agent over three topics, one table, a timer. Wiring only; what is done is in `job`."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import faust
import structlog
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.times import now
from pipetrail_schemas.topics import EVENTS, LINKS, RESOLVED

from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.directory.reference import no_reference
from pipetrail_processors.directory.watcher import Watcher
from pipetrail_processors.engine.agents import add_agent, ending_the_process
from pipetrail_processors.engine.changelog import Changelog
from pipetrail_processors.engine.checkpoint import Checkpoint
from pipetrail_processors.engine.custody import Custody
from pipetrail_processors.engine.job import Job
from pipetrail_processors.engine.refill import RefillingTables
from pipetrail_processors.engine.tables import StateTable
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.operation.operation import Operation
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.settings import ProcessSettings
from pipetrail_processors.transport.driver import BatchTransport, Wiring
from pipetrail_processors.transport.outbox import Outbox
from pipetrail_processors.transport.security import consumer_options

if TYPE_CHECKING:
    from pipetrail_processors.transport.consumer import BatchConsumer

SOURCES = (EVENTS, RESOLVED, LINKS)
_TICK_S = 1.0
# Seconds between looks at the changelog. While it is not whole, a disk that is lost cannot be had again.
_CHANGELOG_LOOK_S = 10.0
# Faust's checkpoint at the end waits for Kafka no longer than this; a stop is to take less than 5 s.
_STOP_PATIENCE_LOOKS = 4

_log = structlog.get_logger("pipetrail.process")


class _Settings(faust.Settings):
    """Faust's settings, from this module alone: Faust lets variables of any environment overrule what the code says."""

    def getenv(self, env_name: str) -> None:
        """No variable counts."""


class ProcessorApp(faust.App):
    """The application, with what the worker needs of it."""

    Settings = _Settings
    job: Job
    state_table: StateTable
    operation: Operation
    checkpoint: Checkpoint

    async def on_start(self) -> None:
        """Let the heart beat from now on: also while the state is recovered, when Faust's timers do not run yet."""
        await super().on_start()
        self.add_future(ending_the_process(self._beat()))

    async def _beat(self) -> None:
        while not self.should_stop:
            self.checkpoint.tick()
            self.operation.health.beat()
            await self.sleep(_TICK_S)


def build(settings: ProcessSettings, kafka: KafkaConnection, *, datadir: Path, partitions: int) -> ProcessorApp:
    """Put the application together; nothing is started.

    Args:
        settings: how it runs.
        kafka: where the topics are.
        datadir: the folder of its state; this worker's alone.
        partitions: how many the source topics have, all alike.

    Raises:
        SettingError: a policy, rule, reference file or property of the connection is wrong.
    """
    reference = Watcher(settings.reference_dir) if settings.reference_dir else None
    in_force = reference.current if reference else no_reference
    pipeline = Pipeline(
        policy=Policy.load(settings.policy),
        rules=RuleSet.load(settings.rules, settings.exclusions),
        alias_wait=timedelta(seconds=settings.alias_wait_s),
        retention=timedelta(days=settings.retention_days),
        reference=in_force,
    )
    client = consumer_options(kafka)
    outputs = Outbox(kafka, delivery_timeout_s=settings.delivery_timeout_s)
    changelog = Outbox(kafka, delivery_timeout_s=settings.delivery_timeout_s)
    app = _faust_app(settings, client["bootstrap_servers"], datadir)
    table = StateTable(app, kafka, partitions=partitions)
    app.tables.add(table)
    custody = table.custody = Custody(
        Changelog(kafka, table.changelog_topic_name, give_up=_Patience(app)),
        lambda: table.store,
        changelog,
        lambda: cast("BatchConsumer", app.consumer),
        give_up=_Patience(app),
    )
    checkpoint = Checkpoint(
        table, outputs, changelog, custody, give_up=_Patience(app), session_timeout_s=settings.session_timeout_s
    )
    app.transport = BatchTransport(
        app,
        Wiring(
            batched=frozenset(topic.name for topic in SOURCES),
            compacted=frozenset(topic.name for topic in SOURCES if topic.retention_ms is None),
            client=client,
            flush=_or_end(checkpoint.flush),
            mark=custody.mark,
        ),
    )
    app.job = Job(pipeline, table, outputs, checkpoint)
    app.state_table, app.checkpoint = table, checkpoint
    app.operation = Operation(app, settings, kafka, lambda: reference.problem if reference else "")
    add_agent(app, app.topic(*(topic.name for topic in SOURCES), key_type=bytes, value_type=bytes), app.job.work)
    app.timer(_TICK_S, name="tick", traced=False)(_or_end(Tick(app, in_force)))
    app.timer(_CHANGELOG_LOOK_S, name="changelog", traced=False)(_or_end(_ChangelogLook(app, checkpoint)))
    return app


def _faust_app(settings: ProcessSettings, servers: list[str], datadir: Path) -> ProcessorApp:
    return ProcessorApp(
        settings.group,
        broker=[f"kafka://{server}" for server in servers],
        autodiscover=False,
        datadir=datadir,
        store="rocksdb://",
        key_serializer="raw",
        value_serializer="raw",
        TableManager=RefillingTables,
        processing_guarantee="at_least_once",
        broker_commit_interval=settings.commit_interval_s,
        broker_max_poll_records=settings.batch_messages,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 5,
        broker_request_timeout=max(40.0, settings.session_timeout_s * 2),
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=True,
        # Batches, not messages: enough to keep the agent busy, few enough to keep memory low.
        stream_buffer_maxsize=8,
        table_standby_replicas=settings.standby_replicas,
        # Judged by `lineage`; Faust compares with where the changelog ended before it was written anew.
        recovery_consistency_check=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )


class _Patience:
    """Says when a flush that Kafka does not answer is to be given up: soon after the application was told to stop."""

    def __init__(self, app: faust.App) -> None:
        self._app = app
        self._looks = 0

    def __call__(self) -> bool:
        self._looks = self._looks + 1 if self._app.should_stop else 0
        return self._looks > _STOP_PATIENCE_LOOKS


class Tick:
    """What is done every second once the state is there: look at oneself and the reference data, end the waits that are over.

    Events look at the reference data, too; but who edits them wants to hear of a mistake then, not when the next event comes.
    """

    def __init__(self, app: ProcessorApp, reference: Callable[[], object]) -> None:
        """`reference` looks at the reference data when it is time."""
        self._app = app
        self._reference = reference

    async def __call__(self) -> None:
        """Do it."""
        self._reference()
        self._app.operation.look()
        consumer = cast("BatchConsumer", self._app.consumer)
        if self._app.rebalancing or self._app.should_stop or not self._app.tables.actives_ready:
            return
        if dropped := consumer.dropped():
            # Faust empties its queues at a rebalance, now and then after the first batches that follow it were put there.
            _log.warning("batches did not reach the agent; they are read again", partitions=[str(tp) for tp in dropped])
            consumer.go_back()
            return
        for partition in consumer.assigned_partitions():
            # In a backlog a link may stand right behind what waits for it; nothing is late before all is read.
            if consumer.caught_up(partition) and not self._app.rebalancing:
                await self._app.job.expire(partition, now())


class _ChangelogLook:
    """What is done now and then: see that the changelog is still what was written to it."""

    def __init__(self, app: ProcessorApp, checkpoint: Checkpoint) -> None:
        self._app = app
        self._checkpoint = checkpoint

    async def __call__(self) -> None:
        count = self._app.rebalancing_count
        if not self._app.rebalancing and not self._app.should_stop and self._app.tables.actives_ready:
            await self._checkpoint.look_after_the_changelog(lambda: self._app.rebalancing_count == count)


def _or_end(work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        await ending_the_process(work())

    return run
