"""Who may do what: members, teams, organizations, keys, tokens, apps. Pure.

GitHub gives none of these a time or a key of its own; the delivery's id, which a redelivery keeps, stands in for the key, and
the time of receipt for the time.
"""

from collections.abc import Mapping
from typing import Any

from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import first_moment, missing, moment, part, person, required, sender
from pipetrail_producers.webhook.payload import at, items
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, cut, merged, name, said

_TYPE = "role.changed"


def member(payload: Any, place: Place) -> Translation:
    """A collaborator of a repository, and the permission before and after."""
    kind = "member"
    place.need_repository(kind)
    new = name(payload, "changes.permission.to") or name(payload, "changes.role_name.to")
    old = name(payload, "changes.permission.from") or name(payload, "changes.old_permission.from")
    who = _target(part(payload, kind, kind), kind)
    changes: Data = {"user": {"changes": {"permission": new}}, "pipetrail": {"labels": {"permission_from": old}}}
    return _one(payload, place, kind, merged(who, changes))


def membership(payload: Any, place: Place) -> Translation:
    """Somebody joined or left a team."""
    kind = "membership"
    who = _target(part(payload, "member", kind), kind)
    return _one(payload, place, kind, merged(who, _team(payload)))


def team(payload: Any, place: Place) -> Translation:
    """A team, what it may do, and which repositories it has."""
    kind = "team"
    found = part(payload, kind, kind)
    target: Data = {"id": name(found, "id"), "name": f"team {required(found, 'slug', kind)}"}
    permission = name(payload, "repository.role_name") or name(found, "permission")
    changes: Data = {
        "user": {"target": target, "changes": {"permission": permission}},
        "pipetrail": {
            "labels": {
                "permission_from": said(payload, "changes.permission.from"),
                "name_from": said(payload, "changes.name.from"),
            }
        },
    }
    old = at(payload, "changes.repository.permissions.from")
    if isinstance(old, Mapping):
        had = ", ".join(sorted(right for right, has in old.items() if has is True))
        changes = merged(changes, {"pipetrail": {"labels": {"permission_from": cut(had)}}})
    return _one(payload, place, kind, merged(changes, _team(payload)))


def organization(payload: Any, place: Place) -> Translation:
    """Members of an organization, and its own name and end."""
    kind = "organization"
    action = required(payload, "action", kind)
    labels: Data = {"pipetrail": {"labels": {"organization": name(payload, "organization.login")}}}
    if action in {"renamed", "deleted"}:
        old: Data = {"pipetrail": {"control": kind, "labels": {"login_from": said(payload, "changes.login.from")}}}
        data = merged(sender(payload), {"event": {"action": action}}, old, labels)
        return Translation((place.fact("policy.changed", None, (kind, place.delivery), data, state=action),))
    user = at(payload, "membership.user") or at(payload, "user")
    invited = name(payload, "invitation.email")  # who is invited by address has no account yet
    who = {"user": {"target": {"name": invited, "email": invited}}} if invited and not user else _target(user, kind)
    role = name(payload, "membership.role") or name(payload, "invitation.role")
    return _one(payload, place, kind, merged(who, {"user": {"changes": {"roles": [role] if role else None}}}, labels))


def org_block(payload: Any, place: Place) -> Translation:
    """Somebody was blocked from an organization, or let in again."""
    kind = "org_block"
    return _one(payload, place, kind, _target(part(payload, "blocked_user", kind), kind))


def deploy_key(payload: Any, place: Place) -> Translation:
    """A key that reads or writes one repository, without being anybody."""
    kind = "deploy_key"
    place.need_repository(kind)
    key = part(payload, "key", kind)
    action = required(payload, "action", kind)
    target: Data = {"id": required(key, "id", kind), "name": cut(f"deploy key {name(key, 'title') or ''}")}
    permission = {"true": "read", "false": "write"}.get(said(key, "read_only") or "")
    data = merged(
        sender(payload), {"event": {"action": action}, "user": {"target": target, "changes": {"permission": permission}}}
    )
    time = moment(key, "created_at") if action == "created" else None
    subject = name(target, "name")
    return Translation((place.fact(_TYPE, time, (kind, required(key, "id", kind)), data, state=action, subject=subject),))


