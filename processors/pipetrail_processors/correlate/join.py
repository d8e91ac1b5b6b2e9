"""Joining events to trails within a repository. Wrong links are worse than none: one commit behind the evidence, or no link.

An event that names its commit belongs there, and vouches for its evidence (run, deployment, digest, merged change) being of
that commit. Any other joins by the first of its aliases that exactly one commit was linked to, or waits under an alias. What it
joins is a function of the links alone, so it moves when a late link proves something else, and any order ends alike.

What is said of a proposed change (a review) is about a commit of it, and stands there until the change is merged; then it
belongs to the commit that the merge made.

So that a trail that an event has left is still published with a higher revision, each trail counts in `n` how much is known of
the evidence of every event that could be its own: a number that only grows, and in any order to the same.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipetrail_processors.correlate.cap import cap, count, move
from pipetrail_processors.correlate.nodes import MAX_LINKS, Node, Work
from pipetrail_processors.correlate.waiting import Waiting
from pipetrail_processors.graph import streams
from pipetrail_processors.trail.bonds import INVERSE
from pipetrail_processors.trail.fact import Fact, is_digest, link_kind, standing

# Aliases of which a commit keeps who says that they are its own. Of more, chance decides, in any order alike; they stay linked.
MAX_VOUCHERS = 4000
# Commits that share author, author's time and message. More than a few are a robot's, and the same work only by their looks.
_MAX_COPIES = 16


@dataclass(slots=True)
class Joined:
    """What an event has touched: keys of nodes whose trails are to be published; `again`: the event had been seen before."""

    keys: set[str] = field(default_factory=set)
    again: bool = False


class Joiner:
    """Puts facts where they belong. Keeps nothing between calls."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting

    def add(self, work: Work, fact: Fact, vouched: list[str]) -> Joined:
        """Take in the fact of an event, with the evidence that the event vouches for."""
        joined = self._add_with_commit(work, fact) if "o" in fact and "a" not in fact else self._add_by_evidence(work, fact)
        if "o" in fact:
            joined.keys |= self._vouch(work, fact, vouched, again=joined.again)
        return joined

    def bind(self, work: Work, commit: str, bonds: Sequence[tuple[str, str]], event_id: str) -> set[str]:
        """An event says what its commit is bound to, as (kind, other commit). Gives the keys to publish."""
        touched = set()
        for kind, other in bonds:
            _tell(work.change(commit), kind, other, event_id)
            _tell(work.change(other), INVERSE[kind], commit, event_id)
            touched |= {commit, other}
        return touched

    def bind_copies(self, work: Work, commit: str, identity: str, event_id: str) -> set[str]:
        """A commit with this identity was recorded: it is bound to all that have the same. Gives the keys to publish."""
        key = f"work:{identity}"
        copies: dict[str, str] = work.node(key).get("e", {})
        if commit not in copies and len(copies) < _MAX_COPIES:
            copies = work.change(key).setdefault("e", {})
            copies[commit] = event_id
        others = [other for other in sorted(copies) if other != commit] if commit in copies else []
        for other in others:
            _tell(work.change(commit), "same_work", other, copies[other])
            _tell(work.change(other), "same_work", commit, event_id)
        return {commit, *others} if others else set()

    def end_wait(self, work: Work, alias: str) -> set[str]:
        """The wait of the alias has ended: what is still not linked stands on its own. Gives the keys to publish."""
        node = work.node(alias)
        if node.get("x"):
            return set()
        if not self._is_open(work, alias):
            work.change(alias).pop("w", None)
            return set()
        work.change(alias)["x"] = True
        return self._settle(work, alias)

    def _is_open(self, work: Work, alias: str) -> bool:
        """Whether anything still waits for the alias: an event that joined nothing, or a deployment of an unknown digest."""
        node = work.node(alias)
        for event_id, (home, _) in node.get("m", {}).items():
            fact = work.node(home).get("f", {}).get(event_id, {})
            if home == alias or ("d" in fact and fact["e"].get("digest") == alias and not node.get("c")):
                return True
        return False

    def _add_with_commit(self, work: Work, fact: Fact) -> Joined:
        commit: str = fact["o"]
        node, event_id = work.change(commit), fact["e"]["event_id"]
        joined = Joined({commit}, again=_merge(node, fact))
        joined.keys |= self._leave_out(work, commit)
        if event_id in node["f"]:
            joined.keys |= _place_in_stream(work, node["f"][event_id], commit, [])
        else:
            joined.again = True  # one of too many
        return joined

    def _vouch(self, work: Work, fact: Fact, vouched: list[str], *, again: bool) -> set[str]:
        """An event says that this evidence is of the commit that it names. Gives the keys to publish."""
        commit: str = fact["o"]
        linked: dict[str, list[str]] = work.change(commit).setdefault("l", {})
        voucher = [fact["e"]["time"], fact["e"]["event_id"]]
        touched = set()
        for alias in vouched:
            if again or alias not in linked:
                touched |= self._link(work, alias, commit)
            linked[alias] = min(linked.get(alias, voucher), voucher)
            if len(linked) > MAX_VOUCHERS:
                del linked[max(linked, key=lambda name: (zlib.crc32(name.encode()), name))]
        return touched

    def _link(self, work: Work, alias: str, commit: str) -> set[str]:
        node = work.node(alias)
        commits = node.get("c", [])
        if commit not in commits and len(commits) < MAX_LINKS:
            work.change(alias)["c"] = sorted([*commits, commit])
        return self._settle(work, alias)

    def _settle(self, work: Work, alias: str) -> set[str]:
        """Put the members of an alias, of which more is known now, where they belong."""
        node = work.node(alias)
        touched: set[str] = {alias} if node.get("x") else set()
        homes = set()
        for event_id, (home, _) in list(node.get("m", {}).items()):
            fact = work.node(home).get("f", {}).get(event_id)
            if fact is not None:
                touched |= self._place(work, fact, home)
                homes.add(node["m"][event_id][0])
        for home in sorted(homes):
            touched |= self._leave_out(work, home)
        return touched | _move_left_out(work, alias)

    def _add_by_evidence(self, work: Work, fact: Fact) -> Joined:
        event_id = fact["e"]["event_id"]
        if "a" not in fact:
            if "d" not in fact:
                return Joined()
            # Nothing says what was deployed: people see it at once, as a trail of its own.
            fact["a"] = [f"event:{event_id}"]
            work.change(fact["a"][0])["x"] = True
        members = (work.node(alias).get("m", {}) for alias in fact["a"])
        home = next((told[event_id][0] for told in members if event_id in told), None)
        known = work.node(home).get("f", {}).get(event_id) if home else None
        if known:
            claims = max(known.get("q", 0), fact.get("q", 0))
            fact = standing(known, fact)
            if claims:
                fact["q"] = claims
        joined = Joined(self._place(work, fact, home), again=known is not None)
        new_home: str = work.node(fact["a"][0])["m"][event_id][0]
        joined.keys |= self._leave_out(work, new_home)
        joined.again |= event_id not in work.node(new_home)["f"]
        return joined

    def _leave_out(self, work: Work, home: str) -> set[str]:
        """Leave out of a node what is too much. What joined by evidence counts for its first alias. Gives keys to publish."""
        touched: set[str] = set()
        for fact in cap(work.change(home)):
            event_id, aliases = fact["e"]["event_id"], fact["a"]
            nodes = [work.change(alias) for alias in aliases]
            possible: set[str] = {commit for node in nodes for commit in node.get("c", ())}
            if about := _about(fact):
                possible.add(about)
            for node in (*nodes, *map(work.change, possible)):
                for part in ("m", "n", "p"):
                    node.get(part, {}).pop(event_id, None)
            counts = _counted_at(nodes[0], aliases[0])
            count(work.change(counts), fact)
            nodes[0]["v"] = counts
            touched |= {counts, *possible}
        return touched

    def _place(self, work: Work, fact: Fact, old_home: str | None) -> set[str]:
        event_id, aliases = fact["e"]["event_id"], fact["a"]
        nodes = [work.change(alias) for alias in aliases]
        weight = fact.get("q", 0) + len(fact.get("y", ())) + _weight(nodes)
        home, link = _resolve(fact, nodes)
        touched = {home}
        if about := _about(fact):
            node = work.change(about)
            node.setdefault("n", {})[event_id] = weight
            _stretch(node, fact["e"]["time"])
            _forward(node, event_id, None if link == "alias" or home == about else home)
            touched.add(about)
        if old_home and old_home != home:
            _leave(work.change(old_home), event_id)
            touched.add(old_home)
        fact["e"]["link"] = link
        if "o" in fact and link != "commit":
            fact["e"]["revision"] = fact["o"]
        elif "o" in fact:
            fact["e"].pop("revision", None)
        work.change(home).setdefault("f", {})[event_id] = fact
        for node in nodes:
            _enlist(node, event_id, home, weight, fact["e"]["time"])
            for commit in node.get("c", ()):
                work.change(commit).setdefault("n", {})[event_id] = weight
                touched.add(commit)
        fact.pop("l", None)
        if _is_contradicted(fact, nodes):
            fact["l"] = True
        touched |= _place_in_stream(work, fact, None if link == "alias" or "l" in fact else home, nodes)
        if link == "alias":
            self._wait(work, home, fact["r"])
        digest = fact["e"].get("digest")
        if digest and "d" in fact and not work.node(digest).get("c"):
            self._wait(work, digest, fact["r"])
        return touched | {alias for alias, node in zip(aliases, nodes, strict=True) if node.get("x")}

    def _wait(self, work: Work, alias: str, recorded: str) -> None:
        node = work.change(alias)
        if not (node.get("x") or node.get("w")):
            node["w"] = True
            self._waiting.add(work.state, recorded, work.repository, alias)


