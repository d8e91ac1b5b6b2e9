"""Where a change runs now, where it runs no longer, and what its own deployments brought. Pure, from facts and the node.

A change comes to an environment by its own deployment or with that of a later commit (`graph.streams`), and leaves it when
something without it is deployed. The latest of these decides, for each environment and service; an attempt that did not succeed
only where nothing else is known, since it neither brought the change nor took it away.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pipetrail_processors.correlate.nodes import Node
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.people import display

Document = dict[str, Any]

_DEPLOYED = frozenset({"deployment.started", "deployment.finished"})
_GONE = frozenset({"deployment.removed", "deployment.rolledback"})


class Places(NamedTuple):
    """The three lists of a trail's document."""

    deployments: list[Document]
    left: list[Document]
    carried: list[Document]


NOWHERE = Places([], [], [])


class _Move(NamedTuple):
    """One thing that happened at a place."""

    time: str
    event_id: str
    place: tuple[str, str]
    comes: bool
    shown: Document | None

    @property
    def counts(self) -> bool:
        """Whether it altered what runs there."""
        return not self.comes or (self.shown is not None and self.shown.get("result") == "success")


def places(facts: Sequence[Fact], node: Node, committed: str | None, trail_of: Callable[[str], str]) -> Places:
    """Where it runs, where it does no longer, and what it carried.

    Args:
        facts: of the trail.
        node: of the trail.
        committed: when the commit was made, None where that is not known.
        trail_of: the id of a commit's trail.
    """
    if "b" not in node and "j" not in node and not any("d" in fact for fact in facts):
        return NOWHERE
    latest: dict[tuple[str, str], _Move] = {}
    leads: dict[tuple[str, str], int] = {}
    for move in sorted((*_own(facts), *_with_others(node, trail_of)), key=lambda move: move[:2]):
        if move.counts or move.place not in latest or not latest[move.place].counts:
            latest[move.place] = move
        lead = _lead_ms(committed, move.time)
        if move.comes and move.counts and lead is not None:
            leads.setdefault(move.place, lead)
    in_order = [latest[place] for place in sorted(latest)]
    return Places(
        [_present({**move.shown, "lead_ms": leads.get(move.place)}) for move in in_order if move.comes and move.shown],
        [move.shown for move in in_order if not move.comes and move.shown],
        sorted((_carried(*told) for told in node.get("j", {}).items()), key=lambda told: (told["time"], told["event_id"])),
    )


def _own(facts: Sequence[Fact]) -> Iterator[_Move]:
    for fact in facts:
        entry = fact["e"]
        if "d" not in fact or "environment" not in entry or "l" in fact:
            continue
        place = (entry["environment"], fact.get("v", ""))
        if entry["type"] in _GONE:
            yield _Move(entry["time"], entry["event_id"], place, comes=False, shown=None)
        elif entry["type"] in _DEPLOYED:
            shown = {
                "environment": place[0],
                "result": entry.get("result"),
                "time": entry["time"],
                "digest": entry.get("digest"),
                "service": place[1],
                "actor": display(entry.get("actor", {})),
                "event_id": entry["event_id"],
            }
            yield _Move(entry["time"], entry["event_id"], place, comes=True, shown=_present(shown))


def _with_others(node: Node, trail_of: Callable[[str], str]) -> Iterator[_Move]:
    for event_id, (environment, service, time, sign, commit, _) in node.get("b", {}).items():
        comes = sign == "+"
        shown = {
            "environment": environment,
            "service": service,
            "result": "success" if comes else None,
            "time": time,
            "event_id": event_id,
            "commit": commit,
            "trail": trail_of(commit),
        }
        yield _Move(time, event_id, (environment, service), comes, _present(shown))


def _carried(event_id: str, told: list[Any]) -> Document:
    environment, service, time, state, since, count, revisions, taken, _ = told
    shown = {"event_id": event_id, "environment": environment, "service": service, "time": time, "state": state, "since": since}
    if state == "known":
        shown |= {"direction": _direction(count, taken), "commits": count, "revisions": revisions, "taken": taken}
    return _present(shown)


def _direction(brought: int, taken: int) -> str:
    if brought:
        return "aside" if taken else "forward"
    return "back" if taken else "same"


def elapsed_ms(first: str, last: str) -> int:
    """Milliseconds between two canonical times."""
    return round((datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds() * 1000)


def _lead_ms(committed: str | None, time: str) -> int | None:
    """Milliseconds from commit to deployment; None where clocks disagree on which came first."""
    return None if committed is None or time < committed else elapsed_ms(committed, time)


def _present(values: Document) -> Document:
    return {name: value for name, value in values.items() if value is not None and value != ""}
