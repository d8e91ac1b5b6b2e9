"""A worker under watch: its health, its figures, and the look at itself that it takes every second in its event loop."""

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, cast

import structlog
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.service.figures import Figures, Rate
from pipetrail_schemas.service.health import Health
from pipetrail_schemas.service.kafka_lag import KafkaLag
from pipetrail_schemas.service.lag import total
from pipetrail_schemas.service.watched import Watch

from pipetrail_processors.correlate.foreign import held, let_go
from pipetrail_processors.correlate.waiting import waits
from pipetrail_processors.operation.seen import Seen
from pipetrail_processors.settings import ProcessSettings
from pipetrail_processors.state.tally import trails

if TYPE_CHECKING:
    from pipetrail_processors.engine.app import ProcessorApp
    from pipetrail_processors.transport.consumer import BatchConsumer

# Where a processor's pages are looked for. Several on one machine: the others take free ports, and the log says which.
USUAL_PORT = 8490
# Seconds between two looks into the state; they cost a few reads a partition, and trails come and go slowly.
_STATE_EVERY_S = 10.0
# Seconds between two lines in the log that say how it goes.
_TELL_EVERY_S = 30.0
_RECOVERING = "is being recovered from Kafka"
_REBALANCING = "partitions are being handed over, or their state is being recovered"

_log = structlog.get_logger("pipetrail.process")


class Operation:
    """What there is to watch of a worker. `look` and `recovered` are called in its event loop."""

    def __init__(
        self, app: "ProcessorApp", settings: ProcessSettings, kafka: KafkaConnection, reference_problem: Callable[[], str]
    ) -> None:
        """Begin, not ready.

        Args:
            app: the worker's.
            settings: how it runs.
            kafka: where it is asked how far the group is behind.
            reference_problem: gives why the reference data in their folder are not in force; "" when they are.

        Raises:
            SettingError: a property of the connection is none that librdkafka knows.
        """
        self._app = app
        self._seen = Seen(committed=monotonic())
        self._commits = 0
        self._looked_at_state = self._told = float("-inf")
        self._told_messages = 0
        self.health = Health(
            starting={"state": _RECOVERING},
            needs=["Kafka"],
            # A worker that stands still for one session ends by itself; where not even that works, somebody must end it.
            stuck_after_s=2 * settings.session_timeout_s,
            away_after_s=settings.away_after_s,
        )
        self.lag = KafkaLag(kafka, settings.group, lambda: self._seen.assigned)
        self._rate = Rate(lambda: app.job.counts.messages, monotonic)
        self._reference_problem = reference_problem

    @property
    def watch(self) -> Watch:
        """For `service.watched`."""
        return Watch(self.health, self._figures(), {"Kafka": self.lag.look}, (self._rate.look,))

    def recovered(self) -> None:
        """The state is there and partitions are assigned."""
        self.health.set("state", "")

    def look(self) -> None:
        """Look at the worker; called every second."""
        app = self._app
        busy = app.rebalancing or not app.tables.actives_ready
        self.health.set("state", _REBALANCING if busy else "")
        consumer = cast("BatchConsumer", app.consumer)
        now = monotonic()
        self._seen.assigned = consumer.assigned()
        self._seen.in_hand = consumer.in_hand()
        if consumer.commits != self._commits or consumer.all_committed():
            self._commits, self._seen.committed = consumer.commits, now
        if not busy and now - self._looked_at_state >= _STATE_EVERY_S:
            self._looked_at_state = now
            states = [app.state_table.of(partition) for partition in consumer.assigned_partitions()]
            self._seen.trails, self._seen.waits = sum(map(trails, states)), sum(map(waits, states))
            self._seen.held, self._seen.let_go = sum(map(held, states)), sum(map(let_go, states))
        if now - self._told >= _TELL_EVERY_S:
            self._tell(now)

    def _tell(self, now: float) -> None:
        messages = self._app.job.counts.messages
        lag = total(self.lag.by_topic().values())
        if messages != self._told_messages or lag.messages:
            _log.info(
                "progress",
                messages=messages - self._told_messages,
                per_second=round(self._rate.per_second(), 1),
                lag_messages=lag.messages,
                lag_seconds=round(lag.seconds, 1),
                dead_letters=self._app.job.counts.refused,
            )
        self._told, self._told_messages = now, messages

    def _figures(self) -> Figures:
        figures, counts, seen = Figures("process"), self._app.job.counts, self._seen
        figures.counter("messages", "Messages that were worked through", lambda: counts.messages)
        figures.counter("outputs", "Messages that came of them", lambda: counts.outputs)
        figures.counter("dead_letters", "Messages that were refused", lambda: counts.refused)
        figures.gauge("messages_per_second", "Messages worked through, average of a minute", self._rate.per_second)
        figures.gauge("lag_messages", "Messages that are not committed", self.lag.messages, label="topic")
        figures.gauge("lag_seconds", "Age of the oldest message that is not committed", self.lag.seconds)
        figures.gauge("trails_open", "Trails in the state of this worker's partitions", lambda: seen.trails)
        figures.gauge("aliases_waiting", "Aliases that wait for what they belong to", lambda: seen.waits)
        figures.gauge("unresolved_events", "Events that no single repository claims", lambda: seen.held)
        figures.gauge("unresolved_let_go", "Of these, let go because there were too many", lambda: seen.let_go)
        figures.gauge(
            "seconds_since_commit",
            "Since something was committed, or there was nothing to commit",
            lambda: monotonic() - seen.committed,
        )
        figures.gauge("partitions", "Partitions of the source topics that this worker has", lambda: len(seen.assigned))
        figures.gauge("in_hand_messages", "Messages that were read and are not worked through", lambda: seen.in_hand)
        figures.gauge("unacknowledged_bytes", "What was written and Kafka may not have yet", self._app.job.unacknowledged_bytes)
        figures.gauge("reference_bad", "1: the reference folder is bad, older data are in force", self._reference_bad)
        return figures

    def _reference_bad(self) -> float:
        return bool(self._reference_problem())