def _resolve(fact: Fact, nodes: list[Node]) -> tuple[str, str]:
    """Where the fact belongs, and by what kind of link."""
    aliases: list[str] = fact["a"]
    fact.pop("j", None)
    if fact.get("q", 0) <= 1:
        made_of: list[str] = []
        for alias, node in zip(aliases, nodes, strict=True):
            commits = node.get("c", ())
            if len(commits) == 1 and commits[0] == fact.get("o"):
                break  # it says so itself, and the evidence agrees
            if len(commits) == 1 and commits[0] in (made_of or commits):
                fact["j"] = alias
                return commits[0], link_kind(alias)
            if is_digest(alias):
                made_of = commits  # the run at another commit does not make it that one's
        if about := _about(fact):
            return about, "commit"
    return next((alias for alias in aliases if is_digest(alias)), aliases[0]), "alias"


def _about(fact: Fact) -> str | None:
    """The commit that an event names, and that is not the last word: see `fact`."""
    about: str | None = fact.get("z") or fact.get("o")
    return about


def _is_contradicted(fact: Fact, nodes: list[Node]) -> bool:
    """Whether what was deployed was made of other commits than the one that the deployment names."""
    made_of = {commit for node in nodes for commit in node.get("c", ())}
    return "o" in fact and len(made_of) > 1 and fact["o"] not in made_of


