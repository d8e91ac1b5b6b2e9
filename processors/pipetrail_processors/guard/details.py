"""What rules about controls, reviews and roles need of an event beyond its trail's facts. Kept with the fact, as `more`.

    a  event.action           l  labels                 t  user.target          g  user.changes
    b  base of the change     m  its merge revision     h  its head revision    r  roles of the actor as of the event
    w  the origin's word for the result                 s  marker in a message that asks CI to skip
    n  whose account stands behind the commit's author

Only the types that such rules are about have it, so that a build's fact stays as short as it is.
"""

import re

from pipetrail_processors.enrich.reading import Content, Reading

_NOTHING: Content = {}
_SUBJECTS = frozenset({"push", "branch", "tag", "change", "approval", "policy", "role", "intervention", "source", "deployment"})
_WITH_LABELS = frozenset({"policy", "push", "role", "intervention", "source"})
# What is kept of labels: enough for every control's settings, little enough for a state that holds hundreds of them.
_MAX_LABELS, _MAX_LABEL = 32, 300
# What CI systems look for in a commit message: GitHub, GitLab, Bitbucket, CircleCI, Buildkite, Travis, AppVeyor, Azure, Drone.
_SKIP = re.compile(
    r"\[(?:skip|no)[ -](?:ci|actions|travis|appveyor|azurepipelines|azpipelines|azp|drone|semaphore|netlify|vercel)\]"
    r"|\[(?:ci|actions|travis|appveyor|azurepipelines|azpipelines|azp|drone|semaphore)[ -]skip\]"
    r"|\*\*\*no_ci\*\*\*|^skip-checks:[ \t]*true[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)


def details(reading: Reading) -> Content:
    """What is to be kept as `more`; empty for most types."""
    subject = reading.kind.name.partition(".")[0]
    if subject == "commit":
        return _commit(reading)
    user = reading.data.get("user") or _NOTHING
    if subject not in _SUBJECTS:
        return _few(reading, user)
    own, event = reading.own, reading.data.get("event") or _NOTHING
    base = ((reading.vcs.get("ref") or _NOTHING).get("base")) or _NOTHING
    found: Content = {
        "a": event.get("action"),
        "b": {name: base[name] for name in ("name", "revision") if base.get(name)},
        "m": (own.get("change") or _NOTHING).get("merge_revision"),
        "h": reading.head.get("revision"),
        "r": user.get("roles"),
        "w": own.get("result_raw"),
        "g": user.get("changes"),
        "t": {name: value for name, value in (user.get("target") or _NOTHING).items() if name in ("id", "name", "email")},
    }
    if subject in _WITH_LABELS:
        labels = sorted((own.get("labels") or _NOTHING).items())[:_MAX_LABELS]
        found["l"] = {name: value[:_MAX_LABEL] for name, value in labels}
    return {name: value for name, value in found.items() if value}


def skip_marker(message: str) -> str:
    """What in a commit message asks CI systems not to run; "" where nothing does."""
    match = _SKIP.search(message)
    return match[0] if match else ""


def _commit(reading: Reading) -> Content:
    message = (reading.own.get("commit") or _NOTHING).get("message") or ""
    # Almost no message has one: two looks are cheaper than the pattern.
    marker = skip_marker(message) if "[" in message or "skip-checks" in message.lower() or "no_ci" in message.lower() else ""
    few = _few(reading, reading.data.get("user") or _NOTHING)
    return {"s": marker, **few} if marker else few


def _few(reading: Reading, user: Content) -> Content:
    """What any event may have."""
    roles, commit = user.get("roles"), reading.own.get("commit")
    found: Content = {"r": roles} if roles else {}
    if commit and commit.get("account"):
        found["n"] = commit["account"]
    return found
