"""The state of one partition as the pure core sees it: what is stored, with the writes above it that are not yet durable.

Writes stay in memory until they are in the changelog; only then do they reach the disk. So the disk never holds what the
changelog lacks, and a repeated event that finds its fact in the state can rely on its being in the changelog, too.
"""

from collections.abc import Callable

from pipetrail_schemas.topics import MAX_MESSAGE_BYTES

from pipetrail_processors.engine.packing import pack, unpack
from pipetrail_processors.errors import TooLargeError

# A value becomes a message of the changelog; its key, headers and frame need room as well.
MAX_VALUE_BYTES = MAX_MESSAGE_BYTES - 64 * 1024

Read = Callable[[bytes], bytes | None]


class PartitionState:
    """Implements `State`. Writes belong to the record at hand until `keep`, and are gone with `drop`."""

    def __init__(self, read: Read) -> None:
        """Make a view.

        Args:
            read: gives what is kept under a key, packed; None for nothing.
        """
        self._read = read
        self._fresh: dict[bytes, bytes | None] = {}
        self.pending: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value of the key, None where there is none.

        Raises:
            StateError: the store failed.
        """
        if key in self._fresh:
            return self._fresh[key]
        if key in self.pending:
            return self.pending[key]
        kept = self._read(key)
        return None if kept is None else unpack(kept)

    def set(self, key: bytes, value: bytes) -> None:
        """Write the value of the key.

        Raises:
            TooLargeError: the value does not fit into a message of the changelog.
        """
        if len(value) > MAX_VALUE_BYTES and (size := len(pack(value))) > MAX_VALUE_BYTES:
            raise TooLargeError(f"a value of the state has {size} bytes; at most {MAX_VALUE_BYTES} fit into a message")
        self._fresh[key] = value

    def delete(self, key: bytes) -> None:
        """Remove the key; it need not be there."""
        self._fresh[key] = None

    def keep(self) -> None:
        """The record at hand went well: its writes stay."""
        self.pending.update(self._fresh)
        self._fresh = {}

    def packed(self) -> dict[bytes, bytes | None]:
        """The writes that are not durable yet, as they are to be kept."""
        return {key: None if value is None else pack(value) for key, value in self.pending.items()}

    def drop(self) -> None:
        """The record at hand failed: as if it had written nothing."""
        self._fresh = {}
