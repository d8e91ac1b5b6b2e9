"""Publishing a trail: its document and its findings, from its node. The one place where facts, links, policy and rules meet."""

from functools import lru_cache

import orjson
from pipetrail_schemas import ids
from pipetrail_schemas.topics import FINDINGS, TRAILS

from pipetrail_processors.case import Known, View
from pipetrail_processors.correlate.foreign import NO_REPOSITORY
from pipetrail_processors.correlate.nodes import Node, Work
from pipetrail_processors.detect import detect, update
from pipetrail_processors.fact import ARTIFACT_EVIDENCE, Fact
from pipetrail_processors.output import Output
from pipetrail_processors.policy import Policy
from pipetrail_processors.ruleset import RuleSet
from pipetrail_processors.summary import Subject, in_order, summarize

trail_id = lru_cache(maxsize=16_384)(ids.trail_id)


class Publisher:
    """Makes the messages about a trail."""

    def __init__(self, policy: Policy, rules: RuleSet) -> None:
        self._policy = policy
        self._rules = rules

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
        if not is_commit:
            if not node.get("x") or not (facts or node.get("z")):
                return []
            work.change(key)["z"] = True
        artifacts = _artifacts(work, facts, key if is_commit else None)
        subject = Subject(
            id=trail_id(work.repository, key),
            repository=work.repository or None,
            commit=key if is_commit else None,
            revision=_revision(node, is_commit=is_commit),
            merged_into=None if is_commit or facts else _merged_into(work, key),
            times=None if facts else _times(node),
        )
        view = View(subject, facts, self._policy, artifacts)
        hits = detect(view, self._rules)
        findings = update(node, hits, again=again)
        if findings:
            work.change(key)
        references = [hit.reference for hit in hits]
        document = summarize(subject, facts, commit=view.commit, ticket=view.ticket, findings=references)
        return [
            Output(TRAILS, subject.id.encode(), orjson.dumps(document)),
            *(Output(FINDINGS, finding_id.encode(), value) for finding_id, value in findings),
        ]


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


def _revision(node: Node, *, is_commit: bool) -> int:
    """Grows with every fact, link and ended wait that the document may depend on, to the same number in any order."""
    if is_commit:
        own = sum("o" in fact for fact in node.get("f", {}).values())
        linked: dict[str, int] = node.get("n", {})
        return own + len(linked) + sum(linked.values())
    members: dict[str, tuple[str, int]] | None = node.get("m")
    if members is None:
        return 1 + len(node.get("f", ())) * (1 + sum(len(commits) for commits in node.get("c", {}).values()))
    return 1 + sum(1 + weight for _, weight in members.values())


def _merged_into(work: Work, alias: str) -> str | None:
    node = work.node(alias)
    if work.repository == NO_REPOSITORY:
        for repository, commits in node.get("c", {}).items():
            return trail_id(repository, commits[0] if len(commits) == 1 else alias)
        return None
    homes = [home for _, (home, _) in sorted(node.get("m", {}).items()) if home != alias]
    return trail_id(work.repository, homes[0]) if homes else None


def _times(node: Node) -> tuple[str, str]:
    if "t" in node:
        return node["t"][0], node["t"][1]
    times = [fact["e"]["time"] for fact in node.get("f", {}).values()]
    return min(times), max(times)
