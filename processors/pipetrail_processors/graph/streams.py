"""What runs where: the successful deployments of each service to each environment, and the commits that each of them carried.

A deployment of commit D after one of P brings what D has and P has not, and takes away what P has and D has not: one deployment
carries many commits, a roll-back carries none and takes some away, a hot fix from a branch does both. What it brought stands in
the node of each commit (`b`) and the sum in the deployed commit's (`j`), see `correlate.nodes`.

Deployments come late and in any order, and so do commits: what is affected is worked out anew, only what differs is written.
Where the graph has a gap, an earlier deployment is compared with, up to `_FALLBACKS`; if that does not help either, nothing is
said but that it is not known. Nothing is claimed of the first deployment that is known: it may have brought all or nothing.

A deployment that joined by evidence is taken back when more than one commit turns out to stand behind it. What was compared
with it falls back then, and the revisions of these trails must not: so an ambiguous deployment stays in the stream, without a
commit, and all that come after it count how ambiguous those before them are (`k`), which only grows.
"""

from bisect import insort
from collections.abc import Iterable
from itertools import islice, takewhile
from typing import Any, NamedTuple

import orjson

from pipetrail_processors.correlate.nodes import Work
from pipetrail_processors.graph.commits import CommitGraph, milliseconds
from pipetrail_processors.graph.difference import difference
from pipetrail_processors.state.state import State
from pipetrail_processors.trail.fact import Fact

# Of one service in one environment; what came before them is settled.
MAX_DEPLOYMENTS = 200
_FALLBACKS = 8
# A time before any deployment.
_EARLY_MS = milliseconds("2000-01-01T00:00:00.000Z")
# Commits that are named in the trail of the deployed one; all of them are counted, and tell it themselves.
MAX_NAMED = 100
# What a sum in `j` is worth as a part of a trail's revision, besides the time of the deployment that it was compared with.
SUM_WEIGHTS = {"first": 0, "unknown": 1, "known": 2}
# What ambiguity is worth: more than any sum, which it may take back. In milliseconds 278 years.
DOUBT_WEIGHT = 2**43
DEPLOYED, ROLLED_BACK = "deployment.finished", "deployment.rolledback"


class _Element(NamedTuple):
    """One deployment of a stream, as it is stored."""

    time: str
    event_id: str
    type: str
    commit: str  # empty: it is not known which one
    doubt: int = 0  # see `Doubt`
    candidates: tuple[str, ...] = ()

    @classmethod
    def stored(cls, parts: list[Any]) -> "_Element":
        """From the state; most have neither doubt nor candidates."""
        return cls(*parts[:4], *((parts[4], tuple(parts[5])) if len(parts) > 4 else ()))  # noqa: PLR2004 - as `stored_as`

    @property
    def stored_as(self) -> list[Any]:
        """For the state."""
        return list(self if self.doubt else self[:4])


class _Stream:
    """The deployments of one stream, as they are kept."""

    def __init__(self, state: State, key: bytes) -> None:
        self._state = state
        self._key = key
        value = state.get(key)
        self.elements = [] if value is None else [_Element.stored(parts) for parts in orjson.loads(value)]

    def save(self) -> None:
        self._state.set(self._key, orjson.dumps([element.stored_as for element in self.elements]))


class Doubt(NamedTuple):
    """How ambiguous an event is: not at all while its evidence leads to one commit at most, and it has one version.

    `weight` grows with each link of its evidence and each version; `commits` are those that it could belong to.
    """

    weight: int = 0
    commits: tuple[str, ...] = ()


NO_DOUBT = Doubt()


def counts(fact: Fact) -> bool:
    """Whether the fact changes what runs somewhere."""
    return may_count(fact) and (fact["e"]["type"] == ROLLED_BACK or fact["e"].get("result") == "success")


def may_count(fact: Fact) -> bool:
    """Whether it would, had it succeeded."""
    return fact["e"]["type"] in {DEPLOYED, ROLLED_BACK} and "environment" in fact["e"]


class _Run(NamedTuple):
    """What runs from some time on."""

    commit: str
    time: str


# What runs with a deployment, then what ran before it, latest first, each commit once.
_Place = tuple[_Run, ...]


