"""Events whose repository is not known: they wait in the partition of their alias, an artifact's digest as a rule.

The links topic tells which repositories made that digest. Then the event goes on to the repository's partition, with its bytes
as they came; headers say where to, and how many repositories claim it. More than one claim proves nothing: the event stays
here for people to see, and the claimants are told the number, so that none of them counts it as its own.
"""

import orjson
from pipetrail_schemas.codec import Headers
from pipetrail_schemas.topics import RESOLVED

from pipetrail_processors.correlate.nodes import MAX_LINKS, Work
from pipetrail_processors.correlate.waiting import Waiting
from pipetrail_processors.output import Output
from pipetrail_processors.trail.fact import Fact, is_digest, standing, stands

# Headers of a message on the resolved topic. An empty repository: only the key was wrong.
REPOSITORY_HEADER = "pipetrail-repository"
CLAIMS_HEADER = "pipetrail-claims"
# The hashes of the event's other versions (`fact`), with a blank between them.
VERSIONS_HEADER = "pipetrail-versions"
NO_REPOSITORY = ""


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
        return self._forward(work, alias, [event_id]), known is not None

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
        return self._forward(work, alias, sorted(node.get("f", {})))

    def end_wait(self, work: Work, alias: str) -> set[str]:
        """The wait has ended. Returns the keys to publish."""
        node = work.change(alias)
        node.pop("w", None)
        if node.get("x") or len(node.get("c", ())) == 1:
            return set()
        node["x"] = True
        return {alias}

    def forget(self, work: Work, alias: str) -> None:
        """Remove the bytes of what waits or has waited for the alias."""
        for event_id in work.node(alias).get("f", ()):
            work.state.delete(_raw_key(event_id))

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


_OWN_HEADERS = frozenset({REPOSITORY_HEADER, CLAIMS_HEADER, VERSIONS_HEADER})


def _versions(fact: Fact) -> list[tuple[str, bytes]]:
    return [(VERSIONS_HEADER, " ".join(fact["y"]).encode())] if "y" in fact else []


def _raw(work: Work, event_id: str) -> tuple[tuple[tuple[str, bytes], ...], bytes]:
    stored = work.state.get(_raw_key(event_id)) or b"[]\n"
    headers, _, value = stored.partition(b"\n")
    return tuple((name, text.encode("latin-1")) for name, text in orjson.loads(headers)), value


def _raw_key(event_id: str) -> bytes:
    return b"v\0" + event_id.encode()
