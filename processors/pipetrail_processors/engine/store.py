"""The state on disk: a RocksDB a partition, all of them within one bound of memory.

Values are compressed before they come here (`packing`), so RocksDB does not try again. Most reads are for keys that are new,
and touch no file: bloom filters.
"""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import rocksdict
from faust.stores import rocksdb

from pipetrail_processors.errors import StateError

_MB = 1024 * 1024
# What all partitions of a worker share: it may own all of them, and must stay under 1 GiB with a million trails. Faust's own
# figures allow 2 GB for each partition.
_CACHE_BYTES = 128 * _MB
_WRITE_BUFFERS_BYTES = 96 * _MB
# Of each partition: what is written to a file at once, and how large files become.
_WRITE_BUFFER_BYTES = 8 * _MB
_FILE_BYTES = 32 * _MB
# A node is 100 bytes to 3 kB. Larger blocks cost more to read, smaller ones a larger index in memory.
_BLOCK_BYTES = 8 * 1024
_BLOOM_BITS = 10  # a key; 1 % of the reads of keys that are new touch a file in vain
_OPEN_FILES = 64  # of each partition
_JOBS = 2
# How much more than the state the disk may hold, in per cent, before all of a partition is merged.
_SPARE_PERCENT = 100


# Begins the keys of what is noted about a disk; no key of the state does.
_NOTE = b"__pipetrail\0"


class _Options(rocksdb.RocksDBOptions):
    """How Faust's store opens a partition."""

    def __init__(self) -> None:
        super().__init__(use_rocksdict=True)
        self._cache = rocksdict.Cache(_CACHE_BYTES)
        self._buffers = rocksdict.WriteBufferManager(_WRITE_BUFFERS_BYTES, allow_stall=False)

    def open(self, path: Path, *, read_only: bool = False) -> rocksdict.Rdict:  # noqa: ARG002 - Faust's signature
        """Open or create a partition; Faust looks at the error's text to tell a locked one."""
        return rocksdict.Rdict(str(path), options=self.as_options())

    def as_options(self) -> rocksdict.Options:
        """RocksDB's options."""
        options = rocksdict.Options(raw_mode=True)
        options.create_if_missing(create_if_missing=True)
        options.set_max_open_files(_OPEN_FILES)
        options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
        options.set_max_write_buffer_number(2)
        options.set_write_buffer_manager(self._buffers)
        options.set_target_file_size_base(_FILE_BYTES)
        options.set_compression_type(rocksdict.DBCompressionType.none())
        options.set_max_background_jobs(_JOBS)
        # Files are merged with those of their size; by level, each few MB written would rewrite all of a partition.
        merging = rocksdict.UniversalCompactOptions()
        merging.max_size_amplification_percent = _SPARE_PERCENT
        options.set_compaction_style(rocksdict.DBCompactionStyle.universal())
        options.set_universal_compaction_options(merging)
        options.set_keep_log_file_num(2)
        table = rocksdict.BlockBasedOptions()
        table.set_block_size(_BLOCK_BYTES)
        table.set_block_cache(self._cache)
        table.set_bloom_filter(_BLOOM_BITS, block_based=False)
        options.set_block_based_table_factory(table)
        return options


class StateStore(rocksdb.Store):
    """Faust's store, read and written by partition, with what was written and how far the changelog is in one write."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, driver="rocksdict", **kwargs)
        self.rocksdb_options = _Options()
        # Held by whoever fills the store from the changelog (`refill`).
        self.refilling = threading.Lock()

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

    def reached(self, partition: int) -> int | None:
        """The offset of the changelog that the disk is at; None where nothing was written.

        Raises:
            StateError: RocksDB failed.
        """
        offset = self.read(partition, self.offset_key)
        return None if offset is None else int(offset)

    def note(self, partition: int, name: bytes, value: bytes) -> None:
        """Keep something about the disk, which is no part of the state.

        Raises:
            StateError: RocksDB failed.
        """
        try:
            self._db_for_partition(partition).put(_NOTE + name, value)
        except Exception as exc:  # as above
            raise StateError(f"the state of partition {partition} cannot be written: {exc}") from exc

    def noted(self, partition: int, name: bytes) -> bytes | None:
        """What was noted about the disk; None for nothing.

        Raises:
            StateError: RocksDB failed.
        """
        return self.read(partition, _NOTE + name)

    def kept(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """All of a partition's state, as it is kept.

        Raises:
            StateError: RocksDB failed.
        """
        try:
            for key, value in self._db_for_partition(partition).items():
                if key != self.offset_key and not key.startswith(_NOTE):
                    yield key, value
        except Exception as exc:  # as above
            raise StateError(f"the state of partition {partition} cannot be read: {exc}") from exc

    def empty(self, partition: int) -> None:
        """Remove all of a partition's state, and what is noted about it.

        Raises:
            StateError: RocksDB failed.
        """
        with self.refilling:
            try:
                if db := self._dbs.pop(partition, None):
                    db.close()
                rocksdict.Rdict.destroy(str(self.partition_path(partition)), options=self.rocksdb_options.as_options())
            except Exception as exc:  # as above
                raise StateError(f"the state of partition {partition} cannot be removed: {exc}") from exc
