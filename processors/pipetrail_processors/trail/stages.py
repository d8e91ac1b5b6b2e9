"""Where the stages of a trail stand, at its end or as of a moment: shown in the trail, and what the rules judge.

Within a stage the latest run of each kind (pipeline and task) counts, and the worst of the kinds decides: a passing unit test
does not make up for a failing integration test, a repeated one that passes does. "Skipped" is never "passed", and its four
meanings stay apart.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from pipetrail_processors.trail.fact import Fact

# How a stage can stand. Only the first is good.
PASSED, FAILED, REJECTED, SKIPPED, CANCELLED, NEVER_RAN, NEUTRAL, NOT_REQUIRED, RUNNING, MISSING = (
    "passed", "failed", "rejected", "skipped", "cancelled", "never_ran", "neutral", "not_required", "running", "missing",
)  # fmt: skip

STATES = (PASSED, FAILED, REJECTED, SKIPPED, CANCELLED, NEVER_RAN, NEUTRAL, NOT_REQUIRED, RUNNING, MISSING)

_BY_RESULT = {"success": PASSED, "failure": FAILED, "error": FAILED, "timeout": FAILED, "cancellation": CANCELLED}
# Without a fact that says one of these nothing has failed.
FAILURES = frozenset(result for result, state in _BY_RESULT.items() if state == FAILED)
_BY_SKIP = {"on_purpose": SKIPPED, "never_ran": NEVER_RAN, "neutral": NEUTRAL, "not_required": NOT_REQUIRED}
_BY_DECISION = {"approved": PASSED, "rejected": REJECTED}
_VERDICTS = frozenset({PASSED, FAILED, REJECTED})
# Against these another kind's verdict may not stand, or one's own not any more.
_TAKING_BACK = frozenset({REJECTED, MISSING})
# Of several kinds of one stage the state with the lowest rank decides: the worst verdict, else the most telling other state.
_RANKS = {
    state: rank
    for rank, state in enumerate(
        (FAILED, REJECTED, PASSED, SKIPPED, CANCELLED, NEVER_RAN, NEUTRAL, NOT_REQUIRED, RUNNING, MISSING),
    )
}
# A change that is merged or given up is not under review any more; without a decision there was none.
_BY_END = {"change.merged": NEVER_RAN, "change.abandoned": CANCELLED}
# Stages whose events say all by having happened.
_DONE_BY_BEING = frozenset({"commit", "artifact"})


class Standing(NamedTuple):
    """How a stage stands, and the fact that decided it; an empty one where there is no event of the stage."""

    stage: str
    state: str
    fact: Fact


# What one fact says: its stage and what of it, how that stands, the fact. Plain, since there is one for each fact of a trail.
Vote = tuple[tuple[str, str], str, Fact]


def standings(facts: Iterable[Fact]) -> dict[str, Standing]:
    """How each stage stands that the facts, in order of time, speak of: see `decided`."""
    return decided(votes(facts))


def votes(facts: Iterable[Fact]) -> list[Vote]:
    """What the facts say of their stages, in their order; nothing of some."""
    found = []
    for fact in facts:
        stage = fact.get("s")
        if stage is not None and (state := state_of(fact)) is not None:
            found.append(((stage, _kind(fact, stage)), state, fact))
    return found


def moment_of(vote: Vote) -> tuple[str, str]:
    """When it happened; of the same millisecond, by id."""
    entry = vote[2]["e"]
    return entry["time"], entry["event_id"]


def decided(told: Iterable[Vote], environment: str | None = None, approvers: Collection[str] = ()) -> dict[str, Standing]:
    """How each stage stands that something is told of.

    Args:
        told: in order of time; what was told up to the moment in question.
        environment: the deployment's, where one is judged: approvals for another one do not count. None: all count.
        approvers: whose approvals count, by id, name or e-mail address; empty: everybody's.
    """
    kinds: dict[tuple[str, str], tuple[str, Fact]] = {}
    for kind, state, fact in told:
        if kind[0] == "approval" and not _counts(fact, environment, approvers):
            continue
        # What has no verdict (a new run, a skip) does not undo the verdict of an earlier run; a dismissal does.
        if state in _VERDICTS or state == MISSING or kind not in kinds or kinds[kind][0] not in _VERDICTS:
            kinds[kind] = (state, fact)
    found: dict[str, Standing] = {}
    for (stage, _), (state, fact) in kinds.items():
        before = found.get(stage)
        if before is None or _decides(state, fact, before):
            found[stage] = Standing(stage, state, fact)
    return found


def judged(told: Iterable[Vote]) -> dict[str, tuple[str, str]]:
    """The stages that have passed or failed whoever asks as of any later moment, with the moment of the first such verdict.

    Not in doubt: a stage of which anything was rejected or taken back, or that was approved for one environment, is none.

    Args:
        told: all of a trail, in order of time.
    """
    found: dict[str, tuple[str, str]] = {}
    doubted = set()
    for vote in told:
        (stage, _), state, fact = vote
        if state in _TAKING_BACK or (stage == "approval" and "environment" in fact["e"]):
            doubted.add(stage)
        elif state in _VERDICTS and stage not in found:
            found[stage] = moment_of(vote)
    for stage in doubted:
        found.pop(stage, None)
    return found


def _decides(state: str, fact: Fact, before: Standing) -> bool:
    if state != before.state:
        return _RANKS[state] < _RANKS[before.state]
    mine, other = fact["e"], before.fact["e"]
    return bool((mine["time"], mine["event_id"]) > (other["time"], other["event_id"]))


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
    return PASSED if fact.get("s") in _DONE_BY_BEING else _BY_END.get(entry["type"], RUNNING)


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
        # Each service is deployed for itself; what failed in one environment and passed in the next has passed.
        service: str = fact.get("v", "")
        return service
    kind: str = fact.get("k", "")
    return kind
