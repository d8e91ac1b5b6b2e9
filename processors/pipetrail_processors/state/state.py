"""The state that the pure core works on: a key-value view of one partition. Bytes to bytes, no scan, no transaction."""

from typing import Protocol


class State(Protocol):
    """What the engine gives: reads see earlier writes of the same view."""

    def get(self, key: bytes) -> bytes | None:
        """The value of the key, None where there is none."""
        ...

    def set(self, key: bytes, value: bytes) -> None:
        """Write the value of the key."""
        ...

    def delete(self, key: bytes) -> None:
        """Remove the key; it need not be there."""
        ...


class MemoryState:
    """A state in a dictionary: for tests, for replay and for what need not outlive the process."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value of the key, None where there is none."""
        return self.values.get(key)

    def set(self, key: bytes, value: bytes) -> None:
        """Write the value of the key."""
        self.values[key] = value

    def delete(self, key: bytes) -> None:
        """Remove the key; it need not be there."""
        self.values.pop(key, None)
