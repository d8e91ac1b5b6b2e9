"""All fields that rules may use: those of a trail (`case.FIELDS`), and those about controls, reviews, roles and windows.

Every field always has a value of its type: nothing fires, and nothing is allowed, because something was not told. Where what
an answer needs is not there, it is "" (not known), which is neither yes nor no.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from pipetrail_processors.anomaly import view as measure_fields
from pipetrail_processors.detect import case as trail_fields
from pipetrail_processors.detect.case import Case, Value, View
from pipetrail_processors.guard import control, people_behind, policy_fields, review_fields
from pipetrail_processors.guard.duration import shown
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.people import display
from pipetrail_processors.watch import history
from pipetrail_processors.watch.state_fields import STATE

_ADMINISTERS = frozenset({"owner", "owners", "admin", "admins", "administrator", "maintainer_admin", "org_admin", "root"})
_BOTS = frozenset({"app", "service_account", "system", "api_key"})
_FORCED = frozenset({"forced", "force"})
_REJECTED = frozenset({"rejected", "reject", "declined", "denied", "refused"})
_VERDICTS = frozenset({"success", "failure", "error", "timeout"})


def more(case: Case, name: str) -> str:
    """A text of what is kept beside the trail's facts."""
    return str(case.facts[0].get("more", {}).get(name, ""))


def labels(case: Case) -> Mapping[str, str]:
    """The event's labels."""
    found: Mapping[str, str] = case.facts[0].get("more", {}).get("l", {})
    return found


def _effect(case: Case) -> str:
    name = str(case.facts[0].get("x", ""))
    return control.effect_of(name, more(case, "a"), labels(case)) if name else ""


def _control_kind(case: Case) -> str:
    fact = case.facts[0]
    if "x" in fact:
        return control.kind_of(str(fact["x"]), more(case, "a"))
    if fact["e"].get("type") != "role.changed":
        return ""
    # What gives somebody access may be a key or a token; its action says so, or a key is itself what was given access.
    kind = control.kind_of("", more(case, "a"))
    named = control.kind_of(str(fact.get("more", {}).get("t", {}).get("name", "")))
    return control.KEY if kind in {"", control.OTHER} and named == control.KEY else kind


def _bypass(case: Case) -> bool:
    return control.bypass_always(str(case.facts[0].get("x", "")), labels(case))


def _says(case: Case, words: frozenset[str]) -> bool:
    """Whether action or label of a push says one of the words: systems tell it either way."""
    action, told = more(case, "a"), labels(case)
    return bool(action and not words.isdisjoint(_words(action))) or bool(
        told and any(told.get(word, "").lower() == "true" for word in words)
    )


@lru_cache(maxsize=1024)
def _words(action: str) -> list[str]:
    return action.lower().replace("-", "_").replace(".", "_").split("_")


def _branch(case: Case) -> str:
    head = case.facts[0].get("w", {}).get("head", {})
    return "" if head.get("type") == "tag" else str(head.get("name", ""))


def _on_trunk(case: Case) -> bool:
    name = _branch(case)
    return bool(name) and case.view.policy.is_trunk(name)


def _changes(case: Case) -> str:
    found = case.facts[0].get("more", {}).get("g", {})
    return ", ".join([*found.get("roles", []), *([found["permission"]] if found.get("permission") else [])])


def _administers(case: Case) -> bool:
    words = {
        word for name in _changes(case).lower().split(", ") for word in name.replace("-", "_").replace(" ", "_").split(":")
    }
    return not words.isdisjoint(_ADMINISTERS) or any(word.endswith(("_owner", "_admin")) for word in words)


def _verified(case: Case) -> bool:
    """Whether any build or test gave a verdict."""
    return any(
        fact["e"].get("result") in _VERDICTS
        for fact in case.view.facts
        if fact.get("s") in {"build", "test"} or fact["e"]["type"].startswith("pipelinerun.")
    )


def _story(case: Case) -> str:
    return ", then ".join(
        _told(fact["e"], fact.get("more", {}), str(fact.get("x", ""))) for fact in case.facts if "type" in fact["e"]
    )


def _told(entry: Mapping[str, object], details: Mapping[str, str], name: str) -> str:
    actor = entry.get("actor")
    who = display(actor) if isinstance(actor, dict) else ""
    done = f"{name} {details.get('a', 'changed')}" if name else str(entry["type"]).replace(".", " ")
    return f"{done} by {who or 'somebody unknown'} at {str(entry['time'])[11:19]}"


def _people(case: Case) -> str:
    names = dict.fromkeys(display(fact["e"].get("actor", {})) or "somebody unknown" for fact in case.facts)
    return ", ".join(names)


