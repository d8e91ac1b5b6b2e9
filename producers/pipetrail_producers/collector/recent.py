"""Which deliveries came lately, to tell a redelivery from a first one. In memory and bounded: it counts, it decides nothing."""

from enum import StrEnum

# Some 10 MB. At 100 deliveries a second, a redelivery within a quarter of an hour is seen.
MOST = 100_000


class Seen(StrEnum):
    """How a delivery stands to earlier ones."""

    NEW = "new"
    AGAIN = "again"  # the same id and body: a redelivery, or a replay, which makes the same events
    ALTERED = "altered"  # the same id and another body: somebody made it up, since ids are not signed


class Recent:
    """The ids of the latest deliveries, with the hash of their bodies."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._bodies: dict[tuple[str, str], str] = {}

    def note(self, source: str, delivery: str, body_sha256: str) -> Seen:
        """Note a delivery of a source; says how it stands to earlier ones."""
        key = (source, delivery)
        before = self._bodies.pop(key, None)
        self._bodies[key] = body_sha256
        if len(self._bodies) > self._most:
            del self._bodies[next(iter(self._bodies))]
        if before is None:
            return Seen.NEW
        return Seen.AGAIN if before == body_sha256 else Seen.ALTERED
