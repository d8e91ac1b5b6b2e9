"""From the facts of a trail to its document (`pipetrail_schemas.trail.Trail`): a pure function of the facts, in any order.

It builds JSON objects, not models: a trail is published with each of its events, and a model costs ten times as much. A test
holds that every document is a valid `Trail`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pipetrail_schemas.types import Stage

from pipetrail_processors.fact import Fact
from pipetrail_processors.stages import (
    CANCELLED,
    FAILED,
    MISSING,
    NEUTRAL,
    NEVER_RAN,
    NOT_REQUIRED,
    PASSED,
    REJECTED,
    SKIPPED,
    Standing,
    standings,
)

Document = dict[str, Any]

_STAGES = tuple(str(stage) for stage in Stage)  # an enumeration's members are slow to look up
# (result, skip) of a stage in the document. A failed one has the result that its fact has.
_OUTCOMES: dict[str, tuple[str, str | None]] = {
    PASSED: ("success", None),
    FAILED: ("failure", None),
    REJECTED: ("failure", None),
    CANCELLED: ("cancellation", None),
    SKIPPED: ("skip", "on_purpose"),
    NEVER_RAN: ("skip", "never_ran"),
    NEUTRAL: ("skip", "neutral"),
    NOT_REQUIRED: ("skip", "not_required"),
}
_DEPLOYED = frozenset({"deployment.started", "deployment.finished"})
_GONE = frozenset({"deployment.removed", "deployment.rolledback"})


class Subject(NamedTuple):
    """What the trail is the trail of."""

    id: str
    repository: str | None
    commit: str | None
    revision: int
    merged_into: str | None = None
    # First and last time of what has passed through a trail that is known by an alias only; it may be empty now.
    times: tuple[str, str] | None = None


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """The facts by time; those of the same millisecond by id."""
    return sorted(facts, key=lambda fact: (fact["e"]["time"], fact["e"]["event_id"]))


def summarize(
    subject: Subject, facts: Sequence[Fact], *, commit: Fact, ticket: Document | None, findings: list[Document]
) -> Document:
    """The trail's document.

    Args:
        subject: which trail it is.
        facts: all of its facts, in order of time.
        commit: the one of them that tells most of the commit (`commit_fact`), else an empty one.
        ticket: what `ticket_of` found.
        findings: the findings that hold for it, as `FindingRef`.
    """
    first, last = subject.times or (facts[0]["e"]["time"], facts[-1]["e"]["time"])
    document: Document = {"@timestamp": last, "started": first}
    about = commit.get("c", {})
    if "m" in about:
        document["message"] = about["m"]
    author = about.get("a") or (commit["e"].get("actor") if commit["e"].get("type") == "commit.recorded" else None)
    if author:
        document["user"] = author
    document["vcs"] = _version_control(subject, facts)
    if artifact := next((fact["p"] for fact in facts if "p" in fact), None):
        document["artifact"] = artifact
    document["related"] = {"hash": sorted(_hashes(subject, facts)), "user": sorted(_users(facts))}
    trail: Document = {
        "id": subject.id,
        "revision": subject.revision,
        "entries": [fact["e"] for fact in facts],
        "stages": _stages(facts),
        "deployments": _deployments(facts),
        "findings": findings,
        "overrides": sum(finding["category"] == "override" for finding in findings),
    }
    if subject.merged_into:
        trail["merged_into"] = subject.merged_into
    document["pipetrail"] = {"trail": trail}
    if ticket:
        document["pipetrail"]["ticket"] = ticket
    return document


def ticket_of(commit: Fact, facts: Sequence[Fact]) -> Document | None:
    """The trail's ticket: the commit's own, else the first that any event names."""
    if "t" in commit:
        own: Document = commit["t"]
        return own
    return next((fact["t"] for fact in facts if "t" in fact), None)


def commit_fact(facts: Sequence[Fact]) -> Fact | None:
    """The fact that tells most of the commit: its record, else the first event that quotes it."""
    quoted = None
    for fact in facts:
        if "c" in fact:
            if fact["e"]["type"] == "commit.recorded":
                return fact
            quoted = quoted or fact
    return quoted or next((fact for fact in facts if fact["e"]["type"] == "commit.recorded"), None)


def _version_control(subject: Subject, facts: Sequence[Fact]) -> Document:
    name = head = change = None
    for fact in facts:
        about = fact.get("w")
        if about:
            name = name or about.get("name")
            head = head or about.get("head")
            change = change or about.get("change")
    vcs: Document = {}
    if subject.repository:
        vcs["repository"] = (
            {"name": name, "url": {"full": subject.repository}} if name else {"url": {"full": subject.repository}}
        )
    if head or subject.commit:
        vcs["ref"] = {"head": {**(head or {}), **({"revision": subject.commit} if subject.commit else {})}}
    if change:
        vcs["change"] = change
    return vcs


def _hashes(subject: Subject, facts: Sequence[Fact]) -> set[str]:
    found = {fact["e"]["digest"] for fact in facts if "digest" in fact["e"]}
    if subject.commit:
        found.add(subject.commit)
    return found


def _users(facts: Sequence[Fact]) -> set[str]:
    found: set[str] = set()
    for fact in facts:
        if "actor" in fact["e"]:
            found.update(fact["e"]["actor"].values())
        if "u" in fact:
            found.update(value for value in fact["u"].values() if isinstance(value, str))
        if "c" in fact:
            found.update(fact["c"].get("a", {}).values(), fact["c"].get("c", {}).values())
    return found


def _stages(facts: Sequence[Fact]) -> list[Document]:
    found = standings(facts)
    return [_stage(found[stage]) for stage in _STAGES if stage in found and found[stage].state != MISSING]


def _stage(standing: Standing) -> Document:
    entry = standing.fact["e"]
    stage: Document = {"stage": standing.stage, "time": entry["time"], "event_id": entry["event_id"]}
    result, skip = _OUTCOMES.get(standing.state, (None, None))
    if standing.state == FAILED:
        result = entry.get("result", result)
    if result:
        stage["result"] = result
    if skip:
        stage["skip"] = skip
    return stage


def _deployments(facts: Sequence[Fact]) -> list[Document]:
    latest: dict[tuple[str, str], Document] = {}
    for fact in facts:
        entry = fact["e"]
        if "d" not in fact or "environment" not in entry:
            continue
        place = (entry["environment"], fact.get("v", ""))
        if entry["type"] in _GONE:
            latest.pop(place, None)
        elif entry["type"] in _DEPLOYED:
            latest[place] = _deployment(fact)
    return [latest[place] for place in sorted(latest)]


def _deployment(fact: Fact) -> Document:
    entry = fact["e"]
    actor = entry.get("actor", {})
    found = {
        "environment": entry["environment"],
        "result": entry.get("result"),
        "time": entry["time"],
        "digest": entry.get("digest"),
        "service": fact.get("v"),
        "actor": actor.get("name") or actor.get("id") or actor.get("email"),
    }
    return {name: value for name, value in found.items() if value}
