"""Publishing a trail: its document and its findings, from its node. The one place where facts, links, policy and rules meet."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import orjson
from pipetrail_schemas import ids
from pipetrail_schemas.topics import FINDINGS, TRAILS

from pipetrail_processors.correlate.cap import left_out, weight
from pipetrail_processors.correlate.foreign import NO_REPOSITORY
from pipetrail_processors.correlate.nodes import Node, Work
from pipetrail_processors.detect.case import Known, View
from pipetrail_processors.detect.detect import detect, update
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.engine.partition_state import MAX_VALUE_BYTES
from pipetrail_processors.graph.commits import milliseconds
from pipetrail_processors.graph.streams import DOUBT_WEIGHT, SUM_WEIGHTS
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.lifecycle.ledger import Ledger, in_trail
from pipetrail_processors.output import Output
from pipetrail_processors.trail.fact import ARTIFACT_EVIDENCE, Fact
from pipetrail_processors.trail.places import places
from pipetrail_processors.trail.relations import NOT_HANDED_ON, heads, merged_as, relations
from pipetrail_processors.trail.stages import votes
from pipetrail_processors.trail.summary import MAX_ENTRIES, Around, Subject, in_order, stages_of, summarize

trail_id = lru_cache(maxsize=16_384)(ids.trail_id)

# A time that no deployment will have: the year 2200.
_FAR_MS = milliseconds("2200-01-01T00:00:00.000Z")
_FEWEST_ENTRIES = 16
# What a document's version may be in the index: a signed number of 64 bits.
_MOST = 2**63 - 1
# The parts of a node that only deployments make (`correlate.nodes`), what it lost for being too much (`correlate.cap`), and the
# trace of any of these.
_MORE_THAN_COUNTED = frozenset({"b", "j", "k", "o", "u"})
_NO_VOUCHERS: dict[str, Any] = {}


class Publisher:
    """Makes the messages about a trail."""

    def __init__(self, policy: Policy, rules: RuleSet) -> None:
        self._policy = policy
        self._rules = rules.over("trail")

    def publish(self, work: Work, key: str, *, again: bool) -> list[Output]:
        """The messages about the trail of the key: nothing while it is an alias whose wait lasts.

        Args:
            work: the repository's nodes.
            key: a commit or an alias.
            again: publish findings that have not changed, too.
        """
        node = work.node(key)
        is_commit = _is_commit(key)
        facts = in_order(_visible(work, node))
        if is_commit and not facts and not node.get("n"):
            return []  # others speak of it; nothing that happened to it is known yet
        if not is_commit:
            if not node.get("x") or not (facts or node.get("z")):
                return []
            work.change(key)["z"] = True
        artifacts = _artifacts(work, facts, key if is_commit else None)
        subject = Subject(
            id=trail_id(work.repository, key),
            repository=work.repository or None,
            commit=key if is_commit else None,
            revision=_revision(work, key),
            merged_into=None if facts else _merged_into(work, key),
            times=None if facts else _times(node),
        )
        view = View(subject, facts, self._policy, artifacts)
        hits = detect(view, self._rules)
        ledger = Ledger(work, self._policy, in_trail(key), node)
        findings = update(node, hits, ledger, again=again, cause=work.cause)
        if findings:
            work.change(key)
        references = [hit.reference for hit in hits if hit.status == "open"]
        document = _fitting(
            partial(
                summarize,
                subject,
                facts,
                commit=view.commit,
                ticket=view.ticket,
                findings=references,
                around=_around(work, node, view),
                told=view.votes,
            )
        )
        return [
            Output(TRAILS, subject.id.encode(), document),
            *(Output(FINDINGS, finding_id.encode(), value) for finding_id, value in findings),
        ]


def _around(work: Work, node: Node, view: View) -> Around:
    """What is known of a trail besides its facts."""

    def trail_of(commit: str) -> str:
        return trail_id(work.repository, commit)

    def head_of(commit: str) -> tuple[bool, list[dict[str, Any]]]:
        facts = _visible(work, work.node(commit))
        shown = in_order(fact for fact in facts if fact.get("s") in NOT_HANDED_ON)
        return any("c" in fact for fact in facts), stages_of(shown, votes(shown))

    entry = view.commit["e"]
    committed = entry["time"] if entry.get("type") == "commit.recorded" else None
    return Around(
        places(view.facts, node, committed, trail_of),
        relations(node, view.commit, head_of, trail_of) if "i" in node else (),
        node.get("l", _NO_VOUCHERS) if view.subject.commit else _NO_VOUCHERS,
        left_out(node) if "o" in node else _NO_VOUCHERS,
    )


def _fitting(document: Callable[..., dict[str, Any]]) -> bytes:
    """The document with a timeline that is short enough for a message, however long the texts in it are."""
    limit = MAX_ENTRIES
    value = orjson.dumps(document(max_entries=limit))
    while len(value) > MAX_VALUE_BYTES and limit > _FEWEST_ENTRIES:
        limit //= 2
        value = orjson.dumps(document(max_entries=limit))
    return value


def _is_commit(key: str) -> bool:
    # Every alias has a colon or a blank in it.
    return ":" not in key and " " not in key


def _visible(work: Work, node: Node) -> list[Fact]:
    facts = node.get("f", {}).values()
    if work.repository == NO_REPOSITORY:
        return [] if len(node.get("c", ())) == 1 else list(facts)
    return [fact for fact in facts if fact.get("q", 0) <= 1]


def _artifacts(work: Work, facts: list[Fact], commit: str | None) -> dict[str, Known]:
    """What is known of the digests that were deployed: by links, and by the trail's own events, however they joined it."""
    digests = {fact["e"]["digest"] for fact in facts if "d" in fact and "digest" in fact["e"]}
    if not digests:
        return {}
    made = {fact["e"].get("digest") for fact in facts if fact["e"]["type"] in ARTIFACT_EVIDENCE}
    found = {}
    for digest in digests:
        node = work.node(digest)
        origins = set(node.get("c", ()))
        if commit and digest in made:
            origins.add(commit)
        found[digest] = Known(origins, bool(node.get("x")))
    return found


