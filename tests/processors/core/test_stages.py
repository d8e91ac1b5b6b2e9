"""Where a stage stands: the latest of each kind, the worst of all kinds, and four meanings of skip."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_processors.trail.stages import decided, judged, moment_of, standings, votes


def _fact(minute: int, *, kind: str = "", stage: str = "test", **entry: Any) -> dict[str, Any]:
    base = {"type": "testsuiterun.finished", "time": f"2026-01-05T09:0{minute}:00.000Z", "event_id": str(minute)}
    return {"e": {**base, **entry}, "s": stage, "k": kind}


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ([_fact(0, result="success")], "passed"),
        ([_fact(0, result="failure"), _fact(1, result="success")], "passed"),
        ([_fact(0, result="success"), _fact(1, result="error")], "failed"),
        ([_fact(0, result="timeout", kind="a"), _fact(1, result="success", kind="b")], "failed"),
        ([_fact(0, result="success", kind="a"), _fact(1, skip="on_purpose", kind="b")], "passed"),
        ([_fact(0, result="failure"), _fact(1, skip="on_purpose")], "failed"),
        ([_fact(0, result="success"), _fact(1)], "passed"),
        ([_fact(0)], "running"),
        ([_fact(0), _fact(1, result="cancellation")], "cancelled"),
        ([_fact(0, skip="on_purpose")], "skipped"),
        ([_fact(0, skip="never_ran")], "never_ran"),
        ([_fact(0, skip="neutral")], "neutral"),
        ([_fact(0, skip="not_required")], "not_required"),
        ([_fact(0, result="skip")], "never_ran"),
        ([_fact(0, type="policy.bypassed")], "skipped"),
    ],
)
def test_a_stage_stands_as_the_worst_of_the_latest_runs_of_each_kind(facts: list[dict[str, Any]], state: str) -> None:
    """A skip is never a pass, and a later pass of the same kind makes up for a failure."""
    assert state == standings(facts)["test"].state


def _vote(minute: int, decision: str, name: str, **entry: str) -> dict[str, Any]:
    return _fact(minute, stage="approval", type="approval.decided", decision=decision, actor={"name": name}, **entry)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ([_vote(0, "approved", "Ann")], "passed"),
        ([_vote(0, "approved", "Ann"), _vote(1, "rejected", "Bob")], "rejected"),
        ([_vote(0, "rejected", "Ann"), _vote(1, "approved", "Ann")], "passed"),
        ([_vote(0, "approved", "Ann"), _vote(1, "dismissed", "Ann")], "missing"),
        ([_vote(0, "approved", "Ann"), _vote(1, "commented", "Ann")], "passed"),
        ([_vote(0, "approved", "Ann", environment="qa")], None),
        ([_vote(0, "approved", "Eve")], None),
    ],
)
def test_each_approver_has_one_vote_for_the_environment_in_question(facts: list[dict[str, Any]], state: str | None) -> None:
    """A refusal weighs more than an approval; votes for another place or by others do not count."""
    found = decided(votes(facts), environment="prod", approvers=("Ann", "Bob")).get("approval")
    assert state == (found.state if found else None)


_TOLD = st.one_of(
    st.builds(
        lambda minute, kind, how: _fact(minute, kind=kind, **how),
        st.integers(0, 9),
        st.sampled_from(["a", "b"]),
        st.sampled_from([{"result": "success"}, {"result": "failure"}, {"skip": "on_purpose"}, {}]),
    ),
    st.builds(
        lambda minute, decision, name, where: _vote(minute, decision, name, **where),
        st.integers(0, 9),
        st.sampled_from(["approved", "rejected", "dismissed", "commented"]),
        st.sampled_from(["Ann", "Bob"]),
        st.sampled_from([{}, {"environment": "qa"}]),
    ),
)


@given(st.lists(_TOLD, max_size=8), st.sampled_from([None, "qa", "prod"]), st.integers(0, 9))
def test_a_stage_that_is_judged_has_passed_or_failed_ever_after(
    told: list[dict[str, Any]], where: str | None, minute: int
) -> None:
    """What lets a deployment be taken for complete at a glance is never wrong as of any moment, wherever it goes."""
    all_votes = votes(sorted(told, key=lambda fact: fact["e"]["time"]))
    moment = (f"2026-01-05T09:0{minute}:30.000Z", "")
    found = decided([vote for vote in all_votes if moment_of(vote) < moment], environment=where)
    stages = {stage for stage, since in judged(all_votes).items() if since < moment}
    assert stages == {stage for stage in stages if found[stage].state in {"passed", "failed"}}
