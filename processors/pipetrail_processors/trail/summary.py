"""From the facts of a trail to its document (`pipetrail_schemas.trail.Trail`): a pure function of the facts, in any order.

It builds JSON objects, not models: a trail is published with each of its events, and a model costs ten times as much. A test
holds that every document is a valid `Trail`.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from pipetrail_schemas.types import Stage

from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.places import NOWHERE, Places, elapsed_ms
from pipetrail_processors.trail.stages import (
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
    Vote,
    decided,
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
# What a timeline shows at most, and of one stage where it is longer: a reader is shown the newest, and how many there are.
MAX_ENTRIES = 500
_STRONG = frozenset({"run", "digest", "deployment", "change"})


class Subject(NamedTuple):
    """What the trail is the trail of."""

    id: str
    repository: str | None
    commit: str | None
    revision: int
    merged_into: str | None = None
    # First and last time of what has passed through a trail that is known by an alias only; it may be empty now.
    times: tuple[str, str] | None = None


class Around(NamedTuple):
    """What is known of a trail besides its facts."""

    places: Places = NOWHERE
    relations: Sequence[Document] = ()
    # By alias: [time, id] of the event that says of which commit it is.
    vouchers: Mapping[str, Sequence[str]] = MappingProxyType({})
    # By stage: how many more events there were than the trail keeps, about.
    left_out: Mapping[str, int] = MappingProxyType({})


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """The facts by time; those of the same millisecond by id."""
    return sorted(facts, key=lambda fact: (fact["e"]["time"], fact["e"]["event_id"]))


def summarize(
    subject: Subject,
    facts: Sequence[Fact],
    *,
    commit: Fact,
    ticket: Document | None,
    findings: list[Document],
    around: Around,
    told: Sequence[Vote],
    max_entries: int = MAX_ENTRIES,
) -> Document:
    """The trail's document.

    Args:
        subject: which trail it is.
        facts: all of its facts, in order of time.
        commit: the one of them that tells most of the commit (`commit_fact`), else an empty one.
        ticket: what `ticket_of` found.
        findings: the findings that hold for it, as `FindingRef`.
        around: what is known besides the facts.
        told: what the facts say of their stages (`stages.votes`).
        max_entries: how long the timeline may be.
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
    stages = stages_of(facts, told)
    needed = {place["event_id"] for place in (*stages, *findings)}
    shown, omitted = _newest(facts, needed, max_entries, around.left_out)
    proposer = _proposer(facts)
    trail: Document = {
        "id": subject.id,
        "revision": subject.revision,
        "entries": [_entry(fact, around, proposer) for fact in shown],
        "stages": stages,
        "deployments": around.places.deployments,
        "left": around.places.left,
        "carried": around.places.carried,
        "relations": around.relations,
        "omitted": omitted,
        "findings": findings,
        "overrides": sum(finding["category"] == "override" for finding in findings),
    }
    for name in ("left", "carried", "relations", "omitted"):
        if not trail[name]:
            del trail[name]
    if subject.merged_into:
        trail["merged_into"] = subject.merged_into
    document["pipetrail"] = {"trail": trail}
    if ticket:
        document["pipetrail"]["ticket"] = ticket
    return document


def _proposer(facts: Sequence[Fact]) -> Document | None:
    """The human who proposed the change: who stands behind what bots do with it, where nothing says otherwise."""
    for fact in facts:
        entry = fact["e"]
        if entry["type"] == "change.created" and "human_by" not in entry and "actor" in entry:
            proposer: Document = entry["actor"]
            return proposer
    return None


def _entry(fact: Fact, around: Around, proposer: Document | None) -> Document:
    """The timeline entry; of an event that joined by evidence, with how strong that is and what it rests on."""
    entry: Document = fact["e"]
    if proposer and entry.get("human_by") in {"unresolved", "reference"}:
        entry = {**entry, "on_behalf_of": proposer, "human_by": "change"}
    if entry["link"] not in {"commit", "alias"}:
        entry = {**entry, "strength": "strong" if entry["link"] in _STRONG else "fair"}
        if voucher := around.vouchers.get(fact.get("j", "")):
            entry["evidence"] = voucher[1]
    return entry


def _newest(
    facts: Sequence[Fact], needed: Collection[str], limit: int, left_out: Mapping[str, int]
) -> tuple[Sequence[Fact], list[Document]]:
    """The facts to be shown, where there are too many: of each stage the newest, and what is needed; and what is left out."""
    if len(facts) <= limit:
        return facts, []
    each = limit // (len(_STAGES) + 1)
    counted = Counter(fact["e"].get("stage", "") for fact in facts)
    left = dict(counted)
    shown = []
    for fact in facts:
        stage = fact["e"].get("stage", "")
        if left[stage] <= each or fact["e"]["event_id"] in needed:
            shown.append(fact)
        left[stage] -= 1
    omitted = counted + Counter(left_out) - Counter(fact["e"].get("stage", "") for fact in shown)
    return shown, [
        {"stage": stage, "events": number} if stage else {"events": number} for stage, number in sorted(omitted.items())
    ]


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


def stages_of(facts: Sequence[Fact], told: Sequence[Vote]) -> list[Document]:
    """Where the stages stand, in the order in which a change passes them, with how long each took; `told` as in `summarize`."""
    found = decided(told)
    times: dict[str, tuple[str, str]] = {}
    for fact in facts:
        if stage := fact.get("s"):
            time = fact["e"]["time"]
            times[stage] = (times.get(stage, (time, time))[0], time)
    return [_stage(found[stage], *times[stage]) for stage in _STAGES if stage in found and found[stage].state != MISSING]


def _stage(standing: Standing, first: str, last: str) -> Document:
    entry = standing.fact["e"]
    stage: Document = {"stage": standing.stage, "time": entry["time"], "event_id": entry["event_id"]}
    result, skip = _OUTCOMES.get(standing.state, (None, None))
    if standing.state == FAILED:
        result = entry.get("result", result)
    if result:
        stage["result"] = result
    if skip:
        stage["skip"] = skip
    if first != last:
        stage["started"] = first
        stage["duration_ms"] = elapsed_ms(first, last)
    return stage
