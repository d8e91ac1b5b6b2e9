"""What an edit of the policy file does to the controls in it: each setting that is another one, and whether it is weaker. Pure.

What a policy holds for a place follows from the first entry that matches, so two policies are compared by their answers: for
the places, branches, roles and people that either names. What nobody can call weaker or stricter is just another setting.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from pipetrail_processors.guard import control
from pipetrail_processors.guard.freeze import FreezeWindow
from pipetrail_processors.guard.policy import Environment, Policy
from pipetrail_processors.guard.reviews import Reviews
from pipetrail_processors.guard.roles import Action

POLICY, CALENDAR = "policy", "calendar"
# What an approval may be without counting less, in the words of the policy.
_LENIENT = ("authors", "committers", "stale", "bots", "edited")
_NOWHERE = Environment(match=("*",))
_NO_REVIEW = Reviews(approvals=0, authors=True, committers=True, stale=True, bots=True, edited=True)


class Change(NamedTuple):
    """One setting that is another one: of what (`POLICY`, `CALENDAR`), its name, before and after as texts, and the effect."""

    of: str
    name: str
    before: str
    after: str
    effect: str  # as `control` has it: weaker, stricter, changed


class RoleChange(NamedTuple):
    """Somebody, or a group, has other roles: which came, and which went."""

    who: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


def changes(before: Policy, after: Policy) -> list[Change]:
    """What the edit altered, in the order of the file."""
    found = [
        *_environments(before, after),
        _fewer("trunk", before.trunk, after.trunk),
        _fewer("checks", before.checks, after.checks),
        *_tickets(before, after),
        *_reviews(before, after),
        _more("roles_from", _if(before.roles_from == "events"), _if(after.roles_from == "events")),
        *_matrix(before, after),
        *_freezes(before.freezes, after.freezes),
        _fewer("expect", *(tuple(str(one.model_dump(mode="json")) for one in policy.expect) for policy in (before, after))),
        *_duties(before, after),
    ]
    return [one for one in found if one is not None]


def role_changes(before: Policy, after: Policy) -> list[RoleChange]:
    """Whose roles are others, in the order of their names; members of a group have its roles."""
    old, new = _roles_by_name(before), _roles_by_name(after)
    return [
        RoleChange(name, tuple(sorted(new[name] - old[name])), tuple(sorted(old[name] - new[name])))
        for name in sorted(old.keys() | new.keys())
        if old.setdefault(name, set()) != new.setdefault(name, set())
    ]


def _environments(before: Policy, after: Policy) -> Iterator[Change | None]:
    for repository, name in _places(before, after):
        old, new = (policy.environment(repository, name) or _NOWHERE for policy in (before, after))
        where = f"{name} of {repository}" if repository else name
        yield _fewer(f"{where}: required stages", old.require, new.require)
        yield _fewer(f"{where}: production", _if(old.production), _if(new.production))
        yield _named(f"{where}: approvers", old.approvers, new.approvers)


def _tickets(before: Policy, after: Policy) -> Iterator[Change | None]:
    old, new = before.tickets, after.tickets
    yield _fewer("tickets: repositories", old.repositories, new.repositories)
    later = old.required_since is None or (new.required_since is not None and new.required_since > old.required_since)
    yield _other("tickets: required since", str(old.required_since), str(new.required_since), _weaker(later))
    for name in ("exempt_merges", "exempt_reverts", "exempt_bots"):
        yield _more(f"tickets: {name}", _if(getattr(old, name)), _if(getattr(new, name)))
    for name in ("projects", "patterns"):
        yield _other(f"tickets: {name}", _shown(getattr(old, name)), _shown(getattr(new, name)), control.CHANGED)


def _reviews(before: Policy, after: Policy) -> Iterator[Change | None]:
    needed = [needs for policy in (before, after) for needs in policy.reviews]
    branches = {*before.trunk, *after.trunk, *(branch for needs in needed for branch in needs.branches)}
    repositories = {"", *(one for needs in needed for one in needs.repositories)} - {"*"}
    for repository in sorted(repositories):
        for branch in sorted(branches):
            old, new = (policy.needed_reviews(repository, branch) or _NO_REVIEW for policy in (before, after))
            where = f"{branch} of {repository}" if repository else branch
            less = new.approvals < old.approvals
            yield _other(f"{where}: approvals", str(old.approvals), str(new.approvals), _weaker(less))
            yield _named(f"{where}: approving groups", old.groups, new.groups)
            for name in _LENIENT:
                yield _more(f"{where}: {name}", _if(getattr(old, name)), _if(getattr(new, name)))


def _matrix(before: Policy, after: Policy) -> Iterator[Change | None]:
    if bool(before.allow) != bool(after.allow):
        yield _fewer("allow", _if(bool(before.allow)), _if(bool(after.allow)))
        return
    grants = [grant for policy in (before, after) for grant in policy.allow]
    environments = {"", *(one for grant in grants for one in grant.environments)} - {"*"}
    repositories = {"", *(one for grant in grants for one in grant.repositories)} - {"*"}
    for action in Action:
        for environment in sorted(environments):
            for repository in sorted(repositories):
                old, new = (_able(policy, action, repository, environment) for policy in (before, after))
                where = "".join(f" {word} {one}" for word, one in (("in", environment), ("of", repository)) if one)
                yield _more(f"allow {action.value}{where}", old, new)


def _able(policy: Policy, action: str, repository: str, environment: str) -> tuple[str, ...]:
    roles = sorted({role for grant in policy.allow for role in grant.roles})
    return tuple(role for role in roles if any(one.allows([role], action, repository, environment) for one in policy.allow))


def _freezes(before: tuple[FreezeWindow, ...], after: tuple[FreezeWindow, ...]) -> Iterator[Change | None]:
    old, new = ({window.name: window for window in windows} for windows in (before, after))
    for name in [*old, *(name for name in new if name not in old)]:
        one, other = old.get(name), new.get(name)
        if one is None or other is None:
            yield Change(CALENDAR, name, "there" if one else "", "there" if other else "", _weaker(_opened(name, old, new)))
            continue
        texts = [str(window.model_dump(mode="json", exclude_none=True, exclude={"name"})) for window in (one, other)]
        if texts[0] != texts[1]:
            yield Change(CALENDAR, name, texts[0], texts[1], control.WEAKER if _opens(one, other) else control.CHANGED)


def _opened(name: str, old: dict[str, FreezeWindow], new: dict[str, FreezeWindow]) -> bool:
    """Whether a window that came or went leaves more time open."""
    if (old.get(name) or new[name]).effect == "deny":
        return name in old
    allowing = [window for key, window in (new if name in old else old).items() if key != name and window.effect == "allow"]
    # Without any window that allows, all time is open; beside others, one more opens more.
    return not allowing if name in old else bool(allowing)


def _opens(one: FreezeWindow, other: FreezeWindow) -> bool:
    """Whether a window is in force for less than it was, as far as that is plain."""
    fewer = not set(one.environments) <= set(other.environments) or not set(one.repositories) <= set(other.repositories)
    shorter = one.lasts is not None and other.lasts is not None and other.lasts < one.lasts
    deny = one.effect == "deny"
    return any(exemption not in one.exceptions for exemption in other.exceptions) or (deny and (fewer or shorter))


def _duties(before: Policy, after: Policy) -> Iterator[Change | None]:
    old, new = before.findings, after.findings
    yield _fewer("findings: four_eyes", old.four_eyes, new.four_eyes)
    yield _named("findings: groups", old.groups, new.groups)
    yield _more("findings: bots", _if(old.bots), _if(new.bots))
    for severity in ("critical", "high", "medium", "low"):
        one, other = old.review.of(severity), new.review.of(severity)
        later = one is not None and (other is None or other > one)
        yield _other(f"findings: review of {severity}", str(one), str(other), _weaker(later))


def _places(before: Policy, after: Policy) -> list[tuple[str, str]]:
    """(repository, environment) for whatever either policy names."""
    found = {
        ("" if repository == "*" else repository, name)
        for policy in (before, after)
        for one in policy.environments
        for repository in one.repositories
        for name in one.match
    }
    return sorted(found)


def _roles_by_name(policy: Policy) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set(roles) for name, roles in policy.people.items()}
    for group in policy.groups.values():
        for member in group.members if group.roles else ():
            found.setdefault(member, set()).update(group.roles)
    return found


def _fewer(name: str, old: Collection[str], new: Collection[str]) -> Change | None:
    return _other(name, _shown(old), _shown(new), _weaker(not set(old) <= set(new)))


def _more(name: str, old: Collection[str], new: Collection[str]) -> Change | None:
    return _other(name, _shown(old), _shown(new), _weaker(not set(new) <= set(old)))


def _named(name: str, old: Collection[str], new: Collection[str]) -> Change | None:
    """Of whom a control is about: nobody named is everybody."""
    wider = bool(old) and (not new or not set(new) <= set(old))
    return _other(name, _shown(old), _shown(new), _weaker(wider))


def _other(name: str, old: str, new: str, effect: str) -> Change | None:
    return None if old == new else Change(POLICY, name, old, new, effect)


def _weaker(holds: bool) -> str:  # noqa: FBT001 - which of two
    return control.WEAKER if holds else control.STRICTER


def _if(holds: bool) -> tuple[str, ...]:  # noqa: FBT001 - a setting that is on or off, as a collection
    return ("yes",) if holds else ()


def _shown(values: Collection[str]) -> str:
    return ", ".join(values)
