"""What entries of the audit log say about protections, rulesets and webhooks, in the labels that GitHub's webhooks give. Pure.

An entry about a protection has one setting, as it is now; where that is one end of its scale, it was nearer to the other end
before, or there would be no entry. One about a ruleset lists what came and what went.
"""

from collections.abc import Mapping
from typing import Any

from pipetrail_producers.webhook.github.protection import GUARDS, bypass, types
from pipetrail_producers.webhook.github.read import label
from pipetrail_producers.webhook.payload import items
from pipetrail_producers.webhook.values import Data, cut, name, said

# What the labels say in the words of webhooks.
FIELDS = frozenset(
    {
        *("ruleset_name", "ruleset_old_name", "ruleset_enforcement", "ruleset_old_enforcement"),
        *("ruleset_rules", "ruleset_rules_added", "ruleset_rules_deleted", "ruleset_rules_updated"),
        *("ruleset_bypass_actors", "ruleset_bypass_actors_added"),
        *("ruleset_bypass_actors_deleted", "ruleset_bypass_actors_updated"),
    }
)
_RULESET, _PROTECTION, _SWITCHED = "repository_ruleset.", "protected_branch.", "hook.active_changed"
_WHOLE = frozenset({"protected_branch.create", "protected_branch.destroy"})  # tell all settings, and no edit
_LEVEL = "_enforcement_level"
_ACTIVE = "active"
# The ends of a scale, as the log writes them: numbers are the levels of webhooks' words.
_MOST, _LEAST = frozenset({"true", "2", "everyone"}), frozenset({"false", "0", "off"})


def labels(entry: Mapping[str, Any]) -> Data:
    """What the entry says of a protection, a ruleset or a switched webhook; nothing for any other."""
    action = name(entry, "action") or ""
    if action.startswith(_RULESET):
        return _ruleset(entry)
    altered = action == _SWITCHED or (action.startswith(_PROTECTION) and action not in _WHOLE)
    return _setting(entry) if altered else {}


def _setting(entry: Mapping[str, Any]) -> Data:
    found: Data = {}
    for field in entry:
        value = said(entry, field) if field in GUARDS or field == "active" or field.endswith(_LEVEL) else None
        if value in _MOST | _LEAST:
            ends = ("off", "everyone") if field.endswith(_LEVEL) else ("false", "true")
            old, new = ends if value in _MOST else ends[::-1]
            found |= {f"{label(field)}_from": old, f"{label(field)}_to": new}
    return found


def _ruleset(entry: Mapping[str, Any]) -> Data:
    enforcement, before = name(entry, "ruleset_enforcement"), name(entry, "ruleset_old_enforcement")
    added, gone = items(entry, "ruleset_rules_added"), items(entry, "ruleset_rules_deleted")
    changed = items(entry, "ruleset_rules_updated")
    let_in = items(entry, "ruleset_bypass_actors_added") + items(entry, "ruleset_bypass_actors_updated")
    let_out = items(entry, "ruleset_bypass_actors_deleted")
    actors = [bypass(one) for one in items(entry, "ruleset_bypass_actors") + let_in]
    ended = before == _ACTIVE and enforcement not in {None, _ACTIVE}
    weakened = ended or bool(gone or items(entry, "ruleset_bypass_actors_added"))
    raised = before not in {None, _ACTIVE} and enforcement == _ACTIVE
    old_name = name(entry, "ruleset_old_name")
    return {
        "ruleset": name(entry, "ruleset_name"),
        "name_from": old_name if old_name != name(entry, "ruleset_name") else None,
        "enforcement": enforcement,
        "enforcement_from": before if before != enforcement else None,
        "bypass_actors": cut(", ".join(actors)),
        "bypass_actors_from": cut(", ".join(bypass(one) for one in let_out)),
        "bypass_always": "true" if any(actor.endswith(":always") for actor in actors) else None,
        "rules": types(items(entry, "ruleset_rules")),
        "rules_added": types(added),
        "rules_deleted": types(gone),
        "rules_updated": types(changed),
        "weakened": "true" if weakened else None,
        "strengthened": "true" if (added or let_out or raised) and not (weakened or changed or let_in) else None,
    }
