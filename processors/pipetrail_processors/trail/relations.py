"""The commits that a trail's commit is bound to, as its document shows them. Pure: from its node and those of the others.

A commit that a merge made (by merge, squash or rebase) is bound to the head of the change. What was built and tested of the
head was not built and tested of it: the relation shows these stages as not counted.
"""

from collections.abc import Callable, Iterable
from typing import Any

from pipetrail_processors.correlate.nodes import Node
from pipetrail_processors.trail.bonds import bond
from pipetrail_processors.trail.fact import Fact

Document = dict[str, Any]

# What a merge does not hand on from the head of a change.
NOT_HANDED_ON = frozenset({"build", "test", "artifact", "deploy"})
_HEADS = frozenset({"head", "squash_of"})
_MADE_OF = frozenset({"merged_as", "squashed_as"})


def merged_as(node: Node) -> set[str]:
    """The commits that merges and squashes made of this one, as the head of a change. Their trails show it."""
    return {other for kind, other, _ in node.get("i", {}).values() if kind in _MADE_OF}


def heads(node: Node) -> list[str]:
    """The heads of changes that this commit came from."""
    return sorted({other for kind, other, _ in node.get("i", {}).values() if kind in _HEADS})


def relations(
    node: Node, commit: Fact, head_of: Callable[[str], tuple[bool, list[Document]]], trail_of: Callable[[str], str]
) -> list[Document]:
    """The relations of a commit's trail, each told by the event with the smallest id that tells it.

    Args:
        node: the commit's.
        commit: the fact that tells most of the commit.
        head_of: of a head whether its commit is recorded, and its stages.
        trail_of: the id of a commit's trail.
    """
    told = sorted(node.get("i", {}).values())
    copies = {other for kind, other, _ in told if kind == "same_work"}
    found: dict[tuple[str, str], Document] = {}
    for kind, other, event_id in told:
        if (kind, other) in found:
            continue
        what = bond(kind)
        relation: Document = {"kind": kind, "commit": other, "trail": trail_of(other), "strength": what.strength}
        relation |= {"why": what.why, "event_id": event_id}
        if kind in _HEADS:
            recorded, stages = head_of(other)
            parents = commit.get("c", {}).get("p")
            if how := "squash" if kind == "squash_of" else _how(other, parents, copies, recorded=recorded):
                relation["how"] = how
            if not_counted := [stage for stage in stages if stage["stage"] in NOT_HANDED_ON]:
                relation["not_counted"] = not_counted
        found[kind, other] = relation
    return [found[key] for key in sorted(found)]


def _how(head: str, parents: Iterable[str] | None, copies: Iterable[str], *, recorded: bool) -> str | None:
    """How the head became this commit; None where the graph does not tell it apart."""
    if parents is None:
        return None
    if head in parents:
        return "merge"
    if head in copies:
        return "rebase"
    return "squash" if recorded else None
