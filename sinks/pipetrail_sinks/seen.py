"""What a runner tells of itself while it runs: written by its thread, read by the threads that serve the pages."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from pipetrail_sinks.batch import Partition


@dataclass(slots=True)
class Seen:
    """How it goes.

    Attributes:
        turned: called each time that the main loop has turned.
        assigned: the partitions that the runner has.
        held: messages that were taken and are not accounted for: what back-pressure keeps small.
        written: messages that are safely in the target, since the start.
        refused: messages that became dead letters, since the start.
        settled: when messages were last accounted for, or there were none; seconds of `monotonic`.
        paused: nothing is taken, since the target is slow.
    """

    turned: Callable[[], None] = lambda: None
    assigned: tuple[Partition, ...] = ()
    held: int = 0
    written: int = 0
    refused: int = 0
    settled: float = field(default_factory=monotonic)
    paused: bool = False
