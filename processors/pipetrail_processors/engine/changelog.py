"""What Kafka says of the changelog: the facts that `lineage` judges by. Blocks."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # it re-exports without saying so
from pipetrail_schemas.connection import KafkaConnection

from pipetrail_processors.engine.lineage import Log
from pipetrail_processors.errors import BrokerError

if TYPE_CHECKING:
    from concurrent.futures import Future

# What is younger has its removals: the changelog keeps them for seven days (`topics_admin.changelog_topic`), clocks may differ.
_REMOVALS_KEPT = timedelta(days=6)
# Seconds between two questions, and between two looks at whether it has been enough.
_LOOK_S = 0.5


class Changelog:
    """The changelog topic."""

    def __init__(self, kafka: KafkaConnection, topic: str, give_up: Callable[[], bool]) -> None:
        """Connect in the background.

        Args:
            kafka: where it is.
            topic: its name.
            give_up: says, every half second, whether to stop waiting for a Kafka that does not answer.
        """
        self._admin = AdminClient({**kafka.client_config(), "log_level": 2})
        self._give_up = give_up
        self.topic = topic

    def look(self, partitions: Iterable[int], within_s: float) -> dict[int, Log]:
        """How it stands, by partition; asked again until there is an answer, for so many seconds.

        Raises:
            BrokerError: Kafka does not answer, or has no such topic.
        """
        wanted = [TopicPartition(self.topic, number) for number in partitions]
        deadline = monotonic() + within_s
        while wanted:
            try:
                return self._look(wanted, within_s, deadline)
            except BrokerError:  # while it starts, it has neither topics nor leaders
                if monotonic() > deadline or self._give_up():
                    raise
                sleep(_LOOK_S)
        return {}

    def _look(self, wanted: list[TopicPartition], within_s: float, deadline: float) -> dict[int, Log]:
        described = self._admin.describe_topics(TopicCollection([self.topic]), request_timeout=within_s)
        identity = str(self._result(described[self.topic], deadline).topic_id)
        old = int((datetime.now(UTC) - _REMOVALS_KEPT).timestamp() * 1000)
        specs = (OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.for_timestamp(old))  # type: ignore[no-untyped-call]
        begin, end, young = (self._offsets(wanted, spec, within_s, deadline) for spec in specs)
        # Kafka says -1 where nothing is as young as that.
        return {
            number: Log(identity, begin[number], end[number], young[number] if young[number] >= 0 else end[number])
            for number in begin
        }

    def _offsets(self, wanted: list[TopicPartition], spec: OffsetSpec, within_s: float, deadline: float) -> Mapping[int, int]:
        futures = self._admin.list_offsets(dict.fromkeys(wanted, spec), request_timeout=within_s)
        return {place.partition: self._result(future, deadline).offset for place, future in futures.items()}

    def _result(self, future: "Future[Any]", deadline: float) -> Any:
        while True:
            try:
                return future.result(_LOOK_S)
            except TimeoutError as exc:
                if monotonic() > deadline or self._give_up():
                    raise BrokerError("Kafka does not say how the changelog stands") from exc
            except KafkaException as exc:
                raise BrokerError(f"Kafka does not say how the changelog stands: {exc}") from exc
