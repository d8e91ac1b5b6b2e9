"""What guards a branch, and its changes: branch protection rules, rulesets, scanning. Pure.

An edit is told with the values before and after, so that a weakened rule, or one that was off for a minute, can be seen from
the events alone. Whether a change weakens is said where it is beyond doubt: a rule that went, enforcement that ended, somebody
more who may pass.
"""

from collections.abc import Mapping
from typing import Any

from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import first_moment, label, missing, moment, part, required, sender
from pipetrail_producers.webhook.payload import at, items
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, cut, merged, name, said

BRANCH_PROTECTION = "branch protection"
RULESET = "ruleset"
_ACTIVE = "active"
# How strongly a part of a branch protection rule is enforced, weakest first.
_LEVELS = ("off", "non_admins", "everyone")
# Parts that guard while they are true, while they are false, and by their number.
GUARDS = frozenset(
    {
        "dismiss_stale_reviews_on_push",
        "require_code_owner_review",
        "authorized_dismissal_actors_only",
        "ignore_approvals_from_contributors",
        "strict_required_status_checks_policy",
        "admin_enforced",
        "require_last_push_approval",
        "authorized_actors_only",
        "lock_branch",
    }
)
_ALLOWANCES = ("allow_force_pushes_enforcement_level", "allow_deletions_enforcement_level")
_COUNT = "required_approving_review_count"
_CHECKS = "required_status_checks"


def branch_protection_rule(payload: Any, place: Place) -> Translation:
    """A rule that was created, edited or deleted, with every value that changed."""
    kind = "branch_protection_rule"
    place.need_repository(kind)
    rule = part(payload, "rule", kind)
    action = required(payload, "action", kind)
    changes = at(payload, "changes")
    changed = changes if isinstance(changes, Mapping) else {}
    labels: Data = {"rule": name(rule, "name"), "weakened": _flag(action == "deleted" or _weakened(rule, changed))}
    for field in changed:
        labels[f"{label(field)}_from"] = said(changed, f"{field}.from")
        labels[f"{label(field)}_to"] = said(rule, field)
    if action == "created":
        labels |= {label(field): said(rule, field) for field in (*_ALLOWANCES, "admin_enforced", _COUNT, _CHECKS)}
    # The time of a deletion is not told: `updated_at` is that of the last edit.
    time = None if action == "deleted" else first_moment(rule, "updated_at", "created_at")
    key = (kind, required(rule, "id", kind))
    state = f"{action} {time or place.delivery}"
    data = _changed(payload, BRANCH_PROTECTION, action, labels)
    return Translation((place.fact("policy.changed", time, key, data, state=state, subject=name(rule, "name")),))


def branch_protection_configuration(payload: Any, place: Place) -> Translation:
    """All branch protections of a repository turned off or on again."""
    kind = "branch_protection_configuration"
    place.need_repository(kind)
    action = required(payload, "action", kind)
    if action not in {"enabled", "disabled"}:
        missing(kind, "action")
    data = _changed(payload, BRANCH_PROTECTION, action, {"weakened": _flag(action == "disabled")})
    return Translation((place.fact("policy.changed", None, (kind, place.delivery), data, state=action),))


def repository_ruleset(payload: Any, place: Place) -> Translation:
    """A ruleset that was created, edited or deleted; who may bypass it, and how: `always` leaves no trace in a merge."""
    kind = "repository_ruleset"
    ruleset = part(payload, kind, kind)
    action = required(payload, "action", kind)
    actors = [bypass(one) for one in items(ruleset, "bypass_actors")]
    labels: Data = {
        "ruleset": name(ruleset, "name"),
        "target": name(ruleset, "target"),
        "source": name(ruleset, "source"),
        "enforcement": name(ruleset, "enforcement"),
        "enforcement_from": name(payload, "changes.enforcement.from"),
        "name_from": name(payload, "changes.name.from"),
        "bypass_actors": cut(", ".join(actors)),
        "bypass_always": _flag(any(actor.endswith(":always") for actor in actors)),
        "rules": types(items(ruleset, "rules")),
        "rules_added": types(items(payload, "changes.rules.added")),
        "rules_deleted": types(items(payload, "changes.rules.deleted")),
        "rules_updated": types([at(one, "rule") for one in items(payload, "changes.rules.updated")]),
        "conditions_changed": _flag(bool(at(payload, "changes.conditions"))),
        "weakened": _flag(action == "deleted" or _ruleset_weakened(payload, ruleset)),
        "strengthened": _flag(_only_rules_added(payload)),
    }
    time = None if action == "deleted" else first_moment(ruleset, "updated_at", "created_at")
    key = (kind, required(ruleset, "id", kind))
    data = _changed(payload, RULESET, action, labels)
    state = f"{action} {time or place.delivery}"
    return Translation((place.fact("policy.changed", time, key, data, state=state, subject=name(ruleset, "name")),))