class Streams:
    """The streams of one repository. Keeps nothing between calls."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._graph = CommitGraph(work.state, work.repository)
        self._prefix = work.repository.encode() + b"\0"

    def place(self, fact: Fact, where: tuple[str, str], commit: str | None, doubt: Doubt = NO_DOUBT) -> set[str]:
        """A deployment to an environment, of a service, belongs to a commit, or (None) to none any more.

        Returns the commits whose trails have changed.

        Told again, it returns all that it had changed.
        """
        stream = "\0".join(where)
        entry = fact["e"]
        before = self._elements(stream)
        after = [element for element in before if element.event_id != entry["event_id"]]
        if commit or doubt.weight:
            insort(after, _Element(entry["time"], entry["event_id"], entry["type"], commit or "", *doubt))
        kept = after[-MAX_DEPLOYMENTS:]
        if kept == before:
            return self._told_again(entry["time"], entry["event_id"], kept)
        self._keep(stream, kept)
        # Nothing has changed for those before the first that differs.
        same = sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], zip(before, after, strict=False)))
        old, new = dict(_compared(before, same)), dict(_compared(after, same))
        touched = self._tell_doubts(before, kept)
        for element in after[max(same, len(after) - len(kept)) :]:
            if element.commit and new[element] != old.get(element):
                touched |= self._settle(stream, element, new[element])
        if not commit:
            for element in before:
                # Without a commit it moved nothing here; elsewhere it may, if another version says that it was there.
                if element.event_id == entry["event_id"] and element.commit:
                    touched |= self._write(stream, element, {})
        return touched

    def commit_recorded(self, commit: str) -> set[str]:
        """A commit came into the graph: who waited for it is worked out anew. Returns the commits whose trails have changed."""
        wants = self._graph.wants(commit)
        if not wants:
            return set()
        known = self._graph.get(commit)
        parents = known.parents if known else ()
        touched: set[str] = set()
        for event_id, (stream, ends, tips) in sorted(wants.items()):
            if ends and parents and not any(self._matters(parent, event_id, tips) for parent in parents):
                # The gap has moved down by one commit; looking again would find nothing else.
                self._want(event_id, stream, dict.fromkeys(parents, True), tips)
                continue
            places = dict(_compared(self._elements(stream)))
            element = next((element for element in places if element.event_id == event_id), None)
            if element:
                touched |= self._settle(stream, element, places[element])
            touched |= self._told(event_id)
        return touched

    def forget(self, event_id: str) -> None:
        """Remove what a deployment moved; it is too long ago to be worked out anew."""
        self._work.state.delete(self._moved_key(event_id))

    def _matters(self, commit: str, event_id: str, tips: list[str]) -> bool:
        return commit in tips or event_id in self._graph.wants(commit) or self._graph.get(commit) is not None

    def _settle(self, stream: str, element: _Element, place: _Place) -> set[str]:
        """Work out what a deployment carried."""
        deployed, *earlier = place
        moved: dict[str, Any] = {"c": deployed.commit, "y": "unknown" if earlier else "first"}
        lacking: dict[str, bool] = {}
        for since in earlier:
            found = difference(self._graph.get, since.commit, deployed.commit)
            if found.complete:
                moved |= {"y": "known", "s": since.commit, "t": since.time, "a": found.added, "r": found.removed}
                break
            lacking = {**found.lacking, **lacking}
        self._want(element.event_id, stream, lacking, [run.commit for run in place])
        return self._write(stream, element, moved)

    def _want(self, event_id: str, stream: str, lacking: dict[str, bool], tips: list[str]) -> None:
        for commit, ends in lacking.items():
            wants = self._graph.wants(commit)
            wants[event_id] = [stream, ends, tips]
            self._graph.set_wants(commit, wants)

    def _write(self, stream: str, element: _Element, moved: dict[str, Any]) -> set[str]:
        """Bring the nodes in line with what the deployment moved. Returns the commits whose nodes have changed."""
        key = self._moved_key(element.event_id)
        before = self._moved(element.event_id)
        environment, _, service = stream.partition("\0")
        old, new = _signs(before), _signs(moved)
        touched = set()
        for commit in old.keys() | new.keys():
            told: dict[str, Any] = self._work.node(commit).get("b", {})
            told_now = [environment, service, element.time, new[commit], moved["c"], element.type] if commit in new else None
            if told.get(element.event_id) == told_now:
                continue
            told = self._work.change(commit).setdefault("b", {})
            touched.add(commit)
            if told_now:
                told[element.event_id] = told_now
            else:
                del told[element.event_id]
        touched |= self._sum_up(stream, element, before, moved)
        self._work.state.set(key, orjson.dumps(moved))
        return touched

    def _sum_up(self, stream: str, element: _Element, before: dict[str, Any], moved: dict[str, Any]) -> set[str]:
        touched = set()
        if before and before["c"] != moved.get("c"):
            self._work.change(before["c"]).get("j", {}).pop(element.event_id, None)
            touched.add(before["c"])
        if moved and element.type == DEPLOYED:
            environment, _, service = stream.partition("\0")
            added = moved.get("a", ())
            told = [environment, service, element.time, moved["y"], moved.get("s")]
            told += [len(added), list(added[:MAX_NAMED]), len(moved.get("r", ())), _since_ms(moved)]
            sums = self._work.change(moved["c"]).setdefault("j", {})
            if sums.get(element.event_id) != told:
                sums[element.event_id] = told
                touched.add(moved["c"])
        return touched

    def _tell_doubts(self, before: list[_Element], kept: list[_Element]) -> set[str]:
        """Bring the nodes in line with how ambiguous the stream is. Returns the commits whose nodes have changed."""
        old, new = _doubts(before), _doubts(kept)
        touched: set[str] = set()
        for event_id, (doubt, commits) in new.items():
            if old.get(event_id) == (doubt, commits):
                continue
            for commit in commits:
                told = self._work.change(commit).setdefault("k", {})
                told[event_id] = max(doubt, told.get(event_id, 0))
            touched |= commits
        return touched

    def _told_again(self, time: str, event_id: str, elements: list[_Element]) -> set[str]:
        """All that a deployment has changed, those included that were compared with it, or could have been."""
        touched = self._told(event_id)
        own = next((element for element in elements if element.event_id == event_id), None)
        if own is None:
            return touched
        later = [element for element in elements if element[:2] > (time, event_id)]
        if own.doubt:
            doubts = _doubts(elements)
            touched.update(*(doubts[element.event_id][1] for element in (own, *later)))
        for element in later:
            moved = self._moved(element.event_id)
            if moved and moved.get("t", "") <= time:
                touched |= self._told(element.event_id)
        return touched

    def _told(self, event_id: str) -> set[str]:
        moved = self._moved(event_id)
        return {*_signs(moved), *([moved["c"]] if moved else [])}

    def _moved(self, event_id: str) -> dict[str, Any]:
        value = self._work.state.get(self._moved_key(event_id))
        moved: dict[str, Any] = {} if value is None else orjson.loads(value)
        return moved

    def _elements(self, stream: str) -> list[_Element]:
        key = self._stream_key(stream)
        return self._work.held(key, _Stream, key).elements

    def _keep(self, stream: str, elements: list[_Element]) -> None:
        key = self._stream_key(stream)
        self._work.held(key, _Stream, key).elements = elements
        self._work.alter(key)

    def _stream_key(self, stream: str) -> bytes:
        return b"d\0" + self._prefix + stream.encode()

    def _moved_key(self, event_id: str) -> bytes:
        return b"m\0" + self._prefix + event_id.encode()


def _since_ms(moved: dict[str, Any]) -> int:
    return min(max(0, milliseconds(moved["t"]) - _EARLY_MS), DOUBT_WEIGHT) if "t" in moved else 0


def _signs(moved: dict[str, Any]) -> dict[str, str]:
    """Which other commits a deployment brought and took away."""
    signs = dict.fromkeys(moved.get("a", ()), "+") | dict.fromkeys(moved.get("r", ()), "-")
    # That the deployed commit itself runs there is told by its own events.
    signs.pop(moved.get("c", ""), None)
    return signs


def _doubts(elements: list[_Element]) -> dict[str, tuple[int, set[str]]]:
    """By event id: how ambiguous a deployment and those before it are, and the commits whose trails count it."""
    found: dict[str, tuple[int, set[str]]] = {}
    total = 0
    for element in elements:
        total += element.doubt
        if total:
            found[element.event_id] = (total, {element.commit, *element.candidates} - {""})
    return found


def _compared(elements: Iterable[_Element], start: int = 0) -> list[tuple[_Element, _Place]]:
    """Each deployment from the place `start` on with what runs from then on, and what ran before.

    After a roll-back that says no more than what was given up, the latest other commit runs again.
    """
    found: list[tuple[_Element, _Place]] = []
    running: dict[str, _Run] = {}  # by commit, latest last
    for number, element in enumerate(elements):
        commit = element.commit
        if not commit:
            continue
        latest = next(reversed(running), None)
        if element.type == ROLLED_BACK and latest == commit:
            commit = next((other for other in reversed(running) if other != commit), commit)
        elif element.type == ROLLED_BACK:
            # Nothing is known to have run, or something else runs already: the roll-back was told as a deployment, too.
            commit = latest or commit
        run = _Run(commit, element.time)
        if number >= start:
            found.append((element, (run, *islice(reversed(running.values()), _FALLBACKS))))
        running.pop(commit, None)
        running[commit] = run
    return found
