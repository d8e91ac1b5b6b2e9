"""What can be searched: events, trails, findings, dead letters; where each is indexed and what orders it. Pure data.

The index names are the sinks' promise (`pipetrail-events-v1-2026.11` by an event's own month, one index for each of the rest).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of document. `tie_break` is a field whose value is unique, so that paging neither skips nor repeats."""

    name: str
    index: str
    tie_break: str


EVENTS = Kind("events", "pipetrail-events-v1-*", "event.id")
TRAILS = Kind("trails", "pipetrail-trails-v1", "pipetrail.trail.id")
FINDINGS = Kind("findings", "pipetrail-findings-v1", "pipetrail.finding.id")
DEAD_LETTERS = Kind("dead-letters", "pipetrail-dead-letters-v1", "pipetrail.dead_letter.id")

KINDS: dict[str, Kind] = {kind.name: kind for kind in (EVENTS, TRAILS, FINDINGS, DEAD_LETTERS)}
