"""Bytes by key: in memory while they are few, and on disk from then on, so that a history of any length can be replayed."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import rocksdict

from pipetrail_processors.errors import StateError

# What an entry costs beside its bytes, as Python objects.
_ENTRY_BYTES = 150
_CACHE_BYTES = 32 * 1024 * 1024
_WRITE_BUFFER_BYTES = 16 * 1024 * 1024
_BLOOM_BITS = 10  # most reads are for keys that are new, and then touch no file


class Store:
    """One process's, and gone with its folder: nothing is written to be found again after a crash."""

    def __init__(self, folder: Path, *, limit: int) -> None:
        """Make an empty one.

        Args:
            folder: where to go to; made when it is needed.
            limit: how many bytes stay in memory.
        """
        self._folder = folder
        self._limit = limit
        self._fresh: dict[bytes, bytes | None] = {}
        self._bytes = 0
        self._disk: rocksdict.Rdict | None = None

    def get(self, key: bytes) -> bytes | None:
        """The value of the key, None where there is none.

        Raises:
            StateError: the disk failed.
        """
        if key in self._fresh:
            return self._fresh[key]
        if self._disk is None:
            return None
        try:
            return cast("bytes | None", self._disk.get(key))
        except Exception as exc:  # rocksdict raises Exception itself
            raise StateError(f"the replay's state cannot be read: {exc}") from exc

    def put(self, key: bytes, value: bytes) -> None:
        """Write one value; as `update`."""
        self.update({key: value})

    def update(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Write changes; None removes.

        Raises:
            StateError: the disk failed.
        """
        for key, value in changes.items():
            before = self._fresh.get(key)
            self._bytes += len(value or b"") - len(before or b"")
            if key not in self._fresh:
                self._bytes += len(key) + _ENTRY_BYTES
        self._fresh.update(changes)
        if self._bytes > self._limit:
            self._spill()

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All that there is, in order of the keys."""
        if self._disk is not None:
            self._spill()
            yield from cast("Iterator[tuple[bytes, bytes]]", self._disk.items())
            return
        yield from sorted((key, value) for key, value in self._fresh.items() if value is not None)

    def close(self) -> None:
        """Let go of the files."""
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    def _spill(self) -> None:
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in self._fresh.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            if self._disk is None:
                self._folder.mkdir(parents=True)
                self._disk = rocksdict.Rdict(str(self._folder), _options())
            self._disk.write(batch, _unlogged())
        except Exception as exc:  # as above
            raise StateError(f"the replay's state cannot be written: {exc}") from exc
        self._fresh, self._bytes = {}, 0


def _options() -> Any:
    blocks = rocksdict.BlockBasedOptions()
    blocks.set_bloom_filter(_BLOOM_BITS, False)  # noqa: FBT003 - rocksdict's own signature
    blocks.set_block_cache(rocksdict.Cache(_CACHE_BYTES))
    options = rocksdict.Options(raw_mode=True)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    return options


def _unlogged() -> Any:
    options = rocksdict.WriteOptions()
    options.disable_wal = True  # type: ignore[method-assign,assignment] # a property, which rocksdict's stub does not know
    return options
