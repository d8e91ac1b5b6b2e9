"""Which human stands behind what a bot did: whom it acted for, else who approved, merged or wrote what it delivered. Pure."""

from pipetrail_processors.detect.case import Case
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.people import is_bot

_BOTS = frozenset({"app", "service_account", "system", "api_key"})
_BEHIND = {
    "approval.decided": "approver",
    "change.reviewed": "approver",
    "change.merged": "merger",
    "intervention.recorded": "operator",
}


def human(case: Case) -> str:
    """How the event is known to come from a human; "" for not at all.

    Returns `self`, `on_behalf`, `approver`, `merger`, `operator` or `author`. Somebody whose kind is not told counts as a
    human: that a field is missing accuses nobody.
    """
    if case.entry.get("actor_type") not in _BOTS:
        return "self"
    if any("u" in fact for fact in case.facts):
        return "on_behalf"
    moment = str(case.entry["time"])
    for fact in case.view.facts:
        entry = fact["e"]
        found = _BEHIND.get(entry["type"])
        if found and entry["time"] <= moment and _is_human(fact) and entry.get("decision") in {None, "approved"}:
            return found
    return "author" if _wrote(case) else ""


def _is_human(fact: Fact) -> bool:
    entry = fact["e"]
    if "u" in fact:
        return True
    actor = entry.get("actor", {})
    return bool(actor) and entry.get("actor_type") not in _BOTS and not is_bot(actor)


def _wrote(case: Case) -> bool:
    commit = case.view.commit
    if "u" in commit:
        return True
    if commit["e"].get("type") == "commit.recorded" and commit["e"].get("actor_type") in _BOTS:
        return False
    return any(not is_bot(author) for author in case.view.authors)