def installation(payload: Any, place: Place) -> Translation:
    """An app that was installed, suspended or removed, or got other permissions."""
    kind = "installation"
    found = part(payload, kind, kind)
    action = required(payload, "action", kind)
    data = merged(sender(payload), {"event": {"action": action}}, _app(found, kind))
    time = moment(found, "created_at") if action == "created" else None
    key = (kind, required(found, "id", kind))
    state = action if action in {"created", "deleted"} else f"{action} {place.delivery}"
    return Translation((place.fact(_TYPE, time, key, data, state=state, subject=name(data, "user.target.name")),))


def installation_repositories(payload: Any, place: Place) -> Translation:
    """Repositories that an app got access to, or lost: one fact each."""
    kind = "installation_repositories"
    found = part(payload, "installation", kind)
    action = required(payload, "action", kind)
    repositories = items(payload, f"repositories_{action}") if action in {"added", "removed"} else missing(kind, "action")
    data = merged(sender(payload), {"event": {"action": action}}, _app(found, kind))
    facts = tuple(
        there.fact(_TYPE, None, (kind, f"{identity} {place.delivery}"), data, state=action, subject=name(one, "full_name"))
        for one in repositories
        if (identity := name(one, "id")) and (there := place.within(name(one, "full_name"))).repository
    )
    return Translation(facts) if facts else Translation(silent="no repository is named")


def personal_access_token_request(payload: Any, place: Place) -> Translation:
    """A fine-grained token that was let in, or not."""
    kind = "personal_access_token_request"
    found = part(payload, kind, kind)
    action = required(payload, "action", kind)
    if action not in {"approved", "denied"}:
        return Translation(silent="a token that is asked for gives no access yet")
    target: Data = {"id": name(found, "owner.id"), "name": required(found, "owner.login", kind)}
    result = at(found, "permissions_result")
    became = "granted" if action == "approved" else action
    rights = [f"{of}:{name(result, f'{group}.{of}')}" for group, of in _rights(result)]
    data = merged(
        sender(payload),
        {
            "event": {"action": f"access_token_{became}"},
            "user": {"target": target, "changes": {"permission": cut(", ".join(rights))}},
            "pipetrail": {"labels": {"token": name(found, "token_name"), "repositories": name(found, "repository_selection")}},
        },
    )
    return Translation((place.fact(_TYPE, None, (kind, required(found, "id", kind)), data, state=action),))


def _one(payload: Any, place: Place, kind: str, data: Data) -> Translation:
    action = required(payload, "action", kind)
    whole = merged(sender(payload), {"event": {"action": action}}, data)
    subject = name(whole, "user.target.name")
    time = first_moment(payload, "invitation.created_at") if action == "member_invited" else None
    return Translation((place.fact(_TYPE, time, (kind, place.delivery), whole, state=action, subject=subject),))


def _target(user: Any, kind: str) -> Data:
    return {"user": {"target": {**person(user), "name": required(user, "login", kind)}}}


def _team(payload: Any) -> Data:
    return {
        "pipetrail": {
            "labels": {"team": name(payload, "team.slug"), "organization": name(payload, "organization.login")},
        }
    }


def _app(found: Mapping[str, Any], kind: str) -> Data:
    identity = name(found, "app_id") or required(found, "id", kind)
    slug = name(found, "app_slug")
    rights = found.get("permissions")
    told = [f"{of}:{right}" for of in rights if (right := name(rights, of))] if isinstance(rights, Mapping) else []
    return {
        "user": {
            "target": {"id": identity, "name": f"{slug}[bot]" if slug else f"app {identity}"},
            "changes": {"permission": cut(", ".join(sorted(told)))},
        },
        "pipetrail": {
            "labels": {"account": name(found, "account.login"), "repositories": name(found, "repository_selection")},
        },
    }


def _rights(result: Any) -> list[tuple[str, str]]:
    if not isinstance(result, Mapping):
        return []
    return [(group, of) for group, rights in result.items() if isinstance(rights, Mapping) for of in rights]
