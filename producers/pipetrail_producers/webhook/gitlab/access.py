"""Who may do what: members of groups and projects, users, their SSH keys. Hooks name whom it concerns, and never who did it.

Of what was taken away the hook gives the time of its last alteration, which may be years ago: there the time of receipt counts.

https://docs.gitlab.com/administration/system_hooks/, https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from collections.abc import Mapping
from typing import Any

from pipetrail_producers.webhook.gitlab.place import Place, below
from pipetrail_producers.webhook.gitlab.read import email, moment, required, second
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, merged, name, vcs_repository

MEMBERS = {
    "user_add_to_group": "added",
    "user_update_for_group": "edited",
    "user_remove_from_group": "removed",
    "user_add_to_team": "added",
    "user_update_for_team": "edited",
    "user_remove_from_team": "removed",
}
USERS = {"user_create": "created", "user_destroy": "deleted", "user_rename": "renamed"}
KEYS = {"key_create": "created", "key_destroy": "deleted"}
_NOBODY: Data = {"pipetrail": {"actor": {"type": "unknown"}}}


def member(payload: Mapping[str, Any], place: Place) -> Translation:
    """Somebody became a member of a group or project ("team"), got another role in it, or left it."""
    event_name = required(payload, "event_name", "member")
    in_group = event_name.endswith("_group")
    unit = required(payload, "group_id" if in_group else "project_id", event_name)
    who = name(payload, "user_id") or required(payload, "user_username", event_name)
    path = name(payload, "group_path") if in_group else name(payload, "project_path_with_namespace")
    access = name(payload, "group_access" if in_group else "access_level")
    labels = {
        "group" if in_group else "project": path or unit,
        "expires_at": name(payload, "expires_at"),
        "member_role": name(payload, "group_plan"),
    }
    target = {
        "id": name(payload, "user_id"),
        "name": name(payload, "user_username") or name(payload, "user_name") or who,
        "email": email(payload, "user_email"),
    }
    repository = None if in_group else below(place.instance, path)
    data = merged(
        _NOBODY,
        {"event": {"action": MEMBERS[event_name]}, "vcs": {"repository": vcs_repository(repository)}},
        {"user": {"target": target, "changes": {"permission": access}}, "pipetrail": {"labels": labels}},
    )
    changed = moment(payload, "updated_at")
    time = None if MEMBERS[event_name] == "removed" else changed
    key = ("group_member" if in_group else "project_member", f"{unit}:{who}")
    fact = place.fact("role.changed", time, key, data, state=f"{event_name} {access} {second(changed)}", subject=target["name"])
    return Translation((fact,))


def user(payload: Mapping[str, Any], place: Place) -> Translation:
    """An account was made, deleted or renamed."""
    event_name = required(payload, "event_name", "user")
    login = required(payload, "username", event_name)
    target = {"id": name(payload, "user_id"), "name": login, "email": email(payload, "email")}
    labels = {"previous_name": name(payload, "old_username")}
    data = merged(
        _NOBODY,
        {"event": {"action": f"account_{USERS[event_name]}"}, "user": {"target": target}, "pipetrail": {"labels": labels}},
    )
    changed = moment(payload, "updated_at")
    time = None if event_name == "user_destroy" else changed
    key = ("user", target["id"] or login)
    return Translation((place.fact("role.changed", time, key, data, state=f"{event_name} {second(changed)}", subject=login),))


def key(payload: Mapping[str, Any], place: Place) -> Translation:
    """An SSH key with which somebody pushes was added or taken away. The key itself is not kept; its comment is part of it."""
    event_name = required(payload, "event_name", "key")
    number = required(payload, "id", event_name)
    owner = name(payload, "username") or f"deploy key {number}"
    data = merged(
        _NOBODY,
        {"event": {"action": f"ssh_key_{KEYS[event_name]}"}, "user": {"target": {"name": owner}}},
        {"pipetrail": {"labels": {"key_id": number}}},
    )
    time = moment(payload, "created_at") if event_name == "key_create" else None
    fact = place.fact("role.changed", time, ("ssh_key", number), data, state=event_name, subject=owner)
    return Translation((fact,))
