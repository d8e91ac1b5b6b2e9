"""What people's decisions make of a finding: a pure function of both and of the policy, so any order ends alike.

Decisions count in the order of their own times. Acknowledged is what was open; justified and resolved is what nobody decided
about later; reopened is open. Whoever did it may not justify it, nor say that it is resolved, where the policy wants four eyes.
Such a decision does not count, and the finding says so. What the facts say goes before: a finding without ground is withdrawn,
whatever was decided about it.

A decision is kept as the fact of its event (`fact`).
"""

from collections.abc import Iterable
from typing import Any

from pipetrail_schemas.times import format_time, parse_time

from pipetrail_processors.directory.context import BOTS
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.guard.roles import names_of
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.people import display, same_person

Document = dict[str, Any]

# The type of a decision's event → the status that it asks for.
STATUSES = {
    "finding.acknowledged": "acknowledged",
    "finding.justified": "justified",
    "finding.resolved": "resolved",
    "finding.reopened": "open",
}
# Where the finding shows a decision: by status, but that an open one was reopened.
_PLACES = {**{status: status for status in STATUSES.values()}, "open": "reopened"}
_CLOSING = frozenset({"justified", "resolved"})
# What the facts decide.
_OF_FACTS = frozenset({"withdrawn", "excluded"})
_ADDED = ("acknowledged", "justified", "resolved", "reopened", "uncounted", "review_due")


def settled(document: Document, base: str, decisions: Iterable[Fact], policy: Policy) -> Document:
    """The finding with what was decided about it.

    Args:
        document: of the finding; what it says of earlier decisions is left out.
        base: what the facts say: `open`, `withdrawn` or `excluded`.
        decisions: about it.
        policy: whose word counts, and until when a review is due.
    """
    own = document["pipetrail"]
    state = {name: value for name, value in own["finding"].items() if name not in _ADDED}
    status, uncounted = "open", []
    for fact in sorted(decisions, key=_moment):
        wanted = STATUSES[fact["e"]["type"]]
        if objection := _objection(fact, wanted, document, policy):
            uncounted.append({**_shown(fact), "status": wanted, "why": objection})
            continue
        state[_PLACES[wanted]] = _shown(fact)
        if wanted != "acknowledged" or status == "open":
            status = wanted
    if uncounted:
        state["uncounted"] = uncounted
    state["status"] = base if base in _OF_FACTS else status
    if base not in _OF_FACTS and (due := _due(document, state, policy)):
        state["review_due"] = due
    return {**document, "pipetrail": {**own, "finding": state}}


def base_of(document: Document) -> str:
    """What the facts said when the finding was published."""
    status: str = document["pipetrail"]["finding"]["status"]
    return status if status in _OF_FACTS else "open"


def _objection(fact: Fact, wanted: str, document: Document, policy: Policy) -> str:
    """Why a decision does not count, "" where it does."""
    if not display(fact["e"].get("actor", {})):
        return "nobody is named who decided it"
    if wanted == "resolved" and fact["e"]["time"] < document["@timestamp"]:
        return "it went on afterwards"
    return _unfit(fact, document, policy) if wanted in _CLOSING else ""


def _unfit(fact: Fact, document: Document, policy: Policy) -> str:
    """Why somebody's word may not close the finding, "" where it may."""
    actor, human = fact["e"]["actor"], fact.get("u", {})
    state, duties = document["pipetrail"]["finding"], policy.findings
    if state["category"] not in duties.four_eyes:
        return ""
    doers = [document.get("user", {}), state.get("on_behalf_of", {})]
    if any(same_person(one, doer) for one in (actor, human) for doer in doers):
        return "who did it may not decide this"
    if fact["e"].get("actor_type") in BOTS and not human and not duties.bots:
        return "it is a bot's word"
    if duties.groups and not {name.lower() for name in duties.groups} & names_of(human or actor, policy.groups):
        return f"only members of {', '.join(duties.groups)} may"
    return ""


def _due(document: Document, state: Document, policy: Policy) -> str | None:
    length = policy.findings.review.of(state["severity"])
    if length is None:
        return None
    since = document["@timestamp"]
    if state["status"] in {"open", "acknowledged"} and "reopened" in state:
        since = max(since, state["reopened"]["time"])
    return format_time(parse_time(since) + length)


def _shown(fact: Fact) -> Document:
    entry = fact["e"]
    decision: Document = {"time": entry["time"], "reason": entry.get("reason", ""), "event_id": entry["event_id"]}
    if by := fact.get("u") or entry.get("actor"):
        decision["by"] = by
    if ticket := fact.get("t", {}).get("id"):
        decision["ticket"] = ticket
    return decision


def _moment(fact: Fact) -> tuple[str, str]:
    return fact["e"]["time"], fact["e"]["event_id"]
