"""What is live: the trails or findings of OpenSearch, or the latest on their Kafka topic, to hold a replay against."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
from pipetrail_processors.replay.backfill import standing
from pipetrail_processors.replay.store import Store
from pipetrail_schemas import connection
from pipetrail_schemas.check import lookup
from pipetrail_schemas.topics import TRAILS, Topic

from pipetrail_review import kinds, options
from pipetrail_review.query import EVERYTHING
from pipetrail_review.replay_history import KAFKA

_MEMORY_BYTES = 128 * 1024 * 1024


@contextmanager
def live(place: str, topic: Topic, folder: Path) -> Iterator[Store]:
    """The documents by id, for as long as the context lasts.

    Args:
        place: Kafka or OpenSearch.
        topic: trails or findings.
        folder: for what does not fit into memory.

    Raises:
        PipetrailError: they cannot be read.
    """
    if place == KAFKA:
        store, _ = standing(connection.load().require_kafka(), topic, folder)
    else:
        store = _indexed(topic, folder)
    try:
        yield store
    finally:
        store.close()


def _indexed(topic: Topic, folder: Path) -> Store:
    store = Store(folder, limit=_MEMORY_BYTES)
    kind = kinds.TRAILS if topic is TRAILS else kinds.FINDINGS
    with options.client() as client:
        for document in client.scan(kind, EVERYTHING):
            name = lookup(document, kind.tie_break)
            store.put(str(name).encode(), orjson.dumps(document))
    return store
