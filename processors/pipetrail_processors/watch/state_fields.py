"""What rules ask about the state of a repository and of an actor in it, as of an event: what went before it. Pure.

A repository's dossier (`watch.dossier`) keeps what some rule wants; a rule that asks one of these fields has those events kept
that the answer rests on (`StateField.keeps`). So rules over a repository can ask all of them, and rules over an actor what is
the actor's own doing. A late event alters the answers after it, and the findings with them.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import NamedTuple

from pipetrail_schemas.times import format_time, parse_time

from pipetrail_processors.detect.case import Case, Value
from pipetrail_processors.guard import control
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.people import same_person

_BOTS = frozenset({"app", "service_account", "system", "api_key"})
# How far back the state reaches, by event time: half of what a dossier keeps, so that a late event still alters the answers.
REACH = timedelta(days=7)
_REPOSITORY, _OWN_DOING = frozenset({"repository"}), frozenset({"repository", "actor"})
_BYPASSED, _SKIPPED, _CHANGED, _ROLE = "policy.bypassed", "taskrun.skipped", "policy.changed", "role.changed"


class StateField(NamedTuple):
    """A field of the state: rules over what may ask it, the types of events that it rests on, which of those, and its value."""

    over: frozenset[str]
    types: frozenset[str]
    keeps: Callable[[Fact], bool]
    value: Callable[[Case], Value]


def is_override(fact: Fact) -> bool:
    """Whether a control was passed over, or somebody skipped a stage on purpose: as `many-overrides` has it."""
    entry = fact["e"]
    if entry.get("type") == _BYPASSED:
        return True
    on_purpose = entry.get("type") == _SKIPPED and entry.get("skip") == "on_purpose"
    return on_purpose and "s" in fact and entry.get("actor_type") not in _BOTS


def _is_of_protection(fact: Fact) -> bool:
    kind = control.kind_of(str(fact.get("x", "")), _action(fact))
    return fact["e"].get("type") == _CHANGED and kind == control.PROTECTION


def _is_grant(fact: Fact) -> bool:
    return fact["e"].get("type") == _ROLE and bool(_granted(fact)) and control.verb_of(_action(fact)) != "removed"


def _repository_overrides(case: Case) -> int:
    return sum(is_override(fact) for fact in _before(case))


def _actor_overrides(case: Case) -> int:
    return sum(is_override(fact) and _is_by(case, fact) for fact in _before(case))


def _protection(case: Case) -> str:
    """`off` where what was altered last made it weaker, `on` where it made it stricter; "" where nothing is known."""
    for fact in reversed(list(_before(case))):
        if not _is_of_protection(fact):
            continue
        effect = control.effect_of(str(fact.get("x", "")), _action(fact), fact.get("more", {}).get("l", {}))
        if effect != control.CHANGED:
            return "off" if effect == control.WEAKER else "on"
    return ""


def _newly_granted(case: Case) -> str:
    """What the actor was given lately: roles and permissions."""
    found = [_granted(fact) for fact in _before(case) if _is_grant(fact) and _is_about(case, fact)]
    return ", ".join(dict.fromkeys(name for names in found for name in names))


def since(time: str) -> str:
    """From when on the state of that time is told (canonical times)."""
    return format_time(parse_time(time) - REACH)


def _before(case: Case) -> Iterator[Fact]:
    if "time" not in case.entry:
        return iter(())
    moment, first = (case.entry["time"], case.entry["event_id"]), since(case.entry["time"])
    return (
        fact for fact in case.view.facts if first < fact["e"]["time"] and (fact["e"]["time"], fact["e"]["event_id"]) < moment
    )


def _is_by(case: Case, fact: Fact) -> bool:
    return any(same_person(one, other) for one in _people(case.facts[0]) for other in _people(fact))


def _is_about(case: Case, fact: Fact) -> bool:
    target = fact.get("more", {}).get("t", {})
    return any(same_person(one, target) for one in _people(case.facts[0]))


def _people(fact: Fact) -> list[Mapping[str, str]]:
    """Who did it, and for whom."""
    return [one for one in (fact["e"].get("actor"), fact.get("u")) if one]


def _granted(fact: Fact) -> list[str]:
    changes = fact.get("more", {}).get("g", {})
    return [*changes.get("roles", ()), *([changes["permission"]] if changes.get("permission") else [])]


def _action(fact: Fact) -> str:
    return str(fact.get("more", {}).get("a", ""))


_OVERRIDES = frozenset({_BYPASSED, _SKIPPED})
STATE: Mapping[str, StateField] = {
    "repository.overrides": StateField(_REPOSITORY, _OVERRIDES, is_override, _repository_overrides),
    "repository.protection": StateField(_REPOSITORY, frozenset({_CHANGED}), _is_of_protection, _protection),
    "actor.overrides": StateField(_OWN_DOING, _OVERRIDES, is_override, _actor_overrides),
    "actor.granted": StateField(_REPOSITORY, frozenset({_ROLE}), _is_grant, _newly_granted),
}
