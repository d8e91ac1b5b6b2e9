"""Events whose repository is not known: they wait in the partition of their alias, an artifact's digest as a rule.

The links topic tells which repositories made that digest. Then the event goes on to the repository's partition, with its bytes
as they came; headers say where to, and how many repositories claim it. More than one claim proves nothing: the event stays
here for people to see, and the claimants are told the number, so that none of them counts it as its own.

What no single repository claims is kept for as long as nodes are, and at most `MAX_HELD` of it: of more, the oldest is let go.
It has its record, and a trail of its own that says that it is unresolved; what is told of its alias later moves it no more.
"""

from datetime import UTC, datetime, timedelta

import orjson
from pipetrail_schemas.codec import Headers
from pipetrail_schemas.times import parse_time
from pipetrail_schemas.topics import RESOLVED

from pipetrail_processors.correlate.nodes import MAX_LINKS, Work
from pipetrail_processors.correlate.waiting import Waiting
from pipetrail_processors.output import Output
from pipetrail_processors.state.state import State
from pipetrail_processors.trail.fact import Fact, is_digest, standing, stands

# Headers of a message on the resolved topic. An empty repository: only the key was wrong.
REPOSITORY_HEADER = "pipetrail-repository"
CLAIMS_HEADER = "pipetrail-claims"
# The hashes of the event's other versions (`fact`), with a blank between them.
VERSIONS_HEADER = "pipetrail-versions"
NO_REPOSITORY = ""
# Events of a partition that no single repository claims: some 200 MB of state. What is usual is some hundreds.
MAX_HELD = 100_000
# The queue of what is held, the oldest first. A day's width: which of one day goes first does not matter.
_HELD = Waiting(timedelta(days=64), b"u")
_COUNT, _GONE = b"#held", b"#let go"
_ALL = datetime(9999, 1, 1, tzinfo=UTC)


def alias_of(fact: Fact, partitionkey: str) -> str:
    """Under which key the event waits. Only a digest is the same wherever it is heard of; the rest is of this partition."""
    aliases: list[str] = fact.get("a", [])
    digest = next((alias for alias in aliases if is_digest(alias)), None)
    if digest:
        return digest
    return f"{partitionkey} {aliases[0] if aliases else 'event:' + fact['e']['event_id']}"


