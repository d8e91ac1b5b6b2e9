"""What a trail keeps of very many events: of each stage the first and the last ones, verdicts before what has none. Pure.

Schedules that run on the same commit for months, or a flood, must not make a trail grow until no message holds it. What is kept
is a function of all that was told, in any order and however often: what stood between the first and the last once always will.
How many were left out is counted by a sketch of their ids, to which a repetition adds nothing: exact for few, within some
12 % for many. What joined by evidence is counted for its first alias, and the count moves with it to another trail.

In a node, under `o`: class of facts, for an alias's with its name → [time of the first left out, time of the last, sketch].
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from pipetrail_processors.graph.commits import milliseconds
from pipetrail_processors.trail.fact import Fact

# Of each stage: of its verdicts, good and other ones apart, and of what has no verdict (queued, started). With them the largest
# trails that are no accident are whole: a pipeline of 3,000 jobs. A stage that is full is some 2 MB in the changelog.
MAX_VERDICTS = 4000
MAX_OTHERS = 1000
_GOOD, _OTHER = frozenset({"success", "approved"}), "other"
# Ids that a sketch keeps, the smallest of all: k minimum values (Bar-Yossef et al., 2002). Event ids are hashes already.
_SKETCH = 64
_SKETCH_DIGITS = 8


class LeftOut(NamedTuple):
    """Facts of one class that a node does not keep."""

    first: str
    last: str
    sketch: list[int]

    @property
    def number(self) -> int:
        """How many they are, about."""
        if len(self.sketch) < _SKETCH:
            return len(self.sketch)
        return round((_SKETCH - 1) * (1 << 4 * _SKETCH_DIGITS) / max(1, self.sketch[-1]))


def cap(node: dict[str, Any]) -> list[Fact]:
    """Leave out of the node what is too much. Returns it, to be counted."""
    facts: dict[str, Fact] = node.get("f", {})
    if len(facts) <= MAX_OTHERS:
        return []
    classes: dict[str, list[Fact]] = {}
    for one in facts.values():
        classes.setdefault(_class_of(one), []).append(one)
    out = []
    for kind, members in classes.items():
        limit = MAX_OTHERS if kind.endswith(_OTHER) else MAX_VERDICTS
        if len(members) <= limit:
            continue
        members.sort(key=lambda one: (one["e"]["time"], one["e"]["event_id"]))
        for one in members[limit // 2 : len(members) - limit // 2]:
            del facts[one["e"]["event_id"]]
            out.append(one)
    return out


def count(node: dict[str, Any], fact: Fact, alias: str | None = None) -> None:
    """Count in the node a fact that was left out; `alias`: the evidence by which it joined, None where it names its commit."""
    key = _class_of(fact) if alias is None else f"{_class_of(fact)}\0{alias}"
    told = node.setdefault("o", {})
    told[key] = list(with_more(told.get(key), [fact]))


def move(source: dict[str, Any], target: dict[str, Any], alias: str) -> None:
    """What was left out of an alias's events counts in another node now."""
    told = source.get("o", {})
    for key in [key for key in told if key.partition("\0")[2] == alias]:
        here, there = LeftOut(*told.pop(key)), target.get("o", {}).get(key)
        if there:
            here = LeftOut(min(here.first, there[0]), max(here.last, there[1]), sorted({*here.sketch, *there[2]})[:_SKETCH])
        target.setdefault("o", {})[key] = list(here)


def left_out(node: dict[str, Any]) -> dict[str, int]:
    """How many events of each stage ("" for none) were left out, about."""
    found: dict[str, int] = {}
    for kind, told in node.get("o", {}).items():
        stage = kind.partition(" ")[0]
        found[stage] = found.get(stage, 0) + LeftOut(*told).number
    return found


def weight(node: dict[str, Any]) -> int:
    """Milliseconds that grow with what is left out, and are the same in any order: a term of the trail's revision."""
    spans = (LeftOut(*told) for told in node.get("o", {}).values())
    return sum(milliseconds(span.last) - milliseconds(span.first) + 1 for span in spans)


def _class_of(fact: Fact) -> str:
    entry = fact["e"]
    stage: str = entry.get("stage", "")
    verdict = entry.get("result") or entry.get("decision") or entry.get("skip")
    if not verdict:
        return f"{stage} {_OTHER}"
    return f"{stage} good" if verdict in _GOOD else f"{stage} bad"


def with_more(told: list[Any] | None, out: Iterable[Fact]) -> LeftOut:
    """What was left out before, and these."""
    times = [fact["e"]["time"] for fact in out]
    ids = {int(fact["e"]["event_id"].replace("-", "")[:_SKETCH_DIGITS], 16) for fact in out}
    if told:
        times += told[:2]
        ids |= set(told[2])
    return LeftOut(min(times), max(times), sorted(ids)[:_SKETCH])
