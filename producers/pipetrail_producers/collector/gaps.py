"""Finds what agents numbered and nobody received. Pure: time is handed in.

An agent numbers the events of its stream (`pipetrail.delivery.id`) one by one (`pipetrail.delivery.sequence`). A number that
was passed over may still come: out of order, or from a spool. One that has not come for a while is a gap, told once, by an
event whose id is made of stream and numbers; when all of them have come after all, another one says so. A stream that was never
heard of may begin anywhere, since its first events may have gone another way. Streams are forgotten, the longest silent first,
when there are too many.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pipetrail_schemas.times import format_time, parse_time

from pipetrail_producers.webhook.fact import Fact

# An agent's stream lives as long as its home folder; one machine has one or a few.
MAX_STREAMS = 20_000
# What is remembered of one stream: with more gaps than this, the oldest ones are told at once, and of the told ones forgotten.
MAX_RANGES = 64


class Missing(NamedTuple):
    """Numbers that did not come, first and last of them, and when that was noticed."""

    first: int
    last: int
    noticed: datetime


@dataclass(slots=True)
class _Told:
    """A gap that was told, what of it has not come yet, and when the latest of it came."""

    gap: Missing
    left: list[Missing]
    came: datetime

    def came_late(self, number: int, when: datetime) -> None:
        left = [part for one in self.left for part in _without(one, number)]
        if left != self.left:
            self.left, self.came = left, when


@dataclass(slots=True)
class _Stream:
    highest: int
    missing: list[Missing] = field(default_factory=list)
    told: list[_Told] = field(default_factory=list)


class Gaps:
    """What is known of all streams. `changed` says whether it differs from what was last kept."""

    def __init__(self, *, most: int = MAX_STREAMS) -> None:
        self._most = most
        # In the order of when they were last heard of.
        self._streams: dict[str, _Stream] = {}
        self.changed = False

    def observe(self, stream: str, number: int, when: datetime) -> None:
        """A number of a stream came; the same one may come again."""
        known = self._streams.pop(stream, None)
        self._streams[stream] = known or _Stream(number)
        self.changed = True
        if known is None:
            if len(self._streams) > self._most:
                del self._streams[next(iter(self._streams))]
        elif number > known.highest:
            if number > known.highest + 1:
                known.missing.append(Missing(known.highest + 1, number - 1, when))
            known.highest = number
        else:
            known.missing = [part for one in known.missing for part in _without(one, number)]
            for one in known.told:
                one.came_late(number, when)

    def due(self, before: datetime) -> Iterator[tuple[str, Missing]]:
        """The gaps that were noticed before that time and have not filled, and those that there is no room for."""
        for stream, known in self._streams.items():
            for place, one in enumerate(known.missing):
                if one.noticed <= before or len(known.missing) - place > MAX_RANGES:
                    yield stream, one

    def told(self, stream: str, missing: Missing) -> None:
        """A gap was told: wait for it to fill."""
        known = self._streams.get(stream)
        if known is not None and missing in known.missing:
            known.missing.remove(missing)
            known.told = [*known.told, _Told(missing, [missing], missing.noticed)][-MAX_RANGES:]
            self.changed = True

    def filled(self) -> Iterator[tuple[str, Missing, datetime]]:
        """The gaps that were told and have filled, and when."""
        for stream, known in self._streams.items():
            yield from ((stream, one.gap, one.came) for one in known.told if not one.left)

    def forget_filled(self) -> None:
        """That they have filled was told, too."""
        for known in self._streams.values():
            waiting = [one for one in known.told if one.left]
            if len(waiting) < len(known.told):
                known.told = waiting
                self.changed = True

    def state(self) -> dict[str, Any]:
        """All of it, as JSON."""
        return {
            stream: [
                known.highest,
                [_row(one) for one in known.missing],
                [[_row(one.gap), [_row(part) for part in one.left], format_time(one.came)] for one in known.told],
            ]
            for stream, known in self._streams.items()
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Gaps":
        """From what `state` gave."""
        gaps = cls()
        for stream, (highest, missing, told) in state.items():
            waiting = [_Told(_missing(gap), [_missing(part) for part in left], parse_time(came)) for gap, left, came in told]
            gaps._streams[stream] = _Stream(highest, [_missing(row) for row in missing], waiting)
        return gaps


def gap_fact(stream: str, missing: Missing, filled: datetime | None = None) -> Fact:
    """The fact that numbers of a stream did not come, or (`filled`) that they have come after all.

    Who finds it does not matter: it is the same. Both have the same reason, by which the one is found to answer the other.
    """
    count = missing.last - missing.first + 1
    numbers = f"{missing.first}" if count == 1 else f"{missing.first} to {missing.last}"
    return Fact(
        type="source.gap",
        time=filled or missing.noticed,
        provider="pipetrail",
        instance="urn:pipetrail:stream",
        kind="gap",
        native_id=f"{stream}:{missing.first}-{missing.last}",
        state="filled" if filled else "",
        subject=stream,
        data={
            "event": {
                "reason": f"events {numbers} of the stream {stream} did not arrive",
                "action": "sequence_filled" if filled else "sequence_gap",
            },
            "pipetrail": {
                "actor": {"type": "system"},
                "delivery": {"id": stream},
                "labels": {"first": str(missing.first), "last": str(missing.last), "missing": str(count)},
            },
        },
    )


def ripe(now: datetime, wait_s: float) -> datetime:
    """What was noticed before this is due."""
    return now - timedelta(seconds=wait_s)


def _row(one: Missing) -> list[Any]:
    return [one.first, one.last, format_time(one.noticed)]


def _missing(row: list[Any]) -> Missing:
    first, last, noticed = row
    return Missing(first, last, parse_time(noticed))


def _without(one: Missing, number: int) -> Iterator[Missing]:
    if not one.first <= number <= one.last:
        yield one
        return
    if one.first < number:
        yield one._replace(last=number - 1)
    if number < one.last:
        yield one._replace(first=number + 1)
