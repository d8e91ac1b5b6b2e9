"""What two commits do not have in common: `git rev-list OLD...NEW` on a graph that may have gaps. Pure.

Both histories are walked together, newest first, each commit painted by the sides that it is reached from, until only common
commits are left. Cost follows the difference, not the size of the repository. Wrong answers are worse than none: where a gap
could hide a part of the difference, or make common what looks one-sided, the result says which commits it lacks.

Times are what committers claim. A commit counts as no older than its parents, and the walk goes on for a while below the
oldest one-sided commit, so that clocks that are wrong by less than `SLACK_MS`, and single ones that are far off, do no harm.
"""

import heapq
from collections.abc import Callable
from typing import NamedTuple

from pipetrail_processors.graph.commits import Commit

# Zones that were taken for another are the common error of clocks: up to 14 hours.
SLACK_MS = 24 * 3600 * 1000
# Commits that are looked at before giving up: a difference of this size says nothing to a reader, and takes about a second.
MAX_VISITED = 50_000
# How much further to look once one side's history has ended in a gap: the other side may just have to catch up.
_PATIENCE = 1000

_OLD, _NEW, _BOTH = 1, 2, 3

Look = Callable[[str], Commit | None]


class Difference(NamedTuple):
    """What NEW has and OLD has not, and the other way round; newest first.

    `lacking`: commits that are not recorded, without which nothing is certain; the value says that the history of one side
    just ends there. The difference is complete where it is empty and `too_large` is not set.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    lacking: dict[str, bool]
    too_large: bool = False

    @property
    def complete(self) -> bool:
        """Whether it can be relied upon."""
        return not self.lacking and not self.too_large


class _Walk:
    """One walk: what is painted, what is still to be looked at, what was seen."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._known: dict[str, Commit | None] = {}
        self.paint: dict[str, int] = {}
        self.keys: dict[str, int] = {}
        self.queue: list[tuple[int, str]] = []
        self.queued: set[str] = set()
        self.one_sided = 0  # of those in the queue
        self.visited = 0

    def commit(self, commit: str) -> Commit | None:
        if commit not in self._known:
            self._known[commit] = self._look(commit)
        return self._known[commit]

    def push(self, commit: str, side: int, bound: int) -> None:
        before = self.paint.get(commit, 0)
        after = before | side
        if after == before:
            return
        self.paint[commit] = after
        if commit in self.queued:
            self.one_sided -= after == _BOTH
            return
        if commit not in self.keys:
            self.keys[commit] = self._time(commit, bound)
        self.queued.add(commit)
        self.one_sided += after != _BOTH
        heapq.heappush(self.queue, (-self.keys[commit], commit))

    def pop(self) -> str:
        _, commit = heapq.heappop(self.queue)
        self.queued.remove(commit)
        self.one_sided -= self.paint[commit] != _BOTH
        self.visited += 1
        return commit

    def painted(self, side: int) -> list[str]:
        found = [commit for commit, paint in self.paint.items() if paint == side and self._known.get(commit)]
        return sorted(found, key=lambda commit: (-self.keys[commit], commit))

    def gaps(self) -> list[str]:
        """What was come across and is not recorded."""
        return sorted(commit for commit in self.paint if commit not in self.queued and self._known.get(commit) is None)

    def above(self, commit: str) -> set[str]:
        """What is known to descend from the commit."""
        children: dict[str, list[str]] = {}
        for child in self.paint:
            for parent in (self._known.get(child) or _NOTHING).parents:
                children.setdefault(parent, []).append(child)
        found: set[str] = set()
        todo = [commit]
        while todo:
            for child in children.get(todo.pop(), ()):
                if child not in found:
                    found.add(child)
                    todo.append(child)
        return found

    def _time(self, commit: str, bound: int) -> int:
        known = self.commit(commit)
        if known is None:
            return bound
        parents = (self.commit(parent) for parent in known.parents)
        return max((known.time, *(parent.time + 1 for parent in parents if parent)))


_NOTHING = Commit(0, ())


def difference(look: Look, old: str, new: str, *, max_visited: int = MAX_VISITED) -> Difference:
    """The commits that only one of the two has.

    Args:
        look: gives a commit, None where it is not recorded.
        old: a commit's full id.
        new: another's.
        max_visited: how many commits are looked at at most.
    """
    if old == new:
        return Difference((), (), {})
    if unknown := [commit for commit in (old, new) if look(commit) is None]:
        return Difference((), (), dict.fromkeys(unknown, False))
    walk = _Walk(look)
    walk.push(old, _OLD, 0)
    walk.push(new, _NEW, 0)
    too_large = _run(walk, max_visited)
    added, removed = walk.painted(_NEW), walk.painted(_OLD)
    if too_large:
        return Difference((), (), {}, too_large=True)
    return Difference(tuple(added), tuple(removed), _lacking(walk, [*added, *removed]))


def _run(walk: _Walk, max_visited: int) -> bool:
    """Walk until only common commits are left, or a gap leaves no hope. Returns whether it was too much."""
    floor: int | None = None
    limit = max_visited
    while walk.queue:
        key = -walk.queue[0][0]
        if not walk.one_sided and floor is not None and key < floor - SLACK_MS:
            return False
        if walk.visited >= limit:
            if any(walk.paint[gap] != _BOTH for gap in walk.gaps()):
                return False
            if walk.visited >= max_visited:
                return True
            limit = max_visited
        commit = walk.pop()
        known = walk.commit(commit)
        if walk.paint[commit] != _BOTH:
            floor = key if floor is None else min(floor, key)
            if known is None:
                limit = min(limit, walk.visited + _PATIENCE)
        for parent in known.parents if known else ():
            walk.push(parent, walk.paint[commit], key)
    return False


def _lacking(walk: _Walk, one_sided: list[str]) -> dict[str, bool]:
    lacking = {}
    for gap in walk.gaps():
        if walk.paint[gap] != _BOTH:
            lacking[gap] = True
            continue
        # It is common, and so is all below it. What descends from it, or is younger, is not below it.
        younger_than = walk.keys[gap] + SLACK_MS
        suspects = [commit for commit in one_sided if walk.keys[commit] <= younger_than]
        if suspects and not walk.above(gap).issuperset(suspects):
            lacking[gap] = False
    return lacking
