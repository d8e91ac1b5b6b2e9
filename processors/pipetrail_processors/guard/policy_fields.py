"""What the policy says of an event: who may do that, and whether it was the time for it. Over `guard.decision`. Pure."""

from collections.abc import Callable, Mapping

from pipetrail_schemas.times import parse_time

from pipetrail_processors.detect.case import Case
from pipetrail_processors.guard import control
from pipetrail_processors.guard.decision import Question, freeze_of, may, roles_held
from pipetrail_processors.guard.roles import Action
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.people import display

_BY_TYPE: Mapping[str, Action] = {
    "build.started": Action.BUILD,
    "change.merged": Action.MERGE,
    "deployment.started": Action.DEPLOY,
    "deployment.finished": Action.DEPLOY,
    "deployment.rolledback": Action.ROLL_BACK,
    "role.changed": Action.CHANGE_ROLES,
    "intervention.recorded": Action.RUN_MANUALLY,
}
_BY_CONTROL = {control.CALENDAR: Action.EDIT_CALENDAR, control.POLICY: Action.EDIT_POLICY}


def asks_for(case: Case) -> str:
    """Which action of the matrix the event is; "" for none."""
    fact = case.facts[0]
    kind = fact["e"].get("type", "")
    ask = _ASKS.get(kind)
    action = _BY_TYPE.get(kind) or (ask(case, fact) if ask else None)
    return action.value if action else ""


def permitted(case: Case) -> str:
    """`yes`, `no`, or "" where the policy governs no roles, the event is no action of its, or nobody is named."""
    question = _question(case) if case.view.policy.allow else None
    if question is None:
        return ""
    decision = may(case.view.policy, question)
    return ("yes" if decision.allowed else "no") if decision.judged else ""


def denied_because(case: Case) -> str:
    """Why it is not permitted, with the policy's line; "" where it is."""
    question = _question(case)
    if question is None:
        return ""
    decision = may(case.view.policy, question)
    if decision.allowed:
        return ""
    return decision.why + (f" (policy, line {decision.line})" if decision.line else "")


def roles(case: Case) -> str:
    """The roles that the policy gives the actor, or whom it acts for, as of the event; "" for none."""
    return ", ".join(sorted(roles_held(case.view.policy, _asked(case, "")))) if "time" in case.entry else ""


def frozen(case: Case) -> bool:
    """Whether the environment was frozen for the actor at the event's time."""
    if not (case.view.policy.freezes and case.entry.get("environment")):
        return False
    return freeze_of(case.view.policy, _asked(case, Action.DEPLOY)).frozen


def freeze_told(case: Case) -> str:
    """Which freeze, with the policy's line; "" for none."""
    if not case.entry.get("environment"):
        return ""
    found = freeze_of(case.view.policy, _asked(case, Action.DEPLOY))
    line = case.view.policy.line(found.place)
    return found.why + (f" (policy, line {line})" if line else "") if found.frozen else ""


def _approves(_case: Case, fact: Fact) -> Action | None:
    return Action.APPROVE if fact["e"].get("decision") == "approved" else None


def _alters(_case: Case, fact: Fact) -> Action:
    return _BY_CONTROL.get(control.kind_of(str(fact.get("x", ""))), Action.CHANGE_PROTECTION)


def _passes_over(_case: Case, fact: Fact) -> Action:
    return Action.SKIP_STAGE if fact.get("s") else Action.OVERRIDE_GATE


def _skips(_case: Case, fact: Fact) -> Action | None:
    return Action.SKIP_STAGE if fact.get("s") and fact["e"].get("skip") == "on_purpose" else None


def _commits(case: Case, fact: Fact) -> Action | None:
    """Whether a push put commits on the trunk past review: a merge pushes, too."""
    head = fact.get("w", {}).get("head", {})
    if head.get("type") == "tag" or not case.view.policy.is_trunk(head.get("name", "")):
        return None
    return None if "change.merged" in case.view.by_type else Action.COMMIT


_ASKS: Mapping[str, Callable[[Case, Fact], Action | None]] = {
    "approval.decided": _approves,
    "change.reviewed": _approves,
    "policy.changed": _alters,
    "policy.bypassed": _passes_over,
    "taskrun.skipped": _skips,
    "push.received": _commits,
}


def _question(case: Case) -> Question | None:
    action = asks_for(case)
    fact = case.facts[0]
    if not action or not display(fact.get("u") or case.entry.get("actor", {})):
        return None
    return _asked(case, action)


def _asked(case: Case, action: str) -> Question:
    fact = case.facts[0]
    return Question(
        # A bot that acts for somebody may do what that one may.
        actor=fact.get("u") or case.entry.get("actor", {}),
        action=action,
        repository=case.view.subject.repository or "",
        environment=str(case.entry.get("environment", "")),
        time=parse_time(case.entry["time"]),
        roles=fact.get("more", {}).get("r", ()),
        known_roles=fact.get("g", ()),
    )
