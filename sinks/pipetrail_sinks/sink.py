"""What every sink is: messages are added, then flushed; what the flush returns accounts for all of them.

The runner commits a message only after the flush that accounts for it. A sink keeps what it was given until then, never
alters the message it was handed, and must bear to be given the same message again (delivery is at least once).
"""

from typing import Protocol

from pipetrail_sinks.message import Message, Refusal


class Sink(Protocol):
    """A place where messages end up. Used by one thread at a time."""

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that it wants."""

    def add(self, message: Message) -> None:
        """Take a message into the current batch. Neither writes nor blocks nor raises."""

    def flush(self) -> list[Refusal]:
        """Write everything that was added since the last flush that returned.

        Returns:
            What was refused for good. Every other message is safely in the target when this returns.

        Raises:
            BackPressureError: some messages wait; call again after its `retry_after`, having added nothing in between.
            TargetRefusedError: the target refuses this program.
        """

    def close(self) -> None:
        """Release connections; what was not flushed is forgotten, and will be delivered again."""
