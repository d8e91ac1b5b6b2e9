"""The Kafka topics as data: key, partitions, retention, owner. Standard library only.

Keying by repository puts all that must be compared into one partition, in order. Producers must agree on the partitioner:
murmur2, which Faust and Java clients use; librdkafka needs `partitioner=murmur2_random`.
"""

from dataclasses import dataclass

PARTITIONER = "murmur2_random"
# A repository never spans two partitions, so this bounds how many workers can share the load.
DEFAULT_PARTITIONS = 12
DAY_MS = 24 * 60 * 60 * 1000
# A payload over this is referenced by its SHA-256 (claim check), never cut. Kafka's own default is 1 MiB, headers included.
MAX_EVENT_BYTES = 900_000
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
# A dead letter carries a whole message of another topic and says in headers why it was refused: it must always fit.
MAX_DEAD_LETTER_BYTES = MAX_MESSAGE_BYTES + 256 * 1024
FOREVER_MS = -1


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic.

    `retention_ms` says how long a message is kept, FOREVER_MS for ever; None: compacted, the latest value of each key is kept.
    `max_message_bytes` is the largest message it takes; a producer's own limit (librdkafka's `message.max.bytes`, 1 MB unless
    set) must not be lower.
    """

    name: str
    key: str
    what: str
    writer: str
    retention_ms: int | None
    partitions: int = DEFAULT_PARTITIONS
    max_message_bytes: int = MAX_MESSAGE_BYTES

    def config(self) -> dict[str, str]:
        """Kafka's topic-level configuration."""
        policy = (
            {"cleanup.policy": "compact"}
            if self.retention_ms is None
            else {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}
        )
        return {**policy, "max.message.bytes": str(self.max_message_bytes)}


EVENTS = Topic("pipetrail.events.v1", "repository, else alias", "accepted events", "producers", 90 * DAY_MS)
LINKS = Topic("pipetrail.links.v1", "alias", "which repository and commit an alias belongs to", "processors", None)
RESOLVED = Topic("pipetrail.resolved.v1", "repository", "events that came by alias, re-keyed", "processors", 90 * DAY_MS)
RECORDS = Topic("pipetrail.records.v1", "repository", "enriched events with their trail id", "processors", 30 * DAY_MS)
TRAILS = Topic("pipetrail.trails.v1", "trail id", "the latest state of each trail", "processors", None)
FINDINGS = Topic("pipetrail.findings.v1", "finding id", "findings", "processors", None)
DEAD_LETTERS = Topic(
    "pipetrail.dead-letters.v1",
    "as it came",
    "what was refused, byte for byte",
    "all",
    365 * DAY_MS,
    max_message_bytes=MAX_DEAD_LETTER_BYTES,
)
# Not compacted: a tree head proves nothing about growth without the ones before it.
CHECKPOINTS = Topic("pipetrail.checkpoints.v1", "partition", "signed tree heads of the ledger", "sinks", FOREVER_MS, 1)

ALL = (EVENTS, LINKS, RESOLVED, RECORDS, TRAILS, FINDINGS, DEAD_LETTERS, CHECKPOINTS)
