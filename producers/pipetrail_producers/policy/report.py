"""Verdicts as people and programs read them."""

from collections.abc import Iterator, Sequence
from typing import Any

from pipetrail_producers.policy.judge import Verdict
from pipetrail_producers.policy.lookup import State

_SHORT = 9  # digits of a commit's id: what git itself shows in a repository of middling size


def lines(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """What to print: each commit that is refused or was let through, what it breaks, and how to put that right."""
    for verdict in verdicts:
        if verdict.refusals:
            yield from _of_one(verdict)
        yield from (f"{_name(verdict)}: exempted, {one.reason}" for one in verdict.exempted)
        looked = verdict.subject.ticket
        if looked is not None and looked.state is State.UNVERIFIABLE and not _refuses_ticket(verdict):
            yield f"{_name(verdict)}: {looked.ticket} could not be verified: {looked.why}"
    refused = sum(not verdict.passes for verdict in verdicts)
    overridden = sum(bool(verdict.refusals) and verdict.passes for verdict in verdicts)
    yield f"{len(verdicts)} judged, {refused} refused" + (f", {overridden} let through with a reason" if overridden else "")


def as_dict(verdict: Verdict) -> dict[str, Any]:
    """For `--json`."""
    return {
        "commit": verdict.subject.sha,
        "subject": verdict.subject.first_line,
        "passes": verdict.passes,
        "refusals": [{"rule": one.rule, "problem": one.problem, "fix": one.fix} for one in verdict.refusals],
        "exempted": [one.reason for one in verdict.exempted],
        "override": verdict.override,
        "ticket": verdict.subject.ticket._asdict() if verdict.subject.ticket else None,
    }


def _of_one(verdict: Verdict) -> Iterator[str]:
    yield _name(verdict)
    for refusal in verdict.refusals:
        yield f"  {refusal.rule}: {refusal.problem}"
        yield f"    {refusal.fix}"
    if verdict.override:
        yield f"  let through: {verdict.override}"


def _refuses_ticket(verdict: Verdict) -> bool:
    return any(refusal.rule == "ticket" for refusal in verdict.refusals)


def _name(verdict: Verdict) -> str:
    sha = verdict.subject.sha
    first_line = verdict.subject.first_line or "(no message)"
    return f"{sha[:_SHORT]} {first_line}" if sha else first_line
