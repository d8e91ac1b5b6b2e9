"""Where the stages of a trail stand, at its end or as of a moment: shown in the trail, and what the rules judge.

Within a stage the latest run of each kind (pipeline and task) counts, and the worst of the kinds decides: a passing unit test
does not make up for a failing integration test, a repeated one that passes does. "Skipped" is never "passed", and its four
meanings stay apart.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pipetrail_processors.fact import Fact

# How a stage can stand. Only the first is good.
PASSED, FAILED, REJECTED, SKIPPED, CANCELLED, NEVER_RAN, NEUTRAL, NOT_REQUIRED, RUNNING, MISSING = (
    "passed", "failed", "rejected", "skipped", "cancelled", "never_ran", "neutral", "not_required", "running", "missing",
)  # fmt: skip

_BY_RESULT = {"success": PASSED, "failure": FAILED, "error": FAILED, "timeout": FAILED, "cancellation": CANCELLED}
_BY_SKIP = {"on_purpose": SKIPPED, "never_ran": NEVER_RAN, "neutral": NEUTRAL, "not_required": NOT_REQUIRED}
_BY_DECISION = {"approved": PASSED, "rejected": REJECTED}
_VERDICTS = frozenset({PASSED, FAILED, REJECTED})
# Where no kind has a verdict, the most telling of their latest states, in this order.
_WITHOUT_VERDICT = (SKIPPED, CANCELLED, NEVER_RAN, NEUTRAL, NOT_REQUIRED, RUNNING)
# Stages whose events say all by having happened.
_DONE_BY_BEING = frozenset({"commit", "artifact"})


@dataclass(frozen=True, slots=True)
class Standing:
    """How a stage stands, and the fact that decided it; none where the stage is missing."""

    stage: str
    state: str
    fact: Fact | None = None


def standings(facts: Iterable[Fact], environment: str | None = None, approvers: Collection[str] = ()) -> dict[str, Standing]:
    """How each stage that the facts speak of stands.

    Args:
        facts: in order of time; those up to the moment in question.
        environment: the deployment's, where one is judged: approvals for another one do not count. None: all count.
        approvers: whose approvals count, by id, name or e-mail address; empty: everybody's.
    """
    latest: dict[str, dict[str, tuple[str, Fact]]] = {}
    verdicts: dict[str, dict[str, tuple[str, Fact]]] = {}
    for fact in facts:
        stage = fact.get("s")
        if stage is None or (stage == "approval" and not _counts(fact, environment, approvers)):
            continue
        state = state_of(fact)
        if state is None:
            continue
        kind = _kind(fact, stage)
        latest.setdefault(stage, {})[kind] = (state, fact)
        if state in _VERDICTS:
            verdicts.setdefault(stage, {})[kind] = (state, fact)
    return {stage: _standing(stage, verdicts.get(stage, {}), kinds) for stage, kinds in latest.items()}


def state_of(fact: Fact) -> str | None:
    """What one fact says of its stage; None where it says nothing (a comment, a dismissed approval)."""
    entry = fact["e"]
    skip = entry.get("skip")
    if skip:
        return _BY_SKIP[skip]
    if entry["type"] == "policy.bypassed":
        return SKIPPED
    result = entry.get("result")
    if result:
        # A skip that does not say which of the four it was: it did not run, and nobody is blamed for it.
        return _BY_RESULT.get(result, NEVER_RAN)
    decision = entry.get("decision")
    if decision:
        # A dismissed approval is one no longer: it takes the place of the earlier, and stands for nothing.
        return _BY_DECISION.get(decision) or (MISSING if decision == "dismissed" else None)
    return PASSED if fact["s"] in _DONE_BY_BEING else RUNNING


def _counts(fact: Fact, environment: str | None, approvers: Collection[str]) -> bool:
    entry = fact["e"]
    if environment and entry.get("environment", environment) != environment:
        return False
    if not approvers or entry.get("decision") != "approved":
        return True
    return any(name in approvers for name in entry.get("actor", {}).values())


def _kind(fact: Fact, stage: str) -> str:
    if stage in {"approval", "review"} and "decision" in fact["e"]:
        # Each approver has one vote, the latest.
        actor = fact["e"].get("actor", {})
        return "by " + str(actor.get("id") or actor.get("email") or actor.get("name") or "")
    if stage == "deploy":
        return ""
    kind: str = fact.get("k", "")
    return kind


def _standing(stage: str, verdicts: dict[str, tuple[str, Fact]], latest: dict[str, tuple[str, Fact]]) -> Standing:
    verdicts = {kind: verdict for kind, verdict in verdicts.items() if latest[kind][0] != MISSING}
    for wanted in (FAILED, REJECTED, PASSED):
        fact = _last(wanted, verdicts)
        if fact:
            return Standing(stage, wanted, fact)
    for wanted in _WITHOUT_VERDICT:
        fact = _last(wanted, latest)
        if fact:
            return Standing(stage, wanted, fact)
    return Standing(stage, MISSING)


def _last(wanted: str, states: dict[str, tuple[str, Fact]]) -> Fact | None:
    found = [fact for state, fact in states.values() if state == wanted]
    return max(found, key=lambda fact: (fact["e"]["time"], fact["e"]["event_id"])) if found else None
