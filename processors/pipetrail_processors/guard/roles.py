"""Who may do what: people and groups have roles, and a matrix of role, action and environment allows. Pure.

Roles are given by the policy itself and by the reference data (identity file, directory export, a token's proven claims,
CODEOWNERS), as of the event; by events themselves only where the policy says so. Allowed is what a line of the matrix allows;
everything else is not. A policy without a matrix governs no roles, and says so.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from pipetrail_processors.guard.freeze import Part, Pattern, Text, matches

RoleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
STANDARD_ROLES: tuple[str, ...] = ("developer", "release_manager", "administrator")


class Action(StrEnum):
    """What the matrix is about."""

    COMMIT = "commit"  # to a branch that is released from, past review
    MERGE = "merge"
    APPROVE = "approve"
    BUILD = "build"
    RUN_MANUALLY = "run_manually"
    SKIP_STAGE = "skip_stage"
    OVERRIDE_GATE = "override_gate"
    DEPLOY = "deploy"
    ROLL_BACK = "roll_back"
    CHANGE_PROTECTION = "change_protection"
    CHANGE_ROLES = "change_roles"
    EDIT_CALENDAR = "edit_calendar"
    EDIT_POLICY = "edit_policy"


ALL_ACTIONS = "*"


class Group(Part):
    """Several people."""

    members: Annotated[tuple[Text, ...], Field(min_length=1)]
    roles: tuple[RoleName, ...] = ()


class Grant(Part):
    """One line of the matrix: these roles may do these things, there."""

    roles: Annotated[tuple[RoleName, ...], Field(min_length=1)]
    actions: Annotated[tuple[Action, ...], Field(min_length=1)]
    environments: Annotated[tuple[Pattern, ...], Field(min_length=1)] = ("*",)
    repositories: Annotated[tuple[Pattern, ...], Field(min_length=1)] = ("*",)

    def allows(self, roles: Collection[str], action: str, repository: str, environment: str) -> bool:
        """Whether somebody with the roles may do it there. What concerns no environment is not limited by one."""
        return (
            action in self.actions
            and not set(self.roles).isdisjoint(roles)
            and matches(self.repositories, repository)
            and (not environment or matches(self.environments, environment))
        )


def names_of(person: Mapping[str, str], groups: Mapping[str, Group]) -> frozenset[str]:
    """Every name that the person goes by: id, name and e-mail address, and the groups it is in; in lower case."""
    own = {person[key].lower() for key in ("id", "name", "email") if person.get(key)}
    return frozenset(
        own | {name.lower() for name, group in groups.items() if own & {member.lower() for member in group.members}}
    )


def roles_of(names: Collection[str], people: Mapping[str, Collection[str]], groups: Mapping[str, Group]) -> dict[str, str]:
    """The roles of somebody who goes by the names, each with the entry of the policy that gives it (`people.NAME`)."""
    found: dict[str, str] = {}
    for name, roles in people.items():
        if name.lower() in names:
            found.update({role: f"people.{name}" for role in roles if role not in found})
    for name, group in groups.items():
        if name.lower() in names:
            found.update({role: f"groups.{name}" for role in group.roles if role not in found})
    return found


def alike(known: Collection[str], told: Collection[str]) -> list[str]:
    """The roles of the policy that a directory means: `Release Manager` and `release-manager` are `release_manager`."""
    if not told:
        return []
    meant = {_plain(role) for role in told}
    return [role for role in known if _plain(role) in meant]


def _plain(role: str) -> str:
    return "_".join(role.casefold().replace("-", " ").replace("_", " ").split())
