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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pipetrail_processors.correlate.cap import cap, count, move
from pipetrail_processors.correlate.nodes import MAX_LINKS, Node, Work
from pipetrail_processors.correlate.versions import Told, named, place_of, together, told
from pipetrail_processors.correlate.waiting import Waiting
from pipetrail_processors.graph import streams
from pipetrail_processors.trail.bonds import INVERSE
from pipetrail_processors.trail.fact import Fact, is_deployment, is_digest, link_kind

# Aliases of which a commit keeps who says that they are its own. Of more, chance decides, in any order alike; they stay linked.
MAX_VOUCHERS = 4000
# Commits that share author, author's time and message. More than a few are a robot's, and the same work only by their looks.
_MAX_COPIES = 16
# Events whose id is made of the commit: no version of one is about another commit.
_KNOWN_BY_COMMIT = frozenset({"commit.recorded"})


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
        if "o" not in fact and "a" not in fact:
            if "d" not in fact:
                return Joined()
            # Nothing says what was deployed: people see it at once, as a trail of its own.
            fact["a"] = [f"event:{fact['e']['event_id']}"]
            work.change(fact["a"][0])["x"] = True
        home = _home_of(work, fact)
        known = work.node(home)["f"][fact["e"]["event_id"]] if home else None
        stands = together(known, fact)
        place = self._place_simple if _is_simple(stands) else self._place_by_evidence
        joined = Joined(place(work, stands, home), again=known is not None)
        kept = fact["e"]["event_id"] in work.node(stands["o"])["f"] if _is_simple(stands) else _home_of(work, fact)
        joined.again |= not kept  # one of too many
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

    def _place_simple(self, work: Work, fact: Fact, home: str | None) -> set[str]:
        """An event that names its commit, by all of its versions, belongs there."""
        commit, event_id = fact["o"], fact["e"]["event_id"]
        work.change(commit).setdefault("f", {})[event_id] = fact
        if home is None and fact["e"]["type"] not in _KNOWN_BY_COMMIT:
            work.note(event_id, commit)
        touched = {commit} | self._leave_out(work, commit)
        if event_id in work.node(commit)["f"]:
            touched |= _place_in_stream(work, fact, commit, [])
        return touched

    def _place_by_evidence(self, work: Work, fact: Fact, home: str | None) -> set[str]:
        """An event whose evidence says where it belongs, or whose versions do not agree about that."""
        deployments = [alias for alias in fact.get("a", ()) if is_deployment(alias)]
        told_of = [alias for alias in deployments if _tell_digest(work, alias, fact["e"].get("digest"))]
        touched = self._place(work, fact, home)
        for alias in told_of:
            if len(work.node(alias)["m"]) > 1:  # the deployment's other events are of these bytes, too
                touched |= self._settle(work, alias)
        new_home = _home_of(work, fact)
        return touched | self._leave_out(work, new_home) if new_home else touched

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

    def _leave_out(self, work: Work, home: str) -> set[str]:
        """Leave out of a node what is too much. What joined by evidence counts for its first alias. Gives keys to publish."""
        touched: set[str] = set()
        for fact in cap(work.change(home)):
            event_id, every = fact["e"]["event_id"], _evidence(work, fact)
            work.note(event_id, None)
            nodes = [work.change(alias) for alias in every.aliases]
            possible: set[str] = {*every.commits, *(commit for node in nodes for commit in node.get("c", ()))}
            for node in (*nodes, *map(work.change, possible)):
                for part in ("m", "n", "p"):
                    node.get(part, {}).pop(event_id, None)
            touched |= possible
            if "a" not in fact:
                count(work.change(home), fact)
                continue
            first: str = fact["a"][0]
            counts = _counted_at(work.node(first), first)
            count(work.change(counts), fact, first)
            work.change(first)["v"] = counts
            touched.add(counts)
        return touched

    def _place(self, work: Work, fact: Fact, old_home: str | None) -> set[str]:
        """Put a fact where its evidence says. Gives the keys to publish."""
        event_id, every = fact["e"]["event_id"], _evidence(work, fact)
        nodes = {alias: work.change(alias) for alias in every.aliases}
        weight = fact.get("q", 0) + len(fact.get("y", ())) + _weight(nodes.values())
        own = _own_evidence(work, fact)
        home, link = _resolve(fact, [(alias, nodes[alias]) for alias in own])
        touched = {home, *every.commits}
        for commit in every.commits:
            node = work.change(commit)
            node.setdefault("n", {})[event_id] = weight
            _stretch(node, every.times)
            _forward(node, event_id, None if link == "alias" or home == commit else home)
        if old_home and old_home != home:
            _leave(work.change(old_home), event_id)
            touched.add(old_home)
        _say_link(fact, link)
        work.change(home).setdefault("f", {})[event_id] = fact
        if old_home is None or "n" in fact:
            work.note(event_id, every.aliases[0] if every.aliases else home)
        for node in nodes.values():
            node.setdefault("m", {})[event_id] = [home, weight]
            _stretch(node, every.times)
            for commit in node.get("c", ()):
                work.change(commit).setdefault("n", {})[event_id] = weight
                touched.add(commit)
        fact.pop("l", None)
        if _is_contradicted(fact, [(alias, nodes[alias]) for alias in own]):
            fact["l"] = True
        touched |= _place_in_stream(work, fact, None if link == "alias" or "l" in fact else home, list(nodes.values()))
        if link == "alias":
            self._wait(work, home, fact["r"])
        digest = fact["e"].get("digest")
        if digest and "d" in fact and not work.node(digest).get("c"):
            self._wait(work, digest, fact["r"])
        return touched | {alias for alias, node in nodes.items() if node.get("x")}

    def _wait(self, work: Work, alias: str, recorded: str) -> None:
        node = work.change(alias)
        if not (node.get("x") or node.get("w")):
            node["w"] = True
            self._waiting.add(work.state, recorded, work.repository, alias)


