"""What was seen of a worker at the last look: written by its event loop, read by the threads that serve the pages."""

from dataclasses import dataclass

from pipetrail_schemas.service.lag import Partition


@dataclass(slots=True)
class Seen:
    """The last look.

    Attributes:
        assigned: the partitions of the source topics that the worker has.
        in_hand: messages that were read and are not worked through: what back-pressure keeps small.
        trails: trails that the state of these partitions holds.
        waits: aliases that wait for what they belong to.
        held: events that no single repository claims.
        let_go: how many of these were let go, because there were too many.
        committed: when something was last committed, or there was nothing to commit; seconds of `monotonic`.
    """

    committed: float
    assigned: tuple[Partition, ...] = ()
    in_hand: int = 0
    trails: int = 0
    waits: int = 0
    held: int = 0
    let_go: int = 0
