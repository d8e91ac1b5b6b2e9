"""The table that Faust knows for assignment and recovery. It is never written through Faust.

`Checkpoint` writes changelog and disk. A partition whose disk is missing or behind is filled from the changelog by `refill`.
"""

from typing import TYPE_CHECKING, Any, cast

import faust
from faust.types import TP
from faust.types.stores import StoreT
from pipetrail_schemas.connection import KafkaConnection

from pipetrail_processors.engine.partition_state import PartitionState
from pipetrail_processors.engine.store import StateStore

if TYPE_CHECKING:
    from pipetrail_processors.engine.custody import Custody

NAME = "state"


class StateTable(faust.Table):  # type: ignore[type-arg]
    """The one table of the processor: bytes to bytes."""

    def __init__(self, app: faust.App, kafka: KafkaConnection, *, partitions: int) -> None:
        super().__init__(app, name=NAME, partitions=partitions, key_type=bytes, value_type=bytes)
        self.kafka = kafka
        self.custody: Custody  # put in by `app`, since it needs the table
        self._states: dict[int, PartitionState] = {}
        self._packed: dict[int, dict[bytes, bytes | None]] = {}

    def of(self, partition: int) -> PartitionState:
        """The state of a partition that this worker has."""
        found = self._states.get(partition)
        if found is None:
            store = self.store
            found = self._states[partition] = PartitionState(lambda key: store.read(partition, key))
        return found

    def pending(self) -> dict[int, dict[bytes, bytes | None]]:
        """The writes of each partition that are not durable yet, as they are to be kept."""
        self._packed = {partition: state.packed() for partition, state in self._states.items() if state.pending}
        return dict(self._packed)

    def store_durable(self, partition: int, offset: int) -> None:
        """Write to disk what `pending` gave for a partition, now that it stands in the changelog up to the offset."""
        self.store.write(partition, self._packed.pop(partition), offset)
        self._states[partition].pending = {}

    @property
    def store(self) -> StateStore:
        """Where it is on disk."""
        return cast("StateStore", self.data)

    async def on_rebalance(self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0) -> None:
        """Forget what is not durable: another worker may have written since. Its events are not committed, and come again."""
        self._states.clear()
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    def _new_store(self) -> StoreT[Any, Any]:
        return StateStore(
            "rocksdb://",
            self.app,
            self,
            table_name=self.name,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )
