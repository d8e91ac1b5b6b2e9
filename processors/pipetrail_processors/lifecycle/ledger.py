"""The decisions about findings in the state: whichever comes first, finding or decision, the other finds it.

A finding has a node of its own beside the trail or dossier that holds it (`nodes`, key `finding:ID`):

    d  decisions by event id    at  which trail's node or dossier holds the finding
    l  the finding as it was published last, once its dossier has no room for its events any more
    x  the end of the exclusion that hides it, which is queued    e  when that came: what ended by then hides nothing

Those that were decided about are named in what holds them (`q`), so that nothing is looked up for the others.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import orjson
from pipetrail_schemas.times import format_time, parse_time
from pipetrail_schemas.topics import FINDINGS

from pipetrail_processors.correlate.nodes import Node, Work
from pipetrail_processors.correlate.waiting import Waiting
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.lifecycle.settle import STATUSES, Document, base_of, settled
from pipetrail_processors.output import Output
from pipetrail_processors.trail.fact import Fact, standing
from pipetrail_processors.watch.dossier import dossier_of

# Decisions about one finding that are kept, the latest; people who go back and forth more often are in the index.
_MOST = 32
_KEPT = ("e", "r", "h", "u", "t", "y")
_KEPT_OF_ENTRY = ("event_id", "type", "time", "actor", "actor_type", "reason")
_PREFIX = "finding:"
_OPEN, _EXCLUDED = "open", "excluded"
# Ends of exclusions, in the order of time; they come a minute late at most.
ENDS = Waiting(timedelta(minutes=64), queue=b"x")

Place = list[str]


def is_decision(kind: str) -> bool:
    """Whether an event of the type is somebody's decision about a finding."""
    return kind in STATUSES


def in_trail(key: str) -> Place:
    """The place of findings that the node of a trail holds."""
    return ["trail", key]


def in_dossier(scope: str, key: str) -> Place:
    """The place of findings that a dossier holds."""
    return ["dossier", scope, key]


class Ledger:
    """What was decided about the findings that one node or dossier holds."""

    def __init__(self, work: Work, policy: Policy, place: Place, holder: Node) -> None:
        """Make one.

        Args:
            work: the nodes of the repository.
            policy: whose word counts.
            place: what holds the findings.
            holder: the node or dossier there; `q` is brought up to date.
        """
        self._work = work
        self._policy = policy
        self._place = place
        self._holder = holder

    def before(self, finding_id: str, published: Document | None) -> Document | None:
        """The finding as it was published last: also what was forgotten here meanwhile. One without is noted to be here."""
        if published is not None:
            return published
        node = self._work.change(_PREFIX + finding_id)
        node["at"] = self._place
        if node.get("d"):
            self._holder["q"] = sorted({*self._holder.get("q", ()), finding_id})
        last: Document | None = node.pop("l", None)
        return last

    def settled(self, finding_id: str, document: Document, base: str) -> Document:
        """The finding with what was decided about it."""
        decisions: dict[str, Fact] = {}
        if finding_id in self._holder.get("q", ()):
            decisions = self._work.node(_PREFIX + finding_id).get("d", {})
        if base == _EXCLUDED and not self._is_hidden(_PREFIX + finding_id, _end_of(document)):
            base = _OPEN
        return settled(document, base, decisions.values(), self._policy)

    def _is_hidden(self, key: str, end: str) -> bool:
        node = self._work.node(key)
        if node.get("e", "") >= end:
            return False
        if node.get("x") != end:
            self._work.change(key)["x"] = end
            ENDS.add_until(self._work.state, parse_time(end).timestamp(), self._work.repository, key)
        return True

    def release(self, findings: Iterable[tuple[str, Document]]) -> None:
        """The holder forgets these findings: they can still be decided about."""
        for finding_id, document in findings:
            node = self._work.change(_PREFIX + finding_id)
            node.pop("at", None)
            node["l"] = document


def decide(work: Work, policy: Policy, finding_id: str, fact: Fact) -> list[Output]:
    """Take in a decision. Returns the finding, where it is known already."""
    node = work.change(_PREFIX + finding_id)
    decisions: dict[str, Fact] = node.setdefault("d", {})
    slim = {name: value for name, value in fact.items() if name in _KEPT}
    slim["e"] = {name: value for name, value in fact["e"].items() if name in _KEPT_OF_ENTRY}
    event_id = fact["e"]["event_id"]
    decisions[event_id] = standing(decisions.get(event_id), slim)
    if len(decisions) > _MOST:
        del decisions[min(decisions, key=lambda name: (decisions[name]["e"]["time"], name))]
    if "l" in node:
        node["l"] = after = _revised(node["l"], decisions.values(), policy)
        return [Output(FINDINGS, finding_id.encode(), orjson.dumps(after))]
    return _published_where(work, node.get("at"), finding_id, lambda last: _revised(last, decisions.values(), policy))


def let_go(work: Work, policy: Policy, key: str, now: datetime, renewed: Callable[[Document], datetime | None]) -> list[Output]:
    """The end of an exclusion has come: the finding that it hid is open, unless it was renewed.

    Args:
        work: the nodes of the repository.
        policy: whose word counts.
        key: of the finding's node.
        now: as of when.
        renewed: gives the end of an exclusion that hides the finding still.
    """
    node, finding_id = work.change(key), key.removeprefix(_PREFIX)

    def opened(last: Document) -> Document:
        if base_of(last) != _EXCLUDED or parse_time(_end_of(last)) > now:
            return last
        if end := renewed(last):
            node["x"] = format_time(end)
            ENDS.add_until(work.state, end.timestamp(), work.repository, key)
            return last
        node["e"] = format_time(now)
        return _revised(last, node.get("d", {}).values(), policy, _OPEN)

    if "l" in node:
        node["l"] = after = opened(node["l"])
        return [Output(FINDINGS, finding_id.encode(), orjson.dumps(after))]
    return _published_where(work, node.get("at"), finding_id, opened)


def is_held(work: Work, key: str) -> bool:
    """Whether the key is of a finding that is still held somewhere: then its node stays, too."""
    place = work.node(key).get("at") if key.startswith(_PREFIX) else None
    if place is None:
        return False
    return bool(work.node(place[1]) if place[0] == "trail" else dossier_of(work, place[1], place[2]).node.get("g"))


def _published_where(work: Work, place: Place | None, finding_id: str, revised: Callable[[Document], Document]) -> list[Output]:
    if place is None:
        return []
    dossier = dossier_of(work, place[1], place[2]) if place[0] == "dossier" else None
    holder = dossier.node if dossier else work.node(place[1])
    published: dict[str, Any] = holder.get("g", {})
    if finding_id not in published:
        return []
    published[finding_id] = revised(published[finding_id])
    holder["q"] = sorted({*holder.get("q", ()), finding_id})
    if dossier:
        work.alter(dossier.name)
    else:
        work.change(place[1])
    return [Output(FINDINGS, finding_id.encode(), orjson.dumps(published[finding_id]))]


def _end_of(document: Document) -> str:
    end: str = document["pipetrail"]["finding"]["exclusion"]["expires"]
    return end


def _revised(last: Document, decisions: Iterable[Fact], policy: Policy, base: str = "") -> Document:
    after = settled(last, base or base_of(last), decisions, policy)
    if after != last:
        after["pipetrail"]["finding"]["revision"] += 1
    return after
