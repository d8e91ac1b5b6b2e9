"""Faust's transport with our consumer and producer, and what they need to know from the application."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from faust.transport.drivers import aiokafka as driver
from faust.types import AppT
from faust.types.transports import ConsumerT, ProducerT

from pipetrail_processors.transport.consumer import BatchConsumer
from pipetrail_processors.transport.producer import CheckpointProducer


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the transport is told.

    Attributes:
        batched: topics whose messages come in batches; the others (changelogs) come one by one.
        compacted: topics whose offsets have holes by nature.
        client: keyword arguments of the aiokafka consumer: where the cluster is and how to get in.
        flush: makes all that was written durable; raises when it cannot.
        mark: what is to be committed with the offsets of a partition.
    """

    batched: frozenset[str]
    compacted: frozenset[str]
    client: Mapping[str, Any]
    flush: Callable[[], Awaitable[None]]
    mark: Callable[[int], str]


class BatchTransport(driver.Transport):
    """What `app.transport` is set to."""

    Consumer: ClassVar[type[ConsumerT]] = BatchConsumer
    Producer: ClassVar[type[ProducerT]] = CheckpointProducer

    def __init__(self, app: AppT, wiring: Wiring) -> None:
        super().__init__(app.conf.broker_consumer, app)
        self.wiring = wiring
