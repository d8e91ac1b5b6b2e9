"""A sink under watch: its health and its figures, the same for all sinks."""

from collections.abc import Callable, Mapping
from time import monotonic

from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.service.figures import Figures, Rate
from pipetrail_schemas.service.health import Health
from pipetrail_schemas.service.kafka_lag import KafkaLag
from pipetrail_schemas.service.settings import WatchedSettings
from pipetrail_schemas.service.watched import Watch

from pipetrail_sinks.seen import Seen

# A turn takes some milliseconds, one that hands partitions over two seconds.
_STUCK_AFTER_S = 30.0
_NO_PARTITIONS = "none are assigned"


class Operation:
    """What there is to watch of a sink. Give `seen` to its runner."""

    def __init__(
        self,
        program: str,
        kafka: KafkaConnection,
        group: str,
        settings: WatchedSettings,
        asks: Mapping[str, Callable[[], None]] | None = None,
    ) -> None:
        """Begin, not ready.

        Args:
            program: the verb, which the figures are named after.
            kafka: where it is asked how far the group is behind.
            group: the sink's consumer group.
            settings: when a system counts as away.
            asks: by system that the sink needs besides Kafka, a function that raises when it does not answer.

        Raises:
            SettingError: a property of the connection is none that librdkafka knows.
        """
        self.seen = Seen(turned=self._turned)
        lag = KafkaLag(kafka, group, lambda: self.seen.assigned)
        self._asks = {"Kafka": lag.look, **(asks or {})}
        self._health = Health(
            starting={"partitions": _NO_PARTITIONS},
            needs=self._asks,
            stuck_after_s=_STUCK_AFTER_S,
            away_after_s=settings.away_after_s,
        )
        self._rate = Rate(lambda: self.seen.written + self.seen.refused, monotonic)
        self.figures = _figures(program, self.seen, lag, self._rate)

    @property
    def watch(self) -> Watch:
        """For `service.watched`."""
        return Watch(self._health, self.figures, self._asks, (self._rate.look,))

    def _turned(self) -> None:
        self._health.beat()
        self._health.set("partitions", "" if self.seen.assigned else _NO_PARTITIONS)


def _figures(program: str, seen: Seen, lag: KafkaLag, rate: Rate) -> Figures:
    figures = Figures(program)
    figures.counter("messages", "Messages that are accounted for", lambda: seen.written + seen.refused)
    figures.counter("dead_letters", "Messages that were refused", lambda: seen.refused)
    figures.gauge("messages_per_second", "Messages accounted for, average of a minute", rate.per_second)
    figures.gauge("lag_messages", "Messages that are not committed", lag.messages, label="topic")
    figures.gauge("lag_seconds", "Age of the oldest message that is not committed", lag.seconds)
    figures.gauge(
        "seconds_since_commit",
        "Since messages were accounted for, or there were none",
        lambda: monotonic() - seen.settled,
    )
    figures.gauge("partitions", "Partitions that this sink has", lambda: len(seen.assigned))
    figures.gauge("in_hand_messages", "Messages that were taken and are not accounted for", lambda: seen.held)
    figures.gauge("paused", "1: nothing is taken, since the target is slow", lambda: seen.paused)
    return figures
