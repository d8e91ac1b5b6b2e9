"""How an event or a stage stands: its mark and its word. Pure.

"Skipped" is never put as "passed": the four meanings of a skip keep four wordings, and a mark that differs by its sign, not by
its colour alone.
"""

from enum import Enum

from pipetrail_schemas.trail import Entry, StageState
from pipetrail_schemas.types import Result, Skip, Stage


class Mark(Enum):
    """How something stands, by a sign that is told apart without colour."""

    GOOD = "✓"
    BAD = "✗"
    SKIPPED = "⊘"
    RUNNING = "…"
    NEUTRAL = "·"


MARK_STYLES = {Mark.GOOD: "green", Mark.BAD: "red", Mark.SKIPPED: "yellow", Mark.RUNNING: "dim", Mark.NEUTRAL: ""}
SKIPS = {
    Skip.ON_PURPOSE: "skipped",
    Skip.NEVER_RAN: "never ran",
    Skip.NEUTRAL: "ran, did not judge",
    Skip.NOT_REQUIRED: "not required",
}
_RESULTS = {
    Result.SUCCESS: "passed",
    Result.FAILURE: "failed",
    Result.ERROR: "broke off with an error",
    Result.TIMEOUT: "timed out",
    Result.CANCELLATION: "cancelled",
    Result.SKIP: "skipped",
}
_BAD_RESULTS = frozenset({Result.FAILURE, Result.ERROR, Result.TIMEOUT})
_BAD_VERBS = frozenset({"bypassed", "gap", "rolledback", "detected"})


def mark_of(entry: Entry | StageState) -> Mark:
    """How an entry or a stage stands."""
    if entry.skip is Skip.NEUTRAL:
        return Mark.NEUTRAL
    if entry.skip or entry.result in {Result.SKIP, Result.CANCELLATION}:
        return Mark.SKIPPED
    if entry.result:
        return Mark.BAD if entry.result in _BAD_RESULTS else Mark.GOOD
    return _mark_of_stage(entry) if isinstance(entry, StageState) else _mark_of_entry(entry)


def stage_words(state: StageState | None) -> str:
    """How a stage stands: `passed`, `skipped`, `no record` and the like."""
    if state is None:
        return "no record"
    if state.skip:
        return SKIPS[state.skip]
    if state.result:
        return result_words(state.result, state.stage)
    return "recorded" if mark_of(state) is Mark.GOOD else "not finished"


def result_words(result: Result, stage: Stage | None) -> str:
    """`passed` for what is tested, `succeeded` for what is done, `approved` for who is asked."""
    if result is Result.SUCCESS and stage in {Stage.DEPLOY, Stage.ARTIFACT}:
        return "succeeded"
    if stage is Stage.APPROVAL:
        return {Result.SUCCESS: "approved", Result.FAILURE: "rejected"}.get(result, _RESULTS[result])
    return _RESULTS[result]


def _mark_of_stage(state: StageState) -> Mark:
    return Mark.GOOD if state.stage in {Stage.COMMIT, Stage.ARTIFACT} else Mark.RUNNING


def _mark_of_entry(entry: Entry) -> Mark:
    verb = entry.type.rpartition(".")[2]
    if verb in _BAD_VERBS or entry.decision in {"rejected", "dismissed"}:
        return Mark.BAD
    if verb in {"started", "queued", "requested"}:
        return Mark.RUNNING
    return Mark.GOOD if entry.decision == "approved" else Mark.NEUTRAL