def _is_simple(fact: Fact) -> bool:
    """Whether nothing but the commit that the event names, in all of its versions, says where it belongs."""
    return "o" in fact and "a" not in fact and "n" not in fact


def _home_of(work: Work, fact: Fact) -> str | None:
    """The key of the node that has a fact of the event; None where none has."""
    event_id = fact["e"]["event_id"]
    known = fact.get("o") if fact["e"]["type"] in _KNOWN_BY_COMMIT else work.knows(event_id)
    if known is None:
        return None
    node = work.node(known)
    home: str = known if event_id in node.get("f", ()) else node.get("m", {}).get(event_id, [known])[0]
    return home if event_id in work.node(home).get("f", ()) else None


def _evidence(work: Work, fact: Fact) -> Told:
    """Where all versions of an event say that it belongs, with the bytes that its deployment is known by otherwise."""
    every = told(fact)
    return every._replace(aliases=list(dict.fromkeys((*_own_evidence(work, fact), *every.aliases))))


def _tell_digest(work: Work, deployment: str, digest: str | None) -> bool:
    """One of the deployment's events names its bytes. Returns whether that is new."""
    known: list[str] = work.node(deployment).get("d", [])
    if digest is None or digest in known or len(known) >= MAX_LINKS:
        return False
    work.change(deployment)["d"] = sorted([*known, digest])
    return True


def _own_evidence(work: Work, fact: Fact) -> list[str]:
    """The evidence of the version that stands. Of a deployment all events are of the bytes that any of them names."""
    aliases: list[str] = fact.get("a", [])
    if "d" not in fact or any(map(is_digest, aliases)):
        return aliases
    digests = {digest for alias in aliases if is_deployment(alias) for digest in work.node(alias).get("d", ())}
    return [*sorted(digests), *aliases]


def _resolve(fact: Fact, evidence: Sequence[tuple[str, Node]]) -> tuple[str, str]:
    """Where the fact belongs, and by what kind of link."""
    fact.pop("j", None)
    about, made_of, among = named(fact), _made_of(evidence), set[str]()
    for alias, node in evidence if fact.get("q", 0) <= 1 else ():
        if "o" in fact and not is_digest(alias):
            continue  # it says itself which commit it is of; only its bytes know better
        commits = made_of if is_digest(alias) else set(node.get("c", ()))
        among = made_of if is_digest(alias) else among  # the run at another commit does not make the bytes that one's
        if len(commits) == 1 and commits <= (among or commits):
            [commit] = commits
            if commit == fact.get("o"):
                break  # it says so itself, and the evidence agrees
            if commit in node.get("c", ()):
                fact["j"] = alias
                return commit, link_kind(alias)
    if about and (fact.get("q", 0) <= 1 or not evidence):
        return about, "commit"
    waits = [alias for alias, _ in evidence]
    return next((alias for alias in waits if is_digest(alias)), waits[0]), "alias"


def _made_of(evidence: Iterable[tuple[str, Node]]) -> set[str]:
    """The commits that the bytes were made of, which the evidence names."""
    return {commit for alias, node in evidence if is_digest(alias) for commit in node.get("c", ())}


def _say_link(fact: Fact, link: str) -> None:
    fact["e"]["link"] = link
    if "o" in fact and link != "commit":
        fact["e"]["revision"] = fact["o"]
    elif "o" in fact:
        fact["e"].pop("revision", None)


def _is_contradicted(fact: Fact, evidence: Iterable[tuple[str, Node]]) -> bool:
    """Whether what was deployed was made of other commits than the one that the deployment names."""
    made_of = _made_of(evidence)
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


def _weight(nodes: Iterable[Node]) -> int:
    """How much is known of the evidence: it grows with every link and every ended wait."""
    return sum(len(node.get("c", ())) + bool(node.get("x")) for node in nodes)


def _place_in_stream(work: Work, fact: Fact, commit: str | None, nodes: list[Node]) -> set[str]:
    """Bring what runs where in line with a deployment, of which another version may have counted. Gives the keys to publish."""
    counts = streams.counts(fact)
    if not (counts or "n" in fact or ("y" in fact and streams.may_count(fact))):
        return set()
    every = told(fact)
    doubt = _doubt(fact, commit, [*every.commits, *(other for node in nodes for other in node.get("c", ()))], nodes)
    stream = streams.Streams(work)
    own = place_of(fact) if counts else None
    touched: set[str] = set()
    for place in sorted(every.places, key=lambda place: place == own):  # it leaves the others before it comes to its own
        touched |= stream.place(fact, place, commit if place == own else None, doubt)
    return touched


def _doubt(fact: Fact, commit: str | None, possible: Iterable[str], nodes: list[Node]) -> streams.Doubt:
    """How ambiguous the evidence is: it grows with every version of the event, and every link and claim once there are two."""
    commits = {commit, *possible} - {None}
    claims, versions = fact.get("q", 0), len(fact.get("y", ()))
    if not commits or (len(commits) == 1 and claims <= 1 and not versions):
        return streams.NO_DOUBT
    links = sum(len(node.get("c", ())) for node in nodes)
    return streams.Doubt(claims + versions + links, tuple(sorted(filter(None, commits))))


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


def _forward(node: Node, event_id: str, home: str | None) -> None:
    gone = node.setdefault("p", {})
    if home is None:
        gone.pop(event_id, None)
    else:
        gone[event_id] = home


def _stretch(node: Node, times: tuple[str, str]) -> None:
    first, last = node.get("t", times)
    node["t"] = [min(first, times[0]), max(last, times[1])]
