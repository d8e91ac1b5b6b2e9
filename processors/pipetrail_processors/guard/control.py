"""What a control is, and what a change does to it, by meaning: one vocabulary for every system that can express it. Pure.

Systems name their controls as they like (`protected_branch`, "branch protection", `repository_ruleset`). A control's kind is
found by the words in its name; what an alteration does to it by the action's verb and, where the event carries them in its
labels, by the values before and after (`NAME_from` with `NAME_to` or NAME, `old.NAME` with `new.NAME` and the like), or by the
labels `weakened` and `strengthened`, where a translator knows it beyond doubt. What cannot be told is "changed": it neither
clears nor accuses.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

PROTECTION, SECRETS, RUNNER, TOKEN, WEBHOOK, AUDIT, CALENDAR, POLICY, ENVIRONMENT, KEY, CREDENTIAL, CI, OTHER = (
    "protection", "secrets", "runner", "token", "webhook", "audit", "calendar", "policy", "environment", "key", "credential",
    "ci", "other",
)  # fmt: skip
WEAKER, STRICTER, CHANGED = "weaker", "stricter", "changed"

# What guards a branch, in the words of forges.
_OF_BRANCHES = (
    r"\bbranch (permission|polic)|\bstatus checks?\b|\bmerge on\b|\bapprov|"
    r"\b(push|merge|branch|approval|review|repository) (rule|check|restriction|setting)s?\b"
)
# The first that occurs decides: "secret scanning push protection" guards secrets, "deployment branch policy" an environment.
_KINDS = tuple(
    (kind, re.compile(words))
    for kind, words in (
        (SECRETS, r"secret (scan|push|detect|protect)|secrets? guard|credential scan|\bleak"),
        (AUDIT, r"audit|log stream|event stream"),
        (WEBHOOK, r"\bweb ?hooks?\b|\bhooks?\b"),
        (RUNNER, r"\brunners?\b|\bagent pool\b|\bbuild (agent|node)s?\b"),
        (KEY, r"\b(deploy|ssh|public|signing) keys?\b"),
        (CREDENTIAL, r"\bsecrets?\b|\bvariables?\b"),
        (CALENDAR, r"\bcalendars?\b|\bfreezes?\b|\bchange windows?\b"),
        (ENVIRONMENT, r"\benvironments?\b|\bdeployment\b|\bdeploy gates?\b"),
        (TOKEN, r"\btokens?\b|\bworkflow permissions?\b|\bactions permissions?\b"),
        (PROTECTION, rf"protect|\brule ?sets?\b|\bcode ?owners?\b|\brequired\b|\bforce ?push|{_OF_BRANCHES}"),
        (POLICY, r"\bpolic(y|ies)\b|\brules?\b"),
        (CI, r"\bpipelines?\b|\bworkflows?\b|\bci\b|\bcicd\b|\bactions\b"),
    )
)
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_REMOVED = frozenset(
    {"deleted", "delete", "removed", "remove", "destroyed", "destroy", "disabled", "disable", "unprotected", "unprotect",
     "revoked", "revoke", "uninstalled", "off", "deactivated", "suspended", "paused"}
)  # fmt: skip
_ADDED = frozenset(
    {"created", "create", "added", "add", "enabled", "enable", "registered", "register", "protected", "protect", "installed",
     "on", "activated", "restored", "issued", "generated", "granted", "unpaused", "resumed"}
)  # fmt: skip
# Kinds whose presence guards; of the others (a runner, a key, a token) the presence is what weakens.
_GUARDS = frozenset({PROTECTION, SECRETS, WEBHOOK, AUDIT, CALENDAR, POLICY, ENVIRONMENT, CI})
_SIDES = 2  # old and new
_OLD = frozenset({"old", "from", "before", "previous", "was", "were"})
_NEW = frozenset({"new", "to", "after", "current"})
# A setting whose name has one of these words lets through; any other one that is on, or longer, or higher, holds back.
# What is "only allowed if" is held back otherwise.
_LETS_THROUGH = re.compile(
    r"bypass|(?<!only )allow|skip|exempt|except|\bforce|deletion|permission|push access|write|unprotect|\bself\b|"
    r"\b(author|committer)s? approv"
)
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1", "enabled"}), frozenset({"false", "no", "off", "0", "disabled", "none"})
# Levels of one setting, from what holds least to what holds most.
_LEVELS = ({"disabled": 0, "off": 0, "evaluate": 1, "non_admins": 1, "active": 2, "everyone": 2, "enabled": 2},)
_PERMISSIONS = {"none": 0, "read": 1, "triage": 2, "write": 3, "maintain": 4, "admin": 5}
_SCALARS = frozenset({*_TRUE, *_FALSE, *_PERMISSIONS, "active", "evaluate", "everyone", "non_admins"})
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


@lru_cache(maxsize=4096)
def kind_of(control: str, action: str = "") -> str:
    """What kind of control the name stands for, or the action where the name does not tell; "" for neither."""
    if not (control or action):
        return ""
    words = _words(control)
    kind = next((kind for kind, pattern in _KINDS if pattern.search(words)), OTHER)
    if action and kind in {CI, OTHER}:
        # "Actions settings", `repo.set_default_workflow_permissions`
        words = _words(action)
        kind = next((closer for closer, pattern in _KINDS if closer not in {CI, POLICY} and pattern.search(words)), kind)
    return kind


def effect_of(control: str, action: str, labels: Mapping[str, str]) -> str:
    """What an alteration did to the control: "weaker", "stricter", or "changed" where neither is told.

    Args:
        control: its name.
        action: what was done, in the system's word: `deleted`, `protected_branch.destroy`, `update_bypass` …
        labels: texts by name, among them the values before and after.
    """
    if labels.get("weakened") == "true":
        return WEAKER
    if labels.get("strengthened") == "true":
        return STRICTER
    kind, verb = kind_of(control, action), verb_of(action)
    guards = kind in _GUARDS or kind == OTHER
    if verb == "removed":
        return WEAKER if guards else STRICTER
    if verb == "added":
        return STRICTER if guards else WEAKER
    effects = {_compared(name, old, new) for name, old, new in changes(labels)}
    if WEAKER in effects:
        return WEAKER
    return STRICTER if effects == {STRICTER} else CHANGED


@lru_cache(maxsize=4096)
def verb_of(action: str) -> str:
    """`removed`, `added` or `edited`, by the last word that says so, of what stands after the thing in `THING.destroy`."""
    # `protected_branch.update_admin_enforced` protects nothing.
    for word in reversed(_words(action.rpartition(".")[2]).split()):
        if word in _REMOVED:
            return "removed"
        if word in _ADDED:
            return "added"
    return "edited"


def changes(labels: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """What was altered, as (name, before, after), from labels like `enforcement_from` and `enforcement`.

    Where only one side is told, the other is "" if the label says `old` or `new`, and not known otherwise.
    """
    sides: dict[str, dict[str, str]] = {}
    for label, value in labels.items():
        words = _words(label).split()
        for position in (0, -1):
            side = "old" if words and words[position] in _OLD else "new" if words and words[position] in _NEW else None
            if side:
                del words[position]
                sides.setdefault(" ".join(words), {})[side] = value
                break
    bare = {_words(label): value for label, value in labels.items()}
    for name, values in sorted(sides.items()):
        if "new" not in values and name in bare:
            values["new"] = bare[name]
        both = len(values) == _SIDES or not {f"old {name}", f"new {name}"}.isdisjoint(bare)
        old, new = values.get("old", ""), values.get("new", "")
        if both and old != new:
            yield name, old, new


def bypass_always(control: str, labels: Mapping[str, str]) -> bool:
    """Whether it lets somebody pass always, not just by a reviewed change: afterwards nobody can tell the difference."""
    if not labels:
        return False
    told = " ".join(f"{_words(name)} {_words(value)}" for name, value in labels.items() if not _is_old(name))
    return "bypass" in _words(control) + told and re.search(r"\balways\b", told) is not None


def _is_old(label: str) -> bool:
    return not _OLD.isdisjoint(_words(label).split())


def _compared(name: str, old: str, new: str) -> str:
    """Which way a setting went."""
    difference = _difference(old, new)
    if difference == 0:
        return CHANGED
    lets_through = _LETS_THROUGH.search(name) is not None
    return WEAKER if (difference > 0) is lets_through else STRICTER


def _difference(old: str, new: str) -> float:
    """Above 0: there is more of it now; below: less; 0: nobody can tell."""
    mine, theirs = new.strip().lower(), old.strip().lower()
    for levels in (*_LEVELS, _PERMISSIONS):
        if mine in levels and theirs in levels:
            return levels[mine] - levels[theirs]
    if _NUMBER.fullmatch(mine) and _NUMBER.fullmatch(theirs):
        return float(mine) - float(theirs)
    if mine in _TRUE | _FALSE and theirs in _TRUE | _FALSE:
        return (mine in _TRUE) - (theirs in _TRUE)
    before, after = _items(theirs), _items(mine)
    if not (before and after) and (before | after) <= _SCALARS:
        return 0  # one side of a single value: nobody says what it was, or is
    if before < after:
        return 1
    return -1 if after < before else 0


def _items(text: str) -> set[str]:
    return {item for item in re.split(r"[\s,;\[\]\"']+", text) if item}


@lru_cache(maxsize=4096)
def _words(text: str) -> str:
    """In lower case, words apart by single blanks."""
    return " ".join(_SEPARATORS.split(_CAMEL.sub(" ", text).lower())).strip()
