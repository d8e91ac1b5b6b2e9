"""Faust's producer, reduced to what the processor lets Faust do with it: nothing is sent, and a flush is a checkpoint.

Faust flushes the producer before it commits offsets, before partitions are handed over, and at the end; that is where "all
that came of the events is durable" has to hold. What is written goes through `Outbox`.
"""

from typing import TYPE_CHECKING, cast

from faust.transport import base

if TYPE_CHECKING:
    from pipetrail_processors.transport.driver import BatchTransport


class CheckpointProducer(base.Producer):
    """What Faust takes for its producer; its `send` raises NotImplementedError, since nothing may go past the outbox."""

    async def flush(self) -> None:
        """Make all that was written durable; raises when that fails, so that no offset is committed."""
        await cast("BatchTransport", self.transport).wiring.flush()
