"""Whether a partition's state is whole: what its disk, its changelog and the committed offsets say of each other. Pure.

The offsets of events are committed with a mark: which changelog holds the state that these events have led to, from which
offset on and up to which. A disk says which changelog it was filled from, from which offset on and up to which. So a changelog
that was emptied, made anew or cut off, and a disk that is missing, old or another's, are told apart from those that are whole.
A state that is whole on one side mends the other; one that is whole on neither is never taken for a state.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Self

_VERSION = "state-v1"
_WHOLE, _TORN = "whole", "torn"


class NotOursError(Exception):
    """Raised when a partition was taken away while its changelog was written anew; who has it now sees to it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is committed with offsets.

    Attributes:
        topic: Kafka's id of the changelog topic; a topic that is made anew has another one.
        since: the offset from which on the changelog holds all of the state; another one once it was written anew.
        reached: the last offset that the state had reached; the one before `since` while nothing was written.
        is_whole: False while the changelog is being written anew.
    """

    topic: str
    since: int
    reached: int
    is_whole: bool = True

    def text(self) -> str:
        """As the metadata of a committed offset."""
        return f"{_VERSION} {self.topic} {self.since} {self.reached} {_WHOLE if self.is_whole else _TORN}"

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """The mark in the metadata of a committed offset; None where there is none, as in what people's tools commit."""
        match (text or "").split(" "):
            case [version, topic, since, reached, how] if version == _VERSION and how in (_WHOLE, _TORN):
                try:
                    return cls(topic, int(since), int(reached), how == _WHOLE)
                except ValueError:
                    return None
        return None


class Disk(NamedTuple):
    """What a disk was filled from: which changelog, its first and its last offset."""

    topic: str
    since: int
    reached: int


class Log(NamedTuple):
    """How a changelog stands: its id, first offset, the offset after the last one, and where removals are sure to be kept.

    Kafka forgets removals after a time: a disk that has not heard of any since before `young` would keep what was removed.
    """

    topic: str
    begin: int
    end: int
    young: int = 0


class Verdict(Enum):
    """What is to be done before a partition is worked on."""

    GO_ON = "the changelog is whole; the disk, if there is one, goes on where it was"
    REBUILD = "the changelog is whole; the disk does not go with it, and is filled anew"
    REWRITE = "the disk is whole; the changelog is not, and is written anew"
    LOST = "neither is whole"


def follows(disk: Disk | None, log: Log) -> bool:
    """Whether the changelog has all that came after the disk."""
    if disk is None or disk.topic != log.topic:
        return False
    after = disk.reached + 1
    return log.begin <= after <= log.end and (after >= log.young or after == log.end)


def judge(committed: Mark | None, disk: Disk | None, log: Log) -> Verdict:
    """What is to be done.

    Args:
        committed: what was committed with the offsets of the partition; None at a first start, or where offsets were set by
            hand: then what is there is all that was asked for.
        disk: None where there is none.
        log: the changelog as it stands.
    """
    wanted = committed or Mark(log.topic, disk.since if disk and follows(disk, log) else log.begin, -1)
    of_wanted = disk is not None and (disk.topic, disk.since) == (wanted.topic, wanted.since)
    reaches = wanted.is_whole and wanted.topic == log.topic and wanted.reached < log.end
    if reaches and log.begin <= wanted.since:
        return Verdict.GO_ON if disk is None or (of_wanted and follows(disk, log)) else Verdict.REBUILD
    if disk is None or not of_wanted:
        return Verdict.LOST
    return Verdict.REWRITE if disk.reached >= wanted.reached or (reaches and follows(disk, log)) else Verdict.LOST
