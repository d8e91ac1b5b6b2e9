"""The commit graph of an import, in memory: who descends from whom. Pure, standard library only.

Commits come parents first, so a commit's depth (the longest way to a root) is known when it comes. All of its descendants are
deeper: whoever walks the deepest first meets each commit after all of them. A parent that did not come (a shallow clone, a
limit by time) is a gap, and what would have to be known across it is unknown.
"""

import heapq
from collections.abc import Iterable

# What a branch can have of its own before it is too much to look at: a fork that was never merged, an unrelated history.
_MAX_WALKED = 20_000
_OF_HEAD, _OF_BASE = 1, 2


class Graph:
    """Commits by number, in the order in which they came."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.number: dict[str, int] = {}
        self.parents: list[tuple[int, ...]] = []
        self.trees: list[str] = []
        self.times: list[int] = []
        self._depths: list[int] = []
        self._gaps: set[int] = set()

    def add(self, sha: str, parents: Iterable[str], tree: str, time: int) -> None:
        """Add a commit whose parents came before it. `time` is when it was committed, seconds of Unix time."""
        number = self.number[sha] = len(self.ids)
        known = tuple([self.number.get(parent, -1) for parent in parents])
        if -1 in known:
            self._gaps.add(number)
            known = tuple(parent for parent in known if parent >= 0)
        self.ids.append(sha)
        self.parents.append(known)
        self.trees.append(tree)
        self.times.append(time)
        self._depths.append(1 + max((self._depths[parent] for parent in known), default=0))

    def only_parent(self, commit: int) -> int | None:
        """The parent of a commit that has one, and only one, and is known."""
        parents = self.parents[commit]
        return parents[0] if len(parents) == 1 and commit not in self._gaps else None

    def is_cut(self, commit: int) -> bool:
        """Whether a parent of the commit is not known."""
        return commit in self._gaps

    def beyond(self, base: int, head: int) -> set[int] | None:
        """The commits that `head` reaches and `base` does not; None where it does not descend from it, or that is not known."""
        depths, bottom = self._depths, self._depths[base]
        if depths[head] <= bottom:
            return None
        marks = {head: _OF_HEAD, base: _OF_BASE}
        queue = [(-depths[head], head), (-bottom, base)]
        own: set[int] = set()
        waiting = 1  # how many in the queue are reached from the head alone
        while waiting:
            _, commit = heapq.heappop(queue)
            mark = marks[commit]
            if mark == _OF_HEAD:
                waiting -= 1
                own.add(commit)
                if len(own) > _MAX_WALKED or commit in self._gaps:
                    return None
            elif commit == base and mark == _OF_BASE:
                return None
            for parent in self.parents[commit]:
                known = marks.get(parent, 0)
                if not known:
                    heapq.heappush(queue, (-depths[parent], parent))
                marks[parent] = known | mark
                waiting += (known | mark == _OF_HEAD) - (known == _OF_HEAD)
        return own if marks[base] & _OF_HEAD else None


class Trunk:
    """A branch as it grew: its first parents, oldest first, and when each other commit came into it."""

    def __init__(self, graph: Graph, tip: int) -> None:
        self._graph = graph
        chain = [tip]
        while graph.parents[chain[-1]] and not graph.is_cut(chain[-1]):
            chain.append(graph.parents[chain[-1]][0])
        self.chain = chain[::-1]
        self._since = [-1] * len(graph.ids)
        for place, commit in enumerate(self.chain):
            self._enter(commit, place)

    def since(self, commit: int) -> int | None:
        """The place in `chain` that first reached the commit; None where none does."""
        place = self._since[commit]
        return place if place >= 0 else None

    def fork(self, head: int) -> tuple[int, set[int]] | None:
        """Where a branch left the trunk last, and what it has of its own; None where that is not one commit, or not known."""
        own: set[int] = set()
        left: set[int] = set()
        queue = [head]
        while queue:
            commit = queue.pop()
            if self._since[commit] >= 0:
                left.add(commit)
            elif commit not in own:
                own.add(commit)
                if len(own) > _MAX_WALKED or self._graph.is_cut(commit):
                    return None
                queue += self._graph.parents[commit]
        base = self._newest(left)
        return None if base is None or not own else (base, own)

    def _newest(self, commits: set[int]) -> int | None:
        """The one that descends from all others: alone, or a first parent, which reaches all that came until then."""
        newest = max(commits, key=self._since.__getitem__, default=None)
        if newest is None or len(commits) == 1:
            return newest
        newest = self.chain[self._since[newest]]
        return newest if newest in commits else None

    def _enter(self, commit: int, place: int) -> None:
        queue = [commit]
        while queue:
            one = queue.pop()
            if self._since[one] < 0:
                self._since[one] = place
                queue += self._graph.parents[one]