# Fields that the policy answers, of whatever event.
BY_POLICY = frozenset({"policy.governs_roles", "policy.governs_freezes"})
# Fields that the event alone, its repository and the policy answer, whatever else is known: what they say, they say for ever.
OWN = (BY_POLICY | {"policy.ticket_required"}).union(
    f"event.{name}"
    for name in (
        *("id", "type", "time", "day", "stage", "actor_type", "bot", "reason", "result", "decision", "skip", "digest"),
        *("control", "control_kind", "effect", "verb", "action", "bypass_always", "administers", "environment", "production"),
        *("branch", "trunk", "into_trunk", "forced", "rejected", "skip_marker", "granted", "account"),
    )
)

_OF_OTHERS = (
    *("trail.", "change.", "item.", "event.own_change", "event.artifact", "event.human", "event.flipped", "event.filled"),
    *("event.approved_artifact", "event.back", "event.open_findings", "event.permitted", "event.asks_for"),
    *("event.denied_because", *STATE),
)
# Of these, what an event of certain types answers that is nothing to the rule by itself: it is kept with those that it answers.
ANSWERED: Mapping[str, frozenset[str]] = {"event.filled": frozenset({"source.gap"})}
_OF_SUBJECT = frozenset({"trail.repository", "trail.name", "trail.commit", "trail.short_commit", "trail.traced"})
# Whether a field can be anything but empty for any of the facts, told from all of them at once.
GATES: Mapping[str, Callable[[Sequence[Fact]], bool]] = {"event.back": history.any_back}
# The same of fields that are told from a trail.
TRAIL_GATES: Mapping[str, Callable[[View], bool]] = {"event.approved_artifact": history.any_approved_artifact}


def reads_others(path: str, kind: str | None = None) -> bool:
    """Whether others than the case's own events answer the field: such an event, of that type, alters what was found."""
    if kind is not None and path in ANSWERED and kind not in ANSWERED[path]:
        return False
    return path.startswith(_OF_OTHERS) and path not in _OF_SUBJECT


FIELDS: dict[str, Callable[[Case], Value]] = {
    **trail_fields.FIELDS,
    **measure_fields.FIELDS,
    "event.action": lambda case: more(case, "a"),
    "event.skip_marker": lambda case: more(case, "s"),
    "event.account": lambda case: more(case, "n"),
    "event.day": lambda case: str(case.entry.get("time", ""))[:10],
    "event.skip": lambda case: str(case.entry.get("skip", "")),
    "event.bot": lambda case: case.entry.get("actor_type") in _BOTS,
    "event.verb": lambda case: control.verb_of(more(case, "a")),
    "event.control_kind": _control_kind,
    "event.effect": _effect,
    "event.bypass_always": _bypass,
    "event.branch": _branch,
    "event.trunk": _on_trunk,
    "event.into_trunk": lambda case: case.view.policy.is_trunk(case.facts[0].get("more", {}).get("b", {}).get("name", "")),
    "event.forced": lambda case: _says(case, _FORCED),
    "event.rejected": lambda case: _says(case, _REJECTED),
    "event.target": lambda case: display(case.facts[0].get("more", {}).get("t", {})) or "somebody",
    "event.key_owner": lambda case: display(case.facts[0].get("more", {}).get("t", {})) or str(case.facts[0].get("x", "")),
    "event.granted": _changes,
    "event.administers": _administers,
    "event.human": people_behind.human,
    "event.flipped": history.flipped,
    "event.filled": history.filled,
    "event.approved_artifact": history.approved_artifact,
    "event.back": history.back,
    "event.open_findings": history.open_findings,
    "event.asks_for": policy_fields.asks_for,
    "event.permitted": policy_fields.permitted,
    "event.denied_because": policy_fields.denied_because,
    "policy.governs_roles": lambda case: bool(case.view.policy.allow),
    "policy.governs_freezes": lambda case: bool(case.view.policy.freezes),
    "event.frozen": policy_fields.frozen,
    "event.freeze": policy_fields.freeze_told,
    "trail.verified": _verified,
    "trail.author_type": lambda case: str(case.view.commit["e"].get("actor_type", "")),
    "change.id": review_fields.change_id,
    "change.told": review_fields.told,
    "change.branch": review_fields.branch,
    "change.trunk": review_fields.trunk,
    "change.review": review_fields.state,
    "change.reviewers": review_fields.reviewers,
    "change.needed": review_fields.needed,
    "change.counting": review_fields.counting,
    **{path: one.value for path, one in STATE.items()},
    "actor.roles": policy_fields.roles,
    "hit.count": lambda case: len(case.facts),
    "hit.span": lambda case: shown(history.span(case)),
    "hit.people": _people,
    "hit.story": _story,
}