class Foreign:
    """Lets events wait for their repository and sends them on."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting

    def add(self, work: Work, fact: Fact, alias: str, value: bytes, headers: Headers) -> tuple[list[Output], bool]:
        """Take in an event. Returns the event for each repository that claims it, and whether it had been seen before."""
        node = work.change(alias)
        facts = node.setdefault("f", {})
        event_id = fact["e"]["event_id"]
        known = facts.get(event_id)
        fact["e"]["link"] = "alias"
        facts[event_id] = standing(known, fact)
        if known is None or not stands(known, fact):
            kept = [(name, text.decode("latin-1")) for name, text in headers if text is not None and name not in _OWN_HEADERS]
            work.state.set(_raw_key(event_id), orjson.dumps(kept) + b"\n" + value)
        self._wait(work, alias)
        _count(work, alias)
        return self._forward(work, alias, [event_id]), known is not None

    def crowded_out(self, work: Work) -> list[str]:
        """Aliases whose events are to be let go, since there are too many: to be published, and then given to `let_go`."""
        if held(work.state) <= MAX_HELD:
            return []
        oldest = [alias for _, alias in _HELD.due(work.state, _ALL)]
        found = [alias for alias in oldest if work.node(alias).get("h")]
        for alias in found:
            work.change(alias)["x"] = True
        return found

    def let_go(self, work: Work, alias: str) -> None:
        """Let go of the events that wait or have waited for the alias; who made what it names is still known."""
        self.forget(work, alias)
        node = work.change(alias)
        gone = len(node.pop("f", ()))
        work.state.set(_GONE, b"%d" % (let_go(work.state) + gone))
        for part in ("g", "h", "w", "x", "z"):
            node.pop(part, None)

    def link(self, work: Work, alias: str, repository: str, commit: str) -> list[Output]:
        """A repository made what the alias names: what waits for it goes there, again if it has been told before."""
        node = work.change(alias)
        commits: dict[str, list[str]] = node.setdefault("c", {})
        if repository in commits or len(commits) < MAX_LINKS:
            known = commits.setdefault(repository, [])
            if commit not in known and len(known) < MAX_LINKS:
                known.append(commit)
                known.sort()
        self._wait(work, alias)
        _count(work, alias)
        return self._forward(work, alias, sorted(node.get("f", {})))

    def end_wait(self, work: Work, alias: str) -> set[str]:
        """The wait has ended. Returns the keys to publish."""
        node = work.change(alias)
        node.pop("w", None)
        if node.get("x") or len(node.get("c", ())) == 1 or "f" not in node:
            return set()
        node["x"] = True
        return {alias}

    def forget(self, work: Work, alias: str) -> None:
        """Remove the bytes of what waits or has waited for the alias."""
        node = work.node(alias)
        for event_id in node.get("f", ()):
            work.state.delete(_raw_key(event_id))
        _add(work.state, -node.get("h", 0))

    def tidy(self, work: Work, until: datetime, now: datetime) -> None:
        """Take out of the queue what was first held before `until`; what still is, is as if it were held since now."""
        for _, alias in _HELD.due(work.state, until):
            if work.node(alias).get("h"):
                _HELD.add_until(work.state, now.timestamp(), NO_REPOSITORY, alias)

    def _wait(self, work: Work, alias: str) -> None:
        """Queue the end of the wait, unless the event has gone on to the one repository that claims it."""
        node = work.change(alias)
        facts = node.get("f")
        if facts and len(node.get("c", ())) != 1 and not (node.get("x") or node.get("w")):
            node["w"] = True
            self._waiting.add(work.state, min(fact["r"] for fact in facts.values()), work.repository, alias)

    def _forward(self, work: Work, alias: str, event_ids: list[str]) -> list[Output]:
        repositories = sorted(work.node(alias).get("c", ()))
        claims = (CLAIMS_HEADER, b"%d" % len(repositories))
        facts = work.node(alias)["f"] if event_ids else {}
        return [
            Output(
                RESOLVED, repository.encode(), value, (*headers, (REPOSITORY_HEADER, repository.encode()), claims, *versions)
            )
            for event_id in event_ids
            for headers, value in [_raw(work, event_id)]
            for versions in [_versions(facts[event_id])]
            for repository in repositories
        ]


def held(state: State) -> int:
    """How many events of the partition no single repository claims."""
    return int(state.get(_COUNT) or 0)


def let_go(state: State) -> int:
    """How many of them were let go, because there were too many."""
    return int(state.get(_GONE) or 0)


def _count(work: Work, alias: str) -> None:
    """Keep the number of what is held right, after something has changed for the alias."""
    node = work.node(alias)
    facts, before = node.get("f", {}), node.get("h", 0)
    now = 0 if len(node.get("c", ())) == 1 else len(facts)
    if now == before:
        return
    if now:
        work.change(alias)["h"] = now
    else:
        del work.change(alias)["h"]
    _add(work.state, now - before)
    if not before:
        recorded = min(fact["r"] for fact in facts.values())
        _HELD.add_until(work.state, parse_time(recorded).timestamp(), NO_REPOSITORY, alias)


def _add(state: State, change: int) -> None:
    if change:
        state.set(_COUNT, b"%d" % (held(state) + change))


_OWN_HEADERS = frozenset({REPOSITORY_HEADER, CLAIMS_HEADER, VERSIONS_HEADER})


def _versions(fact: Fact) -> list[tuple[str, bytes]]:
    return [(VERSIONS_HEADER, " ".join(fact["y"]).encode())] if "y" in fact else []


def _raw(work: Work, event_id: str) -> tuple[tuple[tuple[str, bytes], ...], bytes]:
    stored = work.state.get(_raw_key(event_id)) or b"[]\n"
    headers, _, value = stored.partition(b"\n")
    return tuple((name, text.encode("latin-1")) for name, text in orjson.loads(headers)), value


def _raw_key(event_id: str) -> bytes:
    return b"v\0" + event_id.encode()
