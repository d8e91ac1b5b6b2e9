"""What rules ask about what went before, in a trail or an environment: verdicts, approvals, what ran there. Pure."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from pipetrail_schemas.times import parse_time

from pipetrail_processors.detect.case import Case, View
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.watch.dossier import DossierView

_GOOD, _BAD = frozenset({"success"}), frozenset({"failure", "error", "timeout"})
_APPROVAL = "approval.decided"
_ARRIVED = frozenset({"deployment.started", "deployment.finished"})


def span(case: Case) -> timedelta:
    """From the first to the last of the case's events."""
    times = [parse_time(fact["e"]["time"]) for fact in case.facts if "time" in fact["e"]]
    return max(times) - min(times) if times else timedelta()


def flipped(case: Case) -> str:
    """What the verdict was before this one said the opposite about the same thing: `success`, `failure`, "" for none."""
    fact = case.facts[0]
    verdict = _verdict(fact)
    if not verdict:
        return ""
    earlier = [one for one in _before(case) if _thing(one) == _thing(fact) and _verdict(one)]
    if not earlier or _verdict(earlier[-1]) == verdict:
        return ""
    return _verdict(earlier[-1])


def filled(case: Case) -> bool:
    """Whether what an agent's numbers showed to be missing has come after all, as another event of the same gap says."""
    reason = case.entry.get("reason")
    others = (fact for fact in case.view.by_type.get("source.gap", ()) if fact["e"].get("reason") == reason)
    return any(fact.get("more", {}).get("a") == "sequence_filled" for fact in others)


def approved_artifact(case: Case) -> str:
    """Whether what was deployed is what was approved: `same`, `other`, or "" where the approvals name no artifact."""
    entry = case.entry
    digest, environment = entry.get("digest"), entry.get("environment")
    if not digest:
        return ""
    approved: set[str] = set()
    moment = (entry["time"], entry["event_id"])
    for fact in case.view.by_type.get(_APPROVAL, ()):
        other = fact["e"]
        if (other["time"], other["event_id"]) > moment or "digest" not in other:
            continue
        if other.get("environment", environment) != environment:
            continue
        if other.get("decision") == "approved":
            approved.add(other["digest"])
        elif other.get("decision") in {"rejected", "dismissed"}:
            approved.discard(other["digest"])
    if not approved:
        return ""
    return "same" if digest in approved else "other"


def any_approved_artifact(view: View) -> bool:
    """Whether any approval names an artifact: most are of a commit."""
    return any("digest" in fact["e"] for fact in view.by_type.get(_APPROVAL, ()))


def back(case: Case) -> bool:
    """Whether the deployment brings back what ran there before something else did. For dossiers of environments."""
    commit = case.facts[0].get("o", "")
    if not commit or case.facts[0]["e"]["type"] not in _ARRIVED or not _ran_before(case, commit):
        return False
    gone = False
    for fact in reversed(list(_before(case))):
        other = fact.get("o", "")
        if fact.get("d") == case.facts[0].get("d") or not other:
            continue
        if other != commit or fact["e"]["type"] == "deployment.rolledback":
            gone = True
        elif gone and fact["e"]["type"] in _ARRIVED:
            return True
    return False


def any_back(facts: Sequence[Fact]) -> bool:
    """Whether any commit was deployed more than once: most deployments are of something new."""
    seen: dict[str, str] = {}
    return any("d" in fact and "o" in fact and seen.setdefault(fact["o"], fact["d"]) != fact["d"] for fact in facts)


def _ran_before(case: Case, commit: str) -> bool:
    """A quick look: most deployments are of something new."""
    return isinstance(case.view, DossierView) and len(case.view.deployments.get(commit, ())) > 1


def open_findings(case: Case) -> int:
    """How many findings about the deployed commit are open, this deployment's own apart. For dossiers of environments."""
    view, commit = case.view, case.facts[0].get("o", "")
    if not commit or not isinstance(view, DossierView):
        return 0
    own = {fact["e"]["event_id"] for fact in case.facts}
    states = [document["pipetrail"]["finding"] for document in view.open_findings(commit).values()]
    return sum(state["status"] == "open" and own.isdisjoint(state["evidence"]) for state in states)


def _before(case: Case) -> Iterator[Fact]:
    moment = (case.entry["time"], case.entry["event_id"])
    return (fact for fact in case.view.facts if (fact["e"]["time"], fact["e"]["event_id"]) < moment)


def _thing(fact: Fact) -> tuple[str, str, str]:
    """What a verdict is about: the artifact, and which check of it."""
    return fact["e"]["type"], fact["e"].get("digest", ""), fact.get("k", "")


def _verdict(fact: Fact) -> str:
    result = fact["e"].get("result", "")
    return "success" if result in _GOOD else "failure" if result in _BAD else ""
