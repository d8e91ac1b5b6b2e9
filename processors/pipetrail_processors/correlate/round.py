"""A round: messages that are taken in together. Nodes are read once for all, and each trail is published once, at the end.

How messages are cut into rounds changes nothing that lasts: a trail is published as the last of them has left it. When one of
them fails, the round is of no use any more: the state that it was given is to be put back, and the others taken in again.
"""

from collections.abc import Iterable
from typing import NamedTuple

from pipetrail_processors.correlate.nodes import Work
from pipetrail_processors.state.state import State


class Told(NamedTuple):
    """Why a trail is to be published: see `Work.cause` and `Publisher.publish`."""

    cause: str
    again: bool
    day: int | None


class Round:
    """What the messages of a round share."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._works: dict[str, Work] = {}
        self._told: dict[str, dict[str, Told]] = {}

    def work(self, repository: str, day: int | None) -> Work:
        """The nodes of a repository, for a message that was recorded on this day."""
        work = self._works.get(repository)
        if work is None:
            work = self._works[repository] = Work(self.state, repository)
        work.begin(day)
        return work

    def tell(self, work: Work, keys: Iterable[str], *, again: bool) -> None:
        """Publish these trails at the end; `again`: findings that have not changed, too."""
        told = self._told.setdefault(work.repository, {})
        for key in keys:
            before = told.get(key)
            told[key] = Told(work.cause, again or (before is not None and before.again), work.day)

    def end(self) -> Iterable[tuple[Work, dict[str, Told]]]:
        """All repositories that were touched, with their trails to publish. After the last one, all is written."""
        for repository, work in self._works.items():
            yield work, self._told.get(repository, {})
        for work in self._works.values():
            work.save()
