"""The finding of a hit as a document (`pipetrail_schemas.finding.Finding`): who did what, where, why, and what to do. Pure."""

from functools import lru_cache
from typing import Any, NamedTuple

from pipetrail_schemas import ids
from pipetrail_schemas.finding import SEVERITY_NUMBERS
from pipetrail_schemas.times import format_time

from pipetrail_processors.detect.case import Case
from pipetrail_processors.detect.ruleset import Compiled
from pipetrail_processors.trail.stages import SKIPPED
from pipetrail_processors.watch.dossier import DossierView

Document = dict[str, Any]

# A finding names this many of its events at most: a burst can go on for days.
_MAX_EVIDENCE = 100


class Hit(NamedTuple):
    """One hit of one rule: the finding's document but for revision and status, and its line in the trail."""

    id: str
    document: Document
    reference: Document
    status: str = "open"


def hit_of(rule: Compiled, case: Case, problem: str) -> Hit:
    """The hit.

    Args:
        rule: that fired.
        case: on what.
        problem: why the rule could not judge; "" where it could.
    """
    subject, entry = case.view.subject, case.entry
    standing = case.item.standing if case.item else None
    stage = standing.stage if standing else ""
    # Somebody who skips a stage is who did it; otherwise it is who deployed without it, or although it failed.
    shown = standing.fact["e"] if standing and standing.state == SKIPPED else entry
    finding_id = _finding_id(rule.rule.id, subject.id, *rule.identity(case))
    title = f"Rule {rule.rule.id} {problem}" if problem else rule.title(case)
    severity = "high" if problem else rule.severity(case)
    state: Document = {
        "id": finding_id,
        "category": rule.rule.category,
        "severity": severity,
        "title": title,
        "runbook": rule.runbook,
        "evidence": _evidence(rule, case),
    }
    accepted = None if problem else rule.exclusion(case)
    if accepted:
        one = accepted.exclusion
        state["exclusion"] = {"owner": one.owner, "reason": one.reason, "expires": format_time(one.expires)}
    document: Document = {
        "@timestamp": max(fact["e"]["time"] for fact in case.facts) if rule.spans else entry["time"],
        "event": {"kind": "alert", "id": finding_id, "severity": SEVERITY_NUMBERS[severity]},  # type: ignore[index]
        "rule": rule.shown,
        "message": title,
        "related": _related(case, shown),
        "pipetrail": {"finding": state},
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
    return Hit(finding_id, document, reference, "excluded" if accepted and accepted.in_force else "open")


@lru_cache(maxsize=16_384)
def _finding_id(rule: str, *inputs: str) -> str:
    """The id; a trail with a finding is judged anew with each of its events."""
    return ids.finding_id(rule, inputs)


def merged(one: Hit, other: Hit) -> Hit:
    """Two hits with one identity: the first as it is, with the evidence of both."""
    state = one.document["pipetrail"]["finding"]
    evidence = sorted({*state["evidence"], *other.document["pipetrail"]["finding"]["evidence"]})[:_MAX_EVIDENCE]
    own = {**one.document["pipetrail"], "finding": {**state, "evidence": evidence}}
    return one._replace(document={**one.document, "pipetrail": own})


def _evidence(rule: Compiled, case: Case) -> list[str]:
    standing = case.item.standing if case.item else None
    # The first ones show how it began; all of a burst would grow without end.
    evidence = {fact["e"]["event_id"] for fact in case.facts[:_MAX_EVIDENCE]}
    if standing and standing.fact:
        evidence.add(standing.fact["e"]["event_id"])
    if "event.own_change" in rule.when.paths and case.view.commit["e"]:
        evidence.add(case.view.commit["e"]["event_id"])
    return sorted(evidence)


def _add_context(document: Document, case: Case, shown: Document, stage: str) -> None:
    """What not every finding has: who did it and why, where, for which ticket."""
    subject, fact = case.view.subject, case.facts[0]
    # What a dossier shows belongs to the trail of the commit that its event names, where it names one.
    commit = subject.commit or fact.get("o")
    if trail := _trail(case, commit):
        document["pipetrail"]["trail"] = {"id": trail}
    _add_who(document, shown)
    vcs: Document = {}
    if subject.repository:
        vcs["repository"] = {"url": {"full": subject.repository}}
    if commit:
        vcs["ref"] = {"head": {"revision": commit}}
    if vcs:
        document["vcs"] = vcs
    if key := fact.get("b"):
        document["pipetrail"]["finding"]["key"] = key
    if environment := case.entry.get("environment"):
        document["deployment"] = {"environment": {"name": environment}}
    if stage:
        document["pipetrail"]["stage"] = stage
    if case.view.ticket:
        document["pipetrail"]["ticket"] = case.view.ticket


def _add_who(document: Document, shown: Document) -> None:
    if actor := shown.get("actor"):
        document["user"] = actor
    if human := shown.get("on_behalf_of"):
        document["pipetrail"]["finding"]["on_behalf_of"] = human
    if reason := shown.get("reason"):
        document["event"]["reason"] = reason


def _trail(case: Case, commit: str | None) -> str | None:
    subject = case.view.subject
    if not isinstance(case.view, DossierView):
        return subject.id
    return ids.trail_id(subject.repository, commit) if subject.repository and commit else None


def _related(case: Case, shown: Document) -> Document:
    entries = [*(fact["e"] for fact in case.facts), shown]
    hashes = {
        case.view.subject.commit,
        *(fact.get("o") for fact in case.facts),
        *(entry.get("digest") for entry in entries),
    } - {None}
    users = {value for entry in entries for value in entry.get("actor", {}).values()}
    return {"hash": sorted(hashes), "user": sorted(users)}
