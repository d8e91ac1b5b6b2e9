"""The state on disk: a RocksDB a partition, filled again from its changelog topic by Faust where it is missing or behind.

Faust knows the table for assignment and recovery. It is never written through Faust: `Checkpoint` writes changelog and disk.
"""

from collections.abc import Mapping
from typing import Any, cast

import faust
import rocksdict
from faust.stores import rocksdb
from faust.types import TP
from faust.types.stores import StoreT

from pipetrail_processors.errors import StateError
from pipetrail_processors.partition_state import PartitionState

NAME = "state"
_MB = 1024 * 1024
# A worker may own all partitions, and must stay under 1 GiB; Faust's own figures allow 2 GB for each of them.
_STORE_OPTIONS = {
    "write_buffer_size": 8 * _MB,
    "max_write_buffer_number": 2,
    "target_file_size_base": 32 * _MB,
    "block_cache_size": 16 * _MB,
    "bloom_filter_size": 10,  # bits a key: most reads are for keys that are new, and then touch no file
}


class StateStore(rocksdb.Store):
    """Faust's store, read and written by partition, with what was written and how far the changelog is in one write."""

    def read(self, partition: int, key: bytes) -> bytes | None:
        """The value of the key in a partition.

        Raises:
            StateError: RocksDB failed.
        """
        try:
            return cast("bytes | None", self._db_for_partition(partition).get(key))
        except Exception as exc:  # rocksdict raises Exception itself
            raise StateError(f"the state of partition {partition} cannot be read: {exc}") from exc

    def write(self, partition: int, changes: Mapping[bytes, bytes | None], offset: int) -> None:
        """Write changes (None removes) that stand in the changelog up to the offset.

        Raises:
            StateError: RocksDB failed.
        """
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(self.offset_key, str(offset).encode())
        try:
            self._db_for_partition(partition).write(batch)
        except Exception as exc:  # as above
            raise StateError(f"the state of partition {partition} cannot be written: {exc}") from exc


class StateTable(faust.Table):  # type: ignore[type-arg]
    """The one table of the processor: bytes to bytes."""

    def __init__(self, app: faust.App, *, partitions: int) -> None:
        super().__init__(app, name=NAME, partitions=partitions, key_type=bytes, value_type=bytes)
        self._states: dict[int, PartitionState] = {}

    def of(self, partition: int) -> PartitionState:
        """The state of a partition that this worker has."""
        found = self._states.get(partition)
        if found is None:
            store = self.store
            found = self._states[partition] = PartitionState(lambda key: store.read(partition, key))
        return found

    def pending(self) -> dict[int, dict[bytes, bytes | None]]:
        """The writes of each partition that are not durable yet."""
        return {partition: state.pending for partition, state in self._states.items() if state.pending}

    def store_durable(self, partition: int, offset: int) -> None:
        """Write to disk what is pending for a partition, now that it stands in the changelog up to the offset."""
        state = self._states[partition]
        self.store.write(partition, state.pending, offset)
        state.pending = {}

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
            driver="rocksdict",
            options=dict(_STORE_OPTIONS),
        )
