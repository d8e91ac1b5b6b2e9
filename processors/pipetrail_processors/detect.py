"""From a trail to its findings: a pure function of the facts, the policy and the rules, so that any order ends alike.

A deployment is one case, however many of its events have come: it is judged as of its earliest. A finding whose ground is gone
is published again as withdrawn. Which findings were published, in which revision, stands in the node of the trail.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from pipetrail_schemas import ids
from pipetrail_schemas.finding import SEVERITY_NUMBERS

from pipetrail_processors.case import Case, View
from pipetrail_processors.correlate.nodes import Node
from pipetrail_processors.ruleset import Compiled, RuleSet
from pipetrail_processors.stages import SKIPPED
from pipetrail_processors.summary import in_order

Document = dict[str, Any]

_OPEN, _WITHDRAWN = "open", "withdrawn"


class Hit(NamedTuple):
    """One hit of one rule: the finding's document but for revision and status, and its line in the trail."""

    id: str
    document: Document
    reference: Document


def detect(view: View, rules: RuleSet) -> list[Hit]:
    """The hits of all rules on the trail, in order of their ids."""
    hits = [
        _hit(rule, case, problem)
        for rule in rules.rules
        if not rule.on.isdisjoint(view.by_type)
        for case in _cases(rule, view)
        for problem in _judged(rule, case)
    ]
    return sorted(hits, key=lambda hit: hit.id)


def update(node: Node, hits: Sequence[Hit], *, again: bool) -> list[tuple[str, bytes]]:
    """Compare the hits with what was published for the trail. Returns what is to be published, as (finding id, value).

    Args:
        node: of the trail; its `g` is brought up to date.
        hits: those that hold now.
        again: publish what has not changed, too.
    """
    published: dict[str, Document] = node.get("g", {})
    if not hits and not published:
        return []
    changed = set()
    current = {hit.id: hit for hit in hits}
    for finding_id in sorted(current.keys() | published.keys()):
        before = published.get(finding_id)
        hit = current.get(finding_id)
        document = hit.document if hit else published[finding_id]
        status = _OPEN if hit else _WITHDRAWN
        after = _in_state(document, status, 1)
        if before is not None:
            after = _in_state(document, status, before["pipetrail"]["finding"]["revision"])
            if after == before:
                continue
            after["pipetrail"]["finding"]["revision"] += 1
        published[finding_id] = after
        changed.add(finding_id)
    node["g"] = published
    return [
        (finding_id, orjson.dumps(published[finding_id])) for finding_id in sorted(published) if again or finding_id in changed
    ]


def _cases(rule: Compiled, view: View) -> Iterator[Case]:
    deployments: dict[str, list[Document]] = {}
    for fact in in_order(fact for name in rule.on for fact in view.by_type.get(name, ())):
        if "d" in fact:
            deployments.setdefault(fact["d"], []).append(fact)
        else:
            yield from _expanded(rule, Case(view, [fact]))
    for facts in deployments.values():
        # A deployment that its own pipeline skipped did not happen.
        if not any(fact["e"].get("result") == "skip" for fact in facts):
            yield from _expanded(rule, Case(view, facts))


def _expanded(rule: Compiled, case: Case) -> Iterator[Case]:
    if rule.rule.each is None:
        yield case
    else:
        yield from case.items(rule.rule.each)


def _judged(rule: Compiled, case: Case) -> Iterator[str]:
    """Nothing where the rule does not fire, an empty text where it does, the problem where it cannot judge: a hit, too."""
    try:
        if rule.when.holds(case):
            yield ""
    except ValueError as exc:
        yield str(exc)


def _hit(rule: Compiled, case: Case, problem: str) -> Hit:
    subject, entry = case.view.subject, case.entry
    standing = case.item.standing if case.item else None
    stage = standing.stage if standing else ""
    # Somebody who skips a stage is who did it; otherwise it is who deployed without it, or although it failed.
    shown = standing.fact["e"] if standing and standing.state == SKIPPED else entry
    trail_fact = case.facts[0]
    finding_id = ids.finding_id(rule.rule.id, [subject.id, trail_fact.get("d") or entry["event_id"], f"stage {stage}"])
    title = f"Rule {rule.rule.id} {problem}" if problem else rule.title(case)
    severity = "high" if problem else rule.severity(case)
    evidence = {fact["e"]["event_id"] for fact in case.facts}
    if standing and standing.fact:
        evidence.add(standing.fact["e"]["event_id"])
    if "event.own_change" in rule.when.paths and case.view.commit["e"]:
        evidence.add(case.view.commit["e"]["event_id"])
    document: Document = {
        "@timestamp": entry["time"],
        "event": {"kind": "alert", "id": finding_id, "severity": SEVERITY_NUMBERS[severity]},  # type: ignore[index]
        "rule": {"id": rule.rule.id, "name": rule.rule.name, "version": rule.rule.version, "description": rule.rule.why},
        "message": title,
        "related": _related(case, shown),
        "pipetrail": {
            "finding": {
                "id": finding_id,
                "category": rule.rule.category,
                "severity": severity,
                "title": title,
                "runbook": list(rule.rule.runbook),
                "evidence": sorted(evidence),
            },
            "trail": {"id": subject.id},
        },
    }
    _add_context(document, case, shown, stage)
    reference = {
        "id": finding_id,
        "rule": rule.rule.id,
        "title": title,
        "category": rule.rule.category,
        "severity": severity,
        "event_id": shown["event_id"],
    }
    return Hit(finding_id, document, reference)


def _add_context(document: Document, case: Case, shown: Document, stage: str) -> None:
    """What not every finding has: who did it and why, where, for which ticket."""
    subject = case.view.subject
    if actor := shown.get("actor"):
        document["user"] = actor
    if reason := shown.get("reason"):
        document["event"]["reason"] = reason
    vcs: Document = {}
    if subject.repository:
        vcs["repository"] = {"url": {"full": subject.repository}}
    if subject.commit:
        vcs["ref"] = {"head": {"revision": subject.commit}}
    if vcs:
        document["vcs"] = vcs
    if environment := case.entry.get("environment"):
        document["deployment"] = {"environment": {"name": environment}}
    if stage:
        document["pipetrail"]["stage"] = stage
    if case.view.ticket:
        document["pipetrail"]["ticket"] = case.view.ticket


def _related(case: Case, shown: Document) -> Document:
    hashes = {case.view.subject.commit, case.entry.get("digest")} - {None}
    users = {value for entry in (case.entry, shown) for value in entry.get("actor", {}).values()}
    return {"hash": sorted(hashes), "user": sorted(users)}


def _in_state(document: Document, status: str, revision: int) -> Document:
    own = document["pipetrail"]
    return {**document, "pipetrail": {**own, "finding": {**own["finding"], "status": status, "revision": revision}}}