def _revision(work: Work, key: str) -> int:
    """Grows with all that the document may depend on, to the same number in any order: a version, not a count of anything."""
    node = work.node(key)
    revision: int = _known_of_commit(node) if _is_commit(key) else _known_of_alias(node)
    revision += len(node.get("i", ()))
    revision += sum(_known_of_commit(work.node(head)) for head in heads(node))
    if node.keys().isdisjoint(_MORE_THAN_COUNTED):
        return revision
    # Knowing more, a commit came with an earlier deployment, its own perhaps, and a deployment came after a later one, than it
    # looked at first.
    arrivals = (*node.get("b", {}).values(), *node.get("j", {}).values())
    revision += sum(max(0, _FAR_MS - milliseconds(told[2])) for told in arrivals)
    revision += sum(SUM_WEIGHTS[told[3]] + int(told[-1]) for told in node.get("j", {}).values())
    # More than one commit behind the evidence of a deployment takes back what was compared with it, and counts more.
    revision += DOUBT_WEIGHT * sum(node.get("k", {}).values())
    revision += weight(node)
    # What remains are exceptions (ADR 0016): commits that a deployment was wrongly thought to carry, and roll-backs that were
    # told before the deployment that they went back to. Then the number must not fall, though it differs with the order.
    last: int = node.get("u", 0)
    revision = min(max(revision, last), _MOST)
    work.change(key)["u"] = revision
    return revision


def _known_of_commit(node: Node) -> int:
    own = [fact for fact in node.get("f", {}).values() if "o" in fact and fact.keys().isdisjoint({"a", "n"})]
    versions = sum([len(fact["y"]) for fact in own if "y" in fact])
    linked: dict[str, int] = node.get("n", {})
    return len(own) + versions + len(linked) + sum(linked.values())


def _known_of_alias(node: Node) -> int:
    members: dict[str, tuple[str, int]] | None = node.get("m")
    if members is None:
        facts = node.get("f", {}).values()
        versions = sum(len(fact.get("y", ())) for fact in facts)
        return 1 + versions + len(facts) * (1 + sum(len(commits) for commits in node.get("c", {}).values()))
    return 1 + sum(1 + weight for _, weight in members.values())


def _merged_into(work: Work, alias: str) -> str | None:
    node = work.node(alias)
    if taken_over := sorted(merged_as(node)):
        return trail_id(work.repository, taken_over[0])
    if work.repository == NO_REPOSITORY:
        for repository, commits in node.get("c", {}).items():
            return trail_id(repository, commits[0] if len(commits) == 1 else alias)
        return None
    homes = [home for _, (home, _) in sorted(node.get("m", {}).items()) if home != alias] or sorted(node.get("p", {}).values())
    return trail_id(work.repository, homes[0]) if homes else None


def _times(node: Node) -> tuple[str, str]:
    if "t" in node:
        return node["t"][0], node["t"][1]
    times = [fact["e"]["time"] for fact in node.get("f", {}).values()]
    return min(times), max(times)
