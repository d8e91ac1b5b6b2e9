"""Back-fill: what a replay came to is published, where it is not behind what is live.

Trails and findings carry a revision, by which the index keeps the newer of two. The topics are compacted: there the last one
stays. So nothing is published that has a lower revision than what stands on its topic, and what the live application writes
meanwhile is put back on top where a back-fill came behind it. Findings go out before trails, as they do live.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import FINDINGS, RECORDS, TRAILS, Topic

from pipetrail_processors.replay.crew import Outcome
from pipetrail_processors.replay.frames import Pair
from pipetrail_processors.replay.kafka import KafkaHistory
from pipetrail_processors.replay.store import Store
from pipetrail_processors.transport.outbox import Outbox

_DELIVERY_TIMEOUT_S = 120.0
_UNFLUSHED_BYTES = 64 * 1024 * 1024
_MEMORY_BYTES = 128 * 1024 * 1024
_KINDS = {TRAILS: "trail", FINDINGS: "finding"}


@dataclass(slots=True)
class Filled:
    """What became of the outcome of one topic: published; left out because the same, or a newer one, stands there; put back."""

    topic: str
    published: int = 0
    same: int = 0
    newer: int = 0
    put_back: int = 0


def standing(kafka: KafkaConnection, topic: Topic, folder: Path) -> tuple[Store, dict[int, int]]:
    """Of each key of a compacted topic what the index has, the newest revision; and the offsets of the topic's end.

    Args:
        kafka: where it is.
        topic: which.
        folder: for what does not fit into memory.

    Raises:
        BrokerError: Kafka fails.
        StateError: the disk does.
    """
    store = Store(folder, limit=_MEMORY_BYTES)
    history = KafkaHistory(kafka, topic)
    for message in history:
        key, value = message.key or b"", message.value
        before = store.get(key)
        if value is None or before is None or revision_of(value, topic) >= revision_of(before, topic):
            store.update({key: value})
    return store, history.ends


def fill(outcome: Outcome, kafka: KafkaConnection, folder: Path, wanted: Callable[[bytes], bool]) -> list[Filled]:
    """Publish what came of a replay.

    Args:
        outcome: of the first set of rules; records among it where they are to be published.
        kafka: where to.
        folder: for what does not fit into memory.
        wanted: whether a record, trail or finding is to be published.

    Raises:
        BrokerError: Kafka fails.
        StateError: the disk does.
    """
    outbox = Outbox(kafka, delivery_timeout_s=_DELIVERY_TIMEOUT_S)
    records = Filled(RECORDS.name)
    for name, value in outcome.latest(RECORDS):
        if wanted(value):
            _send(outbox, RECORDS, name.rpartition(b"\0")[0], value)
            records.published += 1
    told = [records]
    for topic in (FINDINGS, TRAILS):
        pairs = (pair for pair in outcome.latest(topic) if wanted(pair[1]))
        told.append(_fill_topic(outbox, topic, pairs, kafka, folder))
    outbox.flush(_never)
    return told


def _fill_topic(outbox: Outbox, topic: Topic, pairs: Iterator[Pair], kafka: KafkaConnection, folder: Path) -> Filled:
    live, ends = standing(kafka, topic, folder / topic.name)
    done = Filled(topic.name)
    published: set[bytes] = set()
    for key, value in pairs:
        before = live.get(key)
        if before == value:
            done.same += 1
        elif before is not None and revision_of(before, topic) > revision_of(value, topic):
            done.newer += 1
        else:
            _send(outbox, topic, key, value)
            published.add(key)
            done.published += 1
    live.close()
    outbox.flush(_never)
    done.put_back = _put_back(outbox, topic, published, kafka, ends)
    return done


def _put_back(outbox: Outbox, topic: Topic, published: set[bytes], kafka: KafkaConnection, ends: dict[int, int]) -> int:
    """Publish again what the live application wrote while the back-fill did, and what an older one came behind."""
    best: dict[bytes, bytes] = {}
    last: dict[bytes, bytes] = {}
    for message in KafkaHistory(kafka, topic, ends):
        key, value = message.key or b"", message.value
        if key not in published or value is None:
            continue
        last[key] = value
        if key not in best or revision_of(value, topic) >= revision_of(best[key], topic):
            best[key] = value
    overtaken = [key for key, value in last.items() if revision_of(value, topic) < revision_of(best[key], topic)]
    for key in overtaken:
        _send(outbox, topic, key, best[key])
    outbox.flush(_never)
    return len(overtaken)


def revision_of(value: bytes, topic: Topic) -> int:
    """The revision of a trail or finding."""
    revision: int = orjson.loads(value)["pipetrail"][_KINDS[topic]]["revision"]
    return revision


def _send(outbox: Outbox, topic: Topic, key: bytes, value: bytes) -> None:
    outbox.put(topic.name, key, value)
    if outbox.unflushed_bytes > _UNFLUSHED_BYTES:
        outbox.flush(_never)


def _never() -> bool:
    # A message that Kafka does not take fails by itself after the delivery timeout.
    return False
