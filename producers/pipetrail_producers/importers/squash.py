"""Which commits are squashes of which branches, by what the history itself shows. Pure; git is asked through `Changes`.

A squash is a commit with one parent that changes what a whole branch changed. Two things show it, and nothing else counts: no
`(#7)` in a message, no name.

- same_tree: the branch began at the commit's parent, or had it merged into it, and its head has the very tree of the commit.
- same_patch: the trunk had moved on; the commit takes away and adds the same lines, with the same lines around them, in the
  same files, as all of the branch since it left the trunk. Looked for on the trunk alone.

The head must be the tip of a ref (a branch, a forge's `refs/pull/7/head`), and not newer than the commit. Where several heads
would do, none is named. A branch of one commit may as well have been reworded: that counts on the trunk alone, and not where
author, time and message are the same, since these say by themselves that it was rebased.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple, Protocol

from pipetrail_producers.importers.graph import Graph, Trunk

Evidence = Literal["same_tree", "same_patch"]
# The newest commits of a trunk whose changes are listed; a hundred thousand take git about half a minute.
_MAX_LISTED = 100_000
# Of these, and of the heads, whose lines are compared: they touch the same files, so they are few.
_MAX_COMPARED = 20_000

# A commit and the one that it is compared with, by their ids.
Pair = tuple[str, str]


class Squash(NamedTuple):
    """`commit` holds, as one, the `commits` commits from `base` to `head`."""

    commit: str
    head: str
    base: str
    commits: int
    evidence: Evidence


class Found(NamedTuple):
    """The squashes; how many more have several possible heads; how many commits were too many to be looked at."""

    squashes: list[Squash]
    ambiguous: int
    left_out: int


class Changes(Protocol):
    """What commits change, each compared with another one. A pair without a difference is not in the answer."""

    def files(self, pairs: Iterable[Pair]) -> Mapping[str, bytes]:
        """By the commit: something that is equal for equal sets of changed files."""

    def patches(self, pairs: Iterable[Pair]) -> Mapping[str, bytes]:
        """By the commit: something that is equal for equal changes, wherever in the files they are."""


class _Branch(NamedTuple):
    head: int
    base: int
    own: set[int]


def find_squashes(graph: Graph, heads: Iterable[str], trunk: str | None, changes: Changes) -> Found:
    """The squashes of a history.

    Args:
        graph: the commits.
        heads: the tips of refs.
        trunk: the tip of the branch that changes go into.
        changes: what commits change.
    """
    tips = sorted({graph.number[head] for head in heads if head in graph.number})
    line = Trunk(graph, graph.number[trunk]) if trunk in graph.number else None
    found = _by_tree(graph, tips, frozenset(line.chain if line else ()))
    left_out = 0
    if line is not None:
        told = {one.head for ones in found.values() for one in ones}
        by_patch, left_out = _by_patch(graph, [tip for tip in tips if graph.ids[tip] not in told], line, changes)
        for commit, squashes in by_patch.items():
            found.setdefault(commit, []).extend(squashes)
    certain = [ones[0] for _, ones in sorted(found.items()) if len(ones) == 1]
    return Found(certain, sum(len(ones) > 1 for ones in found.values()), left_out)


def _by_tree(graph: Graph, tips: list[int], on_trunk: frozenset[int]) -> dict[int, list[Squash]]:
    by_tree: dict[str, list[int]] = defaultdict(list)
    for tip in tips:
        by_tree[graph.trees[tip]].append(tip)
    found: dict[int, list[Squash]] = {}
    for commit, tree in enumerate(graph.trees):
        parent = graph.only_parent(commit) if tree in by_tree else None
        if parent is None or graph.trees[parent] == tree:
            continue
        same = [_same_tree(graph, commit, parent, head) for head in by_tree[tree] if head != commit]
        squashes = [one for one in same if one is not None and (one.commits > 1 or commit in on_trunk)]
        if squashes:
            found[commit] = squashes
    return found


def _same_tree(graph: Graph, commit: int, parent: int, head: int) -> Squash | None:
    own = graph.beyond(parent, head)
    if own is None or commit in own or not _is_later(graph, commit, head, len(own)):
        return None
    return Squash(graph.ids[commit], graph.ids[head], graph.ids[parent], len(own), "same_tree")


def _is_later(graph: Graph, commit: int, head: int, commits: int) -> bool:
    """Of two single commits the later one was made of the other; of two of the same second nobody can tell."""
    ahead = graph.times[commit] - graph.times[head]
    return ahead > 0 or (ahead == 0 and commits > 1)


def _by_patch(graph: Graph, tips: list[int], trunk: Trunk, changes: Changes) -> tuple[dict[int, list[Squash]], int]:
    branches = [_Branch(tip, *fork) for tip in tips if trunk.since(tip) is None and (fork := trunk.fork(tip))]
    if not branches:
        return {}, 0
    first = min(graph.times[branch.head] for branch in branches)
    later = [commit for commit in trunk.chain if graph.times[commit] >= first]
    bases = {one: parent for one in later[-_MAX_LISTED:] if (parent := graph.only_parent(one)) is not None}
    alike = _matching(graph, branches, bases, changes.files, trunk)
    candidates = list(dict.fromkeys(commit for _, commits in alike for commit in commits))
    some = {commit: bases[commit] for commit in candidates[:_MAX_COMPARED]}
    found: dict[int, list[Squash]] = defaultdict(list)
    for branch, commits in _matching(graph, [branch for branch, _ in alike], some, changes.patches, trunk):
        head, base, count = graph.ids[branch.head], graph.ids[branch.base], len(branch.own)
        for commit in commits:
            found[commit].append(Squash(graph.ids[commit], head, base, count, "same_patch"))
    return found, len(later[:-_MAX_LISTED]) + len(candidates[_MAX_COMPARED:])


def _matching(
    graph: Graph,
    branches: list[_Branch],
    bases: Mapping[int, int],
    changed: Callable[[Iterable[Pair]], Mapping[str, bytes]],
    trunk: Trunk,
) -> list[tuple[_Branch, list[int]]]:
    """Each branch with those of the commits, by their parents, that changed the same and could have been made of it."""
    pairs = [(commit, base) for commit, base in bases.items()] + [(branch.head, branch.base) for branch in branches]
    told = changed((graph.ids[commit], graph.ids[base]) for commit, base in pairs)
    by_change: dict[bytes, list[int]] = defaultdict(list)
    for commit in bases:
        if change := told.get(graph.ids[commit]):
            by_change[change].append(commit)
    matching = []
    for branch in branches:
        same = by_change.get(told.get(graph.ids[branch.head], b""), [])
        commits = [commit for commit in same if _could_be(graph, commit, bases[commit], branch, trunk)]
        if commits:
            matching.append((branch, commits))
    return matching


def _could_be(graph: Graph, commit: int, parent: int, branch: _Branch, trunk: Trunk) -> bool:
    """Whether the trunk had what the branch began at when the commit came, and the head was there."""
    began, came = trunk.since(branch.base), trunk.since(parent)
    return began is not None and came is not None and began <= came and _is_later(graph, commit, branch.head, len(branch.own))