def _counted_at(node: Node, alias: str) -> str:
    """The node where what was left out of the alias's events counts: that of its commit, if there is exactly one."""
    commits: list[str] = node.get("c", [])
    return commits[0] if len(commits) == 1 else alias


def _move_left_out(work: Work, alias: str) -> set[str]:
    """What was left out of the alias's events belongs where they belong now. Gives the keys to publish."""
    node = work.node(alias)
    before, after = node.get("v"), _counted_at(node, alias)
    if before is None or before == after:
        return set()
    move(work.change(before), work.change(after), alias)
    work.change(alias)["v"] = after
    return {before, after}


def _weight(nodes: list[Node]) -> int:
    """How much is known of the evidence: it grows with every link and every ended wait."""
    return sum(len(node.get("c", ())) + bool(node.get("x")) for node in nodes)


def _place_in_stream(work: Work, fact: Fact, commit: str | None, nodes: list[Node]) -> set[str]:
    """Bring what runs where in line with a deployment, of which another version may have counted. Gives the keys to publish."""
    counts = streams.counts(fact)
    if not (counts or ("y" in fact and streams.may_count(fact))):
        return set()
    doubt = _doubt(fact, commit, nodes)
    return streams.Streams(work).place(fact, commit if counts else None, doubt)


def _doubt(fact: Fact, commit: str | None, nodes: list[Node]) -> streams.Doubt:
    """How ambiguous the evidence is: it grows with every version of the event, and every link and claim once there are two."""
    commits = {commit, fact.get("o"), *(other for node in nodes for other in node.get("c", ()))} - {None}
    claims, versions = fact.get("q", 0), len(fact.get("y", ()))
    if not commits or (len(commits) == 1 and claims <= 1 and not versions):
        return streams.NO_DOUBT
    links = sum(len(node.get("c", ())) for node in nodes)
    return streams.Doubt(claims + versions + links, tuple(sorted(filter(None, commits))))


def _merge(node: Node, fact: Fact) -> bool:
    """Put the fact among the node's. Returns whether it may have been there already; the version that stands is kept."""
    facts = node.setdefault("f", {})
    event_id = fact["e"]["event_id"]
    known = facts.get(event_id)
    facts[event_id] = standing(known, fact)
    return known is not None


def _leave(node: Node, event_id: str) -> None:
    """Take a fact out of the node, which keeps no empty place for it: how often facts moved must not show in the state."""
    facts = node.get("f", {})
    facts.pop(event_id, None)
    if not facts:
        node.pop("f", None)


def _tell(node: Node, kind: str, other: str, event_id: str) -> None:
    told = node.setdefault("i", {})
    key = f"{kind} {other} {event_id}"
    if key in told or len(told) < MAX_LINKS:
        told[key] = [kind, other, event_id]


def _enlist(node: Node, event_id: str, home: str, weight: int, time: str) -> None:
    node.setdefault("m", {})[event_id] = [home, weight]
    _stretch(node, time)


def _forward(node: Node, event_id: str, home: str | None) -> None:
    gone = node.setdefault("p", {})
    if home is None:
        gone.pop(event_id, None)
    else:
        gone[event_id] = home


def _stretch(node: Node, time: str) -> None:
    first, last = node.get("t", (time, time))
    node["t"] = [min(first, time), max(last, time)]
