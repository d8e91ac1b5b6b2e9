"""The answer to "may A do X there and then?", with the line of the policy that decides. For gate and rules. Pure."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from pipetrail_processors.guard import freeze
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.guard.roles import Action, alike, names_of, roles_of
from pipetrail_processors.trail.people import display

# What puts something into an environment: what a freeze stops. A roll back is how people get out of trouble.
FROZEN_ACTIONS = frozenset({Action.DEPLOY})


class Question(NamedTuple):
    """Who wants to do what, where and when.

    `roles` are those that the event (or the asker) says the actor has, `known_roles` those that the reference data give.
    """

    actor: Mapping[str, str]
    action: str
    repository: str
    environment: str
    time: datetime
    roles: Collection[str] = ()
    known_roles: Collection[str] = ()


class Decision(NamedTuple):
    """Whether it is allowed and why; `judged` is False where the policy says nothing about it; `line` is of the policy file."""

    allowed: bool
    judged: bool
    why: str
    line: int | None
    control: str  # what stands in the way: "role" or "freeze"; "" where nothing does


def decide(policy: Policy, question: Question) -> Decision:
    """Judge by roles, then by freeze windows; both must allow."""
    by_role = may(policy, question)
    if not by_role.allowed:
        return by_role
    if question.action not in FROZEN_ACTIONS or not question.environment:
        return by_role
    frozen = freeze_of(policy, question)
    if frozen.frozen or frozen.place:
        line = policy.line(frozen.place)
        return Decision(not frozen.frozen, True, frozen.why, line, "freeze" if frozen.frozen else "")  # noqa: FBT003 - named
    return by_role._replace(why=f"{by_role.why}; {frozen.why}")


def may(policy: Policy, question: Question) -> Decision:
    """Judge by the matrix alone."""
    if not policy.allow:
        return Decision(True, False, "the policy has no matrix (`allow`): roles are not governed", None, "")  # noqa: FBT003 - named
    roles = roles_held(policy, question)
    who = display(question.actor) or "somebody unknown"
    for number, grant in enumerate(policy.allow):
        if grant.allows(roles, question.action, question.repository, question.environment):
            role = next(role for role in grant.roles if role in roles)
            why = f"{who} is {role} ({roles[role]}), who may {question.action}{_there(question)}"
            return Decision(True, True, why, policy.line(("allow", number)), "")  # noqa: FBT003 - named
    held = ", ".join(sorted(roles)) or "nobody that the policy gives a role"
    able = sorted({role for grant in policy.allow if question.action in grant.actions for role in grant.roles})
    why = f"{who} is {held}; nothing allows {question.action}{_there(question)}"
    if able:
        why += f" (elsewhere or here, it takes: {', '.join(able)})"
    return Decision(False, True, why, policy.line(("allow",)), "role")  # noqa: FBT003 - named


def roles_held(policy: Policy, question: Question) -> dict[str, str]:
    """The roles of who asks, each with what gives it: an entry of the policy, the reference data, or the event."""
    roles = roles_of(names_of(question.actor, policy.groups), policy.people, policy.groups)
    for role in alike(policy.known_roles, question.known_roles):
        roles.setdefault(role, "the reference data")
    if policy.roles_from == "events":
        roles.update({role: "the event" for role in question.roles if role in policy.known_roles and role not in roles})
    return roles


def freeze_of(policy: Policy, question: Question) -> freeze.Freeze:
    """Judge by the freeze windows alone."""
    if not policy.freezes:
        return freeze.Freeze(False, "the policy has no freeze windows")  # noqa: FBT003 - named
    names = names_of(question.actor, policy.groups)
    return freeze.judge(policy.freezes, question.repository, question.environment, names, question.time)


def _there(question: Question) -> str:
    return f" in {question.environment}" if question.environment else ""
