"""What Kafka says of the changelog: the facts that `lineage` judges by. Blocks."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # it re-exports without saying so
from pipetrail_schemas.connection import KafkaConnection

from pipetrail_processors.errors import BrokerError
from pipetrail_processors.lineage import Log

if TYPE_CHECKING:
    from concurrent.futures import Future

# What is younger has its removals: the changelog keeps them for seven days (`topics_admin.changelog_topic`), clocks may differ.
_REMOVALS_KEPT = timedelta(days=6)


class Changelog:
    """The changelog topic."""

    def __init__(self, kafka: KafkaConnection, topic: str) -> None:
        """Connect in the background."""
        self._admin = AdminClient({**kafka.client_config(), "log_level": 2})
        self.topic = topic

    def look(self, partitions: Iterable[int], within_s: float) -> dict[int, Log]:
        """How it stands, by partition; each of four answers must come within so many seconds.

        Raises:
            BrokerError: Kafka does not answer, or has no such topic.
        """
        wanted = [TopicPartition(self.topic, number) for number in partitions]
        if not wanted:
            return {}
        described = self._admin.describe_topics(TopicCollection([self.topic]), request_timeout=within_s)
        identity = str(_result(described[self.topic], within_s).topic_id)
        old = int((datetime.now(UTC) - _REMOVALS_KEPT).timestamp() * 1000)
        specs = (OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.for_timestamp(old))  # type: ignore[no-untyped-call]
        begin, end, young = (self._offsets(wanted, spec, within_s) for spec in specs)
        # Kafka says -1 where nothing is as young as that.
        return {
            number: Log(identity, begin[number], end[number], young[number] if young[number] >= 0 else end[number])
            for number in begin
        }

    def _offsets(self, wanted: Iterable[TopicPartition], spec: OffsetSpec, within_s: float) -> Mapping[int, int]:
        futures = self._admin.list_offsets(dict.fromkeys(wanted, spec), request_timeout=within_s)
        return {place.partition: _result(future, within_s).offset for place, future in futures.items()}


def _result(future: "Future[Any]", within_s: float) -> Any:
    try:
        return future.result(within_s)
    except (KafkaException, TimeoutError) as exc:
        raise BrokerError(f"Kafka does not say how the changelog stands: {exc}") from exc
