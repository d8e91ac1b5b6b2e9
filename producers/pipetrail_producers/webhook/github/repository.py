"""A repository itself, and the webhook that watches it: visibility, default branch, name, owner, end. Pure."""

from typing import Any

from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import moment, part, required, sender
from pipetrail_producers.webhook.payload import at, items
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, cut, merged, name, said

# Action → what it changes.
_CONTROLS = {
    "created": "repository",
    "deleted": "repository",
    "archived": "repository",
    "unarchived": "repository",
    "renamed": "repository name",
    "transferred": "repository owner",
    "publicized": "repository visibility",
    "privatized": "repository visibility",
}


def repository(payload: Any, place: Place) -> Translation:
    """What became of a repository."""
    kind = "repository"
    place.need_repository(kind)
    action = required(payload, "action", kind)
    control = _CONTROLS.get(action)
    if action == "edited" and at(payload, "changes.default_branch") is not None:
        control = "default branch"
    if control is None:
        return Translation(silent="description, topics and home page of a repository say nothing about delivery")
    labels: Data = {
        "visibility": name(payload, "repository.visibility"),
        "default_branch": name(payload, "repository.default_branch"),
        "default_branch_from": said(payload, "changes.default_branch.from"),
        "name_from": said(payload, "changes.repository.name.from"),
        "owner_from": said(payload, "changes.owner.from.user.login") or said(payload, "changes.owner.from.organization.login"),
    }
    data = merged(sender(payload), {"event": {"action": action}, "pipetrail": {"control": control, "labels": labels}})
    time = moment(payload, "repository.created_at") if action == "created" else moment(payload, "repository.updated_at")
    return Translation((place.fact("policy.changed", time, (kind, place.delivery), data, state=action),))


def custom_property_values(payload: Any, place: Place) -> Translation:
    """Custom properties of a repository: rulesets choose by them what they guard."""
    kind = "custom_property_values"
    place.need_repository(kind)
    old = {name(one, "property_name"): said(one, "value") for one in items(payload, "old_property_values")}
    new = {name(one, "property_name"): said(one, "value") for one in items(payload, "new_property_values")}
    told = [
        f"{key}: {old.get(key)} → {new.get(key)}"
        for key in sorted({*old, *new} - {None}, key=str)
        if old.get(key) != new.get(key)
    ]
    labels: Data = {"changed": cut("; ".join(told))}
    data = merged(
        sender(payload), {"event": {"action": "edited"}, "pipetrail": {"control": "custom properties", "labels": labels}}
    )
    return Translation((place.fact("policy.changed", None, (kind, place.delivery), data),))


def meta(payload: Any, place: Place) -> Translation:
    """The webhook itself was deleted: somebody stopped the watching, and what follows is not told any more."""
    kind = "meta"
    hook = part(payload, "hook", kind)
    identity = name(payload, "hook_id") or required(hook, "id", kind)
    labels: Data = {"hook": identity, "type": name(hook, "type"), "events": said(hook, "events")}
    about = merged(sender(payload), {"event": {"action": required(payload, "action", kind)}})
    changed = merged(about, {"pipetrail": {"control": "webhook", "labels": labels}})
    gap = merged(about, {"event": {"reason": "the webhook was deleted: nothing is told from here on"}})
    return Translation(
        (
            place.fact("policy.changed", None, (kind, identity), changed, state="deleted"),
            place.fact("source.gap", None, (kind, identity), gap, state="gap"),
        )
    )
