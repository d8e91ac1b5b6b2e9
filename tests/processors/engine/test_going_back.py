"""A batch that got lost inside Faust: the consumer goes back for it. What it asks Kafka is played, in memory."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

from faust.types import TP
from pipetrail_processors.transport.batch import Batch, Progress
from pipetrail_processors.transport.consumer import BatchConsumer

PLACE = TP("pipetrail.events.v1", 3)


class Played(BatchConsumer):
    """A consumer whose fetches and seeks are written down instead of made."""

    def __init__(self) -> None:
        self.flow_active = True
        self.app = cast("Any", SimpleNamespace(consumer_generation_id=1))
        self.said: list[str] = []
        self._read_offset, self._committed_offset = {}, {}
        self._position, self._committed = {PLACE: 7}, {PLACE: 2}
        self._to_go_back = False
        self._progress = {PLACE: Progress()}

    should_stop = False

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """As of the thread."""
        self.said.append("seek")
        return {PLACE: 2}

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109, ARG002 - Faust's signature
        self.said.append("fetch")
        return {}, None


def batch(first: int, last: int) -> Batch:
    """Messages with these offsets."""
    return Batch([SimpleNamespace(topic=PLACE.topic, partition=PLACE.partition, offset=one) for one in (first, last)])


async def fetch(consumer: BatchConsumer) -> None:
    """Ask for more, as Faust does."""
    async for _ in consumer.getmany(1.0):
        pass


def test_what_was_lost_is_read_again_before_anything_else() -> None:
    """A later batch that is done shows that an earlier one was lost; the next fetch begins where nothing was lost yet."""
    consumer = Played()
    lost, later = batch(2, 4), batch(5, 6)
    for one in (lost, later):
        consumer._progress[PLACE].add(one)
    assert consumer.dropped() == []
    later.done = True
    assert consumer.dropped() == [PLACE]
    consumer.go_back()
    asyncio.run(fetch(consumer))
    assert consumer.said == ["seek", "fetch"]
    assert (consumer._position, consumer._read_offset, consumer.dropped()) == ({PLACE: 2}, {PLACE: 2}, [])
    asyncio.run(fetch(consumer))
    assert consumer.said == ["seek", "fetch", "fetch"]
