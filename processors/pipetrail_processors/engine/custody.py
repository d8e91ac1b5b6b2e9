"""Who keeps a partition's state sees that it is whole, on disk and in the changelog, before and while it is worked on.

What is judged is said in `lineage`. A disk that does not go with the changelog is filled anew; a changelog that was emptied,
made anew, cut off or written into by somebody else is written anew from the disk; where neither is whole the process ends, and
says what can be done: going on would be silently wrong.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple, Protocol

import structlog

from pipetrail_processors.engine.lineage import Disk, Log, Mark, NotOursError, Verdict, follows, judge
from pipetrail_processors.engine.store import StateStore
from pipetrail_processors.errors import LostStateError
from pipetrail_processors.transport.outbox import Outbox

# Which changelog a disk was filled from, and from which offset on; on disk only, never in the changelog.
_MADE_OF = b"made-of"
# Seconds for an answer of Kafka: where nothing goes on without it, long enough for a restart; where there will be another look,
# shorter than a stop may take.
_PATIENT_S, _SOON_S = 60.0, 3.0
# Records between two looks at whether the partition is still ours.
_CHUNK = 1_000

_log = structlog.get_logger("pipetrail.process")


class Changelog(Protocol):
    """As `changelog.Changelog`."""

    topic: str

    def look(self, partitions: Collection[int], within_s: float) -> Mapping[int, Log]:
        """How it stands."""
        ...


class Offsets(Protocol):
    """The committed offsets, as `transport.consumer.BatchConsumer` has them."""

    async def committed_marks(self, partitions: Collection[int]) -> Mapping[int, Mark | None]:
        """What was committed with the offsets of partitions; None where there is no mark."""
        ...

    async def commit_marks(self, partitions: Collection[int]) -> None:
        """Commit the offsets of partitions again, with their marks as they are now."""
        ...


class Due(NamedTuple):
    """What is to be done before partitions are worked on.

    Attributes:
        not_to_fill: whose disks are whole as they are, and do not go with the changelog.
        to_write_anew: whose changelog is to be written anew, once the others' disks were filled.
    """

    not_to_fill: set[int]
    to_write_anew: set[int]


class Custody:
    """The partitions that this worker works on. `lock` is held by whoever works on state, or writes it."""

    def __init__(
        self,
        changelog: Changelog,
        store: Callable[[], StateStore],
        outbox: Outbox,
        offsets: Callable[[], Offsets],
        give_up: Callable[[], bool],
    ) -> None:
        """Begin with no partition.

        Args:
            changelog: where the state stands.
            store: gives the disks; they are there once Faust has started.
            outbox: what the changelog is written with.
            offsets: gives the committed offsets; as `store`.
            give_up: says whether to stop waiting for a Kafka that does not answer.
        """
        self.lock = asyncio.Lock()
        self._changelog = changelog
        self._store = store
        self._outbox = outbox
        self._offsets = offsets
        self._give_up = give_up
        self._marks: dict[int, Mark] = {}

    def mark(self, partition: int) -> str:
        """What is to be committed with the offsets of a partition."""
        mark = self._marks.get(partition)
        return mark.text() if mark else ""

    async def take(self, partitions: Collection[int]) -> Due:
        """Look at the partitions that were just given to this worker, before their disks are filled from the changelog.

        Raises:
            LostStateError: the state of one is nowhere.
            BrokerError: Kafka does not answer.
            StateError: a disk fails.
        """
        logs = await asyncio.to_thread(self._changelog.look, partitions, _PATIENT_S)
        committed = await self._offsets().committed_marks(partitions)
        due, marks = Due(set(), set()), {}
        for number in sorted(partitions):
            log, mark, disk = logs[number], committed[number], self._disk(number)
            verdict = judge(mark, disk, log)
            if verdict is not Verdict.GO_ON:
                _log.warning(f"state: {verdict.value}", partition=number, committed=mark, disk=disk, changelog=log)
            if verdict is Verdict.LOST:
                raise LostStateError(_lost(self._changelog.topic, number))
            if disk and verdict is Verdict.REWRITE:
                due.to_write_anew.add(number)
                if not follows(disk, log):
                    due.not_to_fill.add(number)
            elif disk is None or verdict is Verdict.REBUILD:
                disk = self._begin(number, log, mark)
            marks[number] = Mark(*disk)
        self._marks = marks
        return due

    async def take_copies(self, partitions: Collection[int]) -> None:
        """Look at the partitions that this worker is to keep a copy of: one that does not go with the changelog begins anew.

        Raises:
            BrokerError: Kafka does not answer.
            StateError: a disk fails.
        """
        logs = await asyncio.to_thread(self._changelog.look, partitions, _SOON_S)
        committed = await self._offsets().committed_marks(partitions)
        for number in partitions:
            if judge(committed[number], self._disk(number), logs[number]) is not Verdict.GO_ON:
                self._begin(number, logs[number], committed[number])

    def filled(self, partitions: Iterable[int]) -> None:
        """The disks of the partitions have all that the changelog has."""
        for number in partitions:
            reached = self._store().reached(number)
            if reached is not None:
                self._marks[number] = replace(self._marks[number], reached=reached)

    def written(self, partition: int, offsets: Collection[int]) -> bool:
        """Note what this worker wrote to the changelog. False where somebody else wrote, too: `write_anew` is due."""
        mark, last = self._marks[partition], max(offsets)
        if last - mark.reached != len(offsets):
            return False
        self._marks[partition] = replace(mark, reached=last)
        return True

    def reached(self, partition: int) -> int:
        """The offset up to which the changelog is known to be what this worker has written."""
        return self._marks[partition].reached

    async def watch(self) -> set[int]:
        """Look at the changelog of all partitions. Returns those that must be written anew; for sure when the lock is held.

        Raises:
            BrokerError: Kafka does not answer.
        """
        before = dict(self._marks)
        logs = await asyncio.to_thread(self._changelog.look, list(before), _SOON_S)
        return {
            number
            for number, log in logs.items()
            if self._marks.get(number) == before[number] and _differs(before[number], log)
        }

    async def write_anew(self, partitions: Collection[int], is_ours: Callable[[], bool] = lambda: True) -> None:
        """Make the changelog of partitions what their disks are, and commit that it is.

        Raises:
            NotOursError: they were taken away meanwhile.
            BrokerError: Kafka does not take it.
            StateError: a disk fails.
        """
        if not partitions:
            return
        # Should this fail anywhere, the changelog is known to be torn, and the disk to be what it was.
        self._marks |= {number: replace(self._marks[number], is_whole=False) for number in partitions}
        await self._offsets().commit_marks(partitions)
        for number in sorted(partitions):
            log, reached = await asyncio.to_thread(self._write_one, number, is_ours)
            self._marks[number] = Mark(log.topic, log.end, reached)
        await self._offsets().commit_marks(partitions)
        for number in partitions:
            mark = self._marks[number]
            self._store().write(number, {}, mark.reached)
            self._store().note(number, _MADE_OF, f"{mark.topic} {mark.since}".encode())
            _log.warning("the changelog was written anew", partition=number, records=mark.reached + 1 - mark.since)

    def _write_one(self, partition: int, is_ours: Callable[[], bool]) -> tuple[Log, int]:
        log = self._changelog.look([partition], _PATIENT_S)[partition]
        offsets: list[int] = []
        for count, (key, value) in enumerate(self._store().kept(partition)):
            if count % _CHUNK == 0 and not is_ours():
                raise NotOursError
            self._outbox.put_into(self._changelog.topic, partition, key, value, offsets.append)
        self._outbox.flush(self._give_up)
        if not is_ours():
            raise NotOursError
        return log, max(offsets, default=log.end - 1)

    def _disk(self, partition: int) -> Disk | None:
        reached = self._store().reached(partition)
        topic, _, since = (self._store().noted(partition, _MADE_OF) or b"").decode().partition(" ")
        if reached is None and not since:
            return None
        first = int(since or 0)
        return Disk(topic, first, first - 1 if reached is None else reached)

    def _begin(self, partition: int, log: Log, mark: Mark | None) -> Disk:
        """Empty a disk, to be filled from the changelog from where it holds all of the state."""
        since = max(log.begin, mark.since if mark and mark.topic == log.topic else 0)
        store = self._store()
        store.empty(partition)
        store.note(partition, _MADE_OF, f"{log.topic} {since}".encode())
        if since:
            store.write(partition, {}, since - 1)
        return Disk(log.topic, since, since - 1)


def _differs(mark: Mark, log: Log) -> bool:
    """Whether the changelog is not as who writes it alone has left it."""
    return log.topic != mark.topic or log.begin > mark.since or log.end != mark.reached + 1


def _lost(topic: str, partition: int) -> str:
    return (
        f"the state of partition {partition} is lost: {topic} was emptied, cut off or made anew, and the folder of this worker "
        "has not got it either. Start a worker on the folder that has it; or begin anew from the events that Kafka still has: "
        "set another PIPETRAIL_PROCESS_GROUP"
    )