def security_and_analysis(payload: Any, place: Place) -> Translation:
    """Scanning features turned on or off, each told on its own: "secret scanning" guards secrets, others do not.

    The payload has the values before, the repository those after. A feature of which one of them is missing is no change.
    """
    kind = "security_and_analysis"
    place.need_repository(kind)
    before = part(payload, "changes.from.security_and_analysis", kind)
    time = moment(payload, "repository.updated_at")
    facts = []
    for feature in before:
        old, new = name(before, f"{feature}.status"), name(payload, f"repository.security_and_analysis.{feature}.status")
        if old is None or new is None or old == new:
            continue
        weakened = old == "enabled" and new == "disabled"
        labels: Data = {f"{label(feature)}_from": old, f"{label(feature)}_to": new, "weakened": _flag(weakened)}
        data = _changed(payload, feature.replace("_", " "), "edited", labels)
        facts.append(place.fact("policy.changed", time, (kind, f"{place.delivery} {feature}"), data, subject=feature))
    return Translation(tuple(facts)) if facts else Translation(silent="no feature is told to be another than before")


def _changed(payload: Any, control: str, action: str, labels: Data) -> Data:
    return merged(sender(payload), {"event": {"action": action}, "pipetrail": {"control": control, "labels": labels}})


def _weakened(rule: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    return any(_part_weakened(field, at(changes, f"{field}.from"), rule.get(field)) for field in changes)


def _part_weakened(field: str, before: Any, after: Any) -> bool:
    if field in GUARDS:
        return before is True and after is False
    if field == _COUNT:
        return isinstance(before, int) and isinstance(after, int) and after < before
    if field == _CHECKS:
        return isinstance(before, list) and isinstance(after, list) and any(check not in after for check in before)
    if before in _LEVELS and after in _LEVELS:
        falls = _LEVELS.index(after) < _LEVELS.index(before)
        rises = _LEVELS.index(after) > _LEVELS.index(before)
        return rises if field in _ALLOWANCES else falls
    return False


def _ruleset_weakened(payload: Any, ruleset: Mapping[str, Any]) -> bool:
    ended = name(payload, "changes.enforcement.from") == _ACTIVE and name(ruleset, "enforcement") not in {None, _ACTIVE}
    return ended or bool(items(payload, "changes.rules.deleted"))


def _only_rules_added(payload: Any) -> bool:
    changes = at(payload, "changes")
    told = changes if isinstance(changes, Mapping) else {}
    rules = {part for part in ("added", "deleted", "updated") if items(told, f"rules.{part}")}
    return rules == {"added"} and told.keys() <= {"rules", "name"}


def bypass(one: Any) -> str:
    """Who may bypass a ruleset, and how: `Team:5:always`."""
    return f"{name(one, 'actor_type') or 'unknown'}:{name(one, 'actor_id') or ''}:{name(one, 'bypass_mode') or ''}"


def types(rules: list[Any]) -> str | None:
    """The kinds of a ruleset's rules."""
    return cut(", ".join(filter(None, (name(rule, "type") for rule in rules))))


def _flag(value: bool) -> str | None:  # noqa: FBT001  # a value, no switch
    return "true" if value else None
