"""Waits until everything that was sent has been processed and indexed: Kafka's consumer groups have read to the ends.

It asks only Kafka; what the programs keep in memory is none of its business, since they commit when it is safe elsewhere.
"""

import time
from collections.abc import Callable, Iterable

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # it re-exports without saying so
from pipetrail_processors.settings import ProcessSettings
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import DEAD_LETTERS, EVENTS, FINDINGS, LINKS, RECORDS, RESOLVED, TRAILS, Topic
from pipetrail_sinks.settings import IndexSettings

from pipetrail_deploy.demo.errors import DemoError

# In the order of the way: the processor reads what it writes itself, the sink what the processor writes.
READERS: tuple[tuple[str, tuple[Topic, ...]], ...] = (
    (ProcessSettings.model_fields["group"].default, (EVENTS, RESOLVED, LINKS)),
    (IndexSettings.model_fields["group"].default, (RECORDS, TRAILS, FINDINGS, DEAD_LETTERS)),
)
_STALLED_S = 240.0  # without any progress; a large history takes minutes, and moves all the time
_POLL_S = 0.25
_REQUEST_S = 30.0


def wait_until_drained(kafka: KafkaConnection, told: Callable[[int], None]) -> None:
    """Wait until both programs have read everything; `told` is given the messages left, now and then.

    Raises:
        DemoError: Kafka does not answer, or nothing moves any more.
    """
    admin = AdminClient({**kafka.client_config(), "log_level": 2})
    for group, topics in READERS:
        names = [topic.name for topic in topics]
        deadline, least = time.monotonic() + _STALLED_S, None
        while left := lag(admin, group, names):
            told(left)
            if least is None or left < least:
                deadline, least = time.monotonic() + _STALLED_S, left
            elif time.monotonic() > deadline:
                raise DemoError(f"group {group} has {left} messages left and has read none for {_STALLED_S:.0f} s")
            time.sleep(_POLL_S)


def lag(admin: AdminClient, group: str, topics: Iterable[str]) -> int:
    """How many messages of the topics the group has not committed yet.

    Raises:
        DemoError: Kafka does not answer.
    """
    try:
        # Committed first: what is written meanwhile makes it look later than it is, never earlier.
        committed = _committed(admin, group)
        return sum(end - min(end, max(committed.get(place, 0), 0)) for place, end in _ends(admin, topics).items())
    except KafkaException as exc:
        raise DemoError(f"Kafka does not say how far group {group} is: {exc.args[0].str()}") from exc


def _committed(admin: AdminClient, group: str) -> dict[tuple[str, int], int]:
    futures = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=_REQUEST_S)
    return {(one.topic, one.partition): one.offset for one in futures[group].result(_REQUEST_S).topic_partitions}


def _ends(admin: AdminClient, topics: Iterable[str]) -> dict[tuple[str, int], int]:
    found = admin.list_topics(timeout=_REQUEST_S).topics
    places = [TopicPartition(name, partition) for name in topics for partition in found[name].partitions]
    newest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call] # the library says no types here
    futures = admin.list_offsets(dict.fromkeys(places, newest), request_timeout=_REQUEST_S)
    return {(place.topic, place.partition): future.result(_REQUEST_S).offset for place, future in futures.items()}
