"""Projects and groups that are made, renamed, moved, deleted: what all other rules hang on. Hooks do not say who did it.

A project's address is the key of everything in it, so a renamed or moved project's old address is kept with the event.
https://docs.gitlab.com/administration/system_hooks/
"""

from collections.abc import Mapping
from typing import Any

from pipetrail_producers.webhook.gitlab.place import Place, below
from pipetrail_producers.webhook.gitlab.read import moment, required, second
from pipetrail_producers.webhook.payload import at, items
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, cut, merged, name, vcs_repository

ACTIONS = {"create": "created", "destroy": "deleted", "rename": "renamed", "transfer": "transferred", "update": "edited"}


def project(payload: Mapping[str, Any], place: Place) -> Translation:
    """A `project_*` event."""
    event_name = required(payload, "event_name", "project")
    number = required(payload, "project_id", event_name)
    path = name(payload, "path_with_namespace")
    owners = [found for one in items(payload, "owners") if (found := name(one, "name"))]
    labels = {
        "project": path,
        "previous_path": name(payload, "old_path_with_namespace"),
        "visibility": name(payload, "project_visibility"),
        "owner": name(payload, "owner_name") or cut(", ".join(owners)),
    }
    repository = place.repository or below(place.instance, path)
    told = {"vcs": {"repository": vcs_repository(repository)}, "pipetrail": {"control": "repository", "labels": labels}}
    return _changed(payload, place, ("project", number), told)


def group(payload: Mapping[str, Any], place: Place) -> Translation:
    """A `group_*` or `subgroup_*` event."""
    event_name = required(payload, "event_name", "group")
    number = required(payload, "group_id", event_name)
    labels = {
        "group": name(payload, "full_path") or name(payload, "path"),
        "previous_path": name(payload, "old_full_path") or name(payload, "old_path"),
        "parent": name(payload, "parent_full_path"),
        "owner": name(payload, "owner_name"),
    }
    return _changed(payload, place, ("group", number), {"pipetrail": {"control": "group", "labels": labels}})


def _changed(payload: Mapping[str, Any], place: Place, key: tuple[str, str], told: Data) -> Translation:
    event_name = required(payload, "event_name", key[0])
    changed = moment(payload, "updated_at")
    action = ACTIONS[event_name.rpartition("_")[2]]
    # What was deleted has the time of its last alteration, which may be years ago.
    time = None if action == "deleted" else changed
    data = merged({"event": {"action": action}, "pipetrail": {"actor": {"type": "unknown"}}}, told)
    subject = at(told, f"pipetrail.labels.{key[0]}")
    return Translation(
        (place.fact("policy.changed", time, key, data, state=f"{event_name} {second(changed)}", subject=subject),)
    )
