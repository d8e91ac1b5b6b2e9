"""The fact: the compact, self-contained part of an event that its trail needs. What a trail's state consists of.

A fact is a JSON object with short keys, since it is read and written with every event of its trail:

    e  the timeline entry as it is published (`pipetrail_schemas.trail.Entry`, but for `link`)
    r  recordedtime, h hash of the event's bytes: which of two versions of one event stands
    o  the commit that the event itself names; absent where it names none
    a  the evidence by which it joins a trail, strongest first; absent where it names its commit
    k  what of its stage it is (pipeline and task): a later run of the same replaces the earlier
    s  stage, also one that only the policy knows
    d  identity of the deployment, v service
    c  what the commit says of itself, t ticket, w version control, p artifact, u on whose behalf, x control
"""

from typing import Any

from pipetrail_schemas.types import Stage

from pipetrail_processors.reading import FULL_REVISION, Content, Reading, at, stage_of

Fact = dict[str, Any]

_ENTRY_STAGES = frozenset(Stage)
_NANOSECONDS_PER_MS = 1_000_000
# What is shown of a commit message: its first line, cut.
_SUMMARY_LENGTH = 300
_DEPLOYMENTS = (
    "deployment.requested",
    "deployment.started",
    "deployment.finished",
    "deployment.rolledback",
    "deployment.removed",
)
# Events that say which commit an artifact was made of. A deployment does not: it would vouch for itself.
ARTIFACT_EVIDENCE = frozenset({"artifact.packaged", "artifact.published", "artifact.attested", "release.published"})


def fact_of(reading: Reading, ticket: Content | None) -> Fact:
    """The fact of an event."""
    data, kind = reading.data, reading.kind
    own: Content = data.get("pipetrail") or {}
    stage = stage_of(data, kind)
    fact: Fact = {"e": _entry(reading, own, stage), "r": reading.recorded, "h": reading.hash[7:23]}
    task = at(data, "cicd", "pipeline") or {}
    commit = own_commit(reading)
    parts = {
        "o": commit,
        "a": None if commit else evidence(reading),
        "k": f"{task.get('name') or ''}/{(task.get('task') or {}).get('name') or ''}" if task else None,
        "s": stage,
        "d": _deployment(reading) if kind.name in _DEPLOYMENTS else None,
        "v": at(data, "service", "name"),
        "c": _commit(own["commit"]) if own.get("commit") else None,
        "t": ticket,
        "w": _version_control(data),
        "p": _artifact(data, kind.stage),
        "u": at(own, "actor", "on_behalf_of"),
        "x": own.get("control"),
    }
    for name, value in parts.items():
        if value:
            fact[name] = value
    return fact


def stands(fact: Fact, other: Fact) -> bool:
    """Whether the fact, not the other version of the same event, stands: the one recorded first, else the smaller hash."""
    mine: tuple[str, str] = (fact["r"], fact["h"])
    return mine <= (other["r"], other["h"])


def own_commit(reading: Reading) -> str | None:
    """The full id of the commit that the event names: of a merged change the one that the merge made on the trunk."""
    if reading.kind.name == "change.merged":
        merged: str | None = at(reading.data, "pipetrail", "change", "merge_revision")
        if merged and len(merged) >= FULL_REVISION:
            return merged
    revision: str | None = at(reading.data, "vcs", "ref", "head", "revision")
    return revision if revision and len(revision) >= FULL_REVISION else None


def evidence(reading: Reading) -> list[str]:
    """By what an event without a commit can join a trail, strongest first.

    A run's id needs no attempt beside it: attempts of one run are of one commit.
    """
    data, source = reading.data, reading.source
    found = []
    if run := at(data, "cicd", "pipeline", "run", "id"):
        found.append(f"run:{source} {run}")
    if deployment := at(data, "deployment", "id"):
        found.append(f"deployment:{source} {deployment}")
    if digest := at(data, "artifact", "hash"):
        found.append(digest)
    if change := at(data, "vcs", "change", "id"):
        found.append(f"change:{change}")
    return found


def vouched(reading: Reading) -> list[str]:
    """Which evidence an event that names its commit gives for that commit."""
    name = reading.kind.name
    return [
        alias
        for alias in evidence(reading)
        if (name in ARTIFACT_EVIDENCE if is_digest(alias) else name == "change.merged" or not alias.startswith("change:"))
    ]


def is_digest(alias: str) -> bool:
    """Whether the evidence is an artifact's digest."""
    return alias.startswith("sha")


def link_kind(alias: str) -> str:
    """The word of `Entry.link` for the evidence."""
    return "digest" if is_digest(alias) else alias.partition(":")[0]


def _entry(reading: Reading, own: Content, stage: str | None) -> Content:
    data, kind = reading.data, reading.kind
    entry: Content = {"event_id": reading.id, "type": kind.name, "time": reading.time}
    event = data.get("event") or {}
    user = data.get("user")
    duration = event.get("duration")
    parts = {
        "stage": stage if stage in _ENTRY_STAGES else None,
        "name": _name(data, own, kind.stage),
        "result": own.get("result"),
        "skip": own.get("skip"),
        "decision": own.get("decision"),
        "actor": person(user) if user else None,
        "actor_type": at(own, "actor", "type"),
        "reason": event.get("reason"),
        "environment": at(data, "deployment", "environment", "name"),
        "digest": at(data, "artifact", "hash"),
        "url": _url(data),
    }
    for name, value in parts.items():
        if value:
            entry[name] = value
    if duration is not None:
        entry["duration_ms"] = int(duration) // _NANOSECONDS_PER_MS
    return entry


def person(user: Content) -> Content:
    """Who it is, without roles and the like."""
    return {name: user[name] for name in ("id", "name", "email") if user.get(name)}


def _name(data: Content, own: Content, stage: Stage | None) -> Any:
    """What the event is about, in a word or a line."""
    message = at(own, "commit", "message")
    if stage == Stage.COMMIT and message:
        return _first_line(message)
    task = at(data, "cicd", "pipeline", "task", "name")
    pipeline = at(data, "cicd", "pipeline", "name")
    if stage == Stage.DEPLOY:
        return at(data, "service", "name") or at(data, "deployment", "name") or task
    if stage == Stage.ARTIFACT:
        artifact = data.get("artifact") or {}
        return artifact.get("filename") or artifact.get("purl") or task
    if stage == Stage.REVIEW:
        return at(data, "vcs", "change", "title") or at(data, "vcs", "change", "id")
    return task or own.get("control") or pipeline or at(data, "vcs", "ref", "head", "name")


def _url(data: Content) -> Any:
    pipeline = at(data, "cicd", "pipeline") or {}
    return (
        at(pipeline, "task", "run", "url", "full")
        or at(pipeline, "run", "url", "full")
        or at(data, "deployment", "url", "full")
        or at(data, "vcs", "change", "url", "full")
    )


def _deployment(reading: Reading) -> str:
    """What its events share: its own id, else the run and task that made it, else the subject, else nothing but itself."""
    data = reading.data
    where = f"{at(data, 'deployment', 'environment', 'name') or ''} {at(data, 'service', 'name') or ''}"
    if native := at(data, "deployment", "id"):
        return f"id:{reading.source} {native}"
    task = at(data, "cicd", "pipeline", "task") or {}
    if run := (task.get("run") or {}).get("id"):
        return f"task:{reading.source} {run} {where}"
    if run := at(data, "cicd", "pipeline", "run", "id"):
        attempt = at(data, "pipetrail", "run", "attempt") or 1
        return f"run:{reading.source} {run} {attempt} {task.get('name') or ''} {where}"
    if subject := reading.content.get("subject"):
        return f"subject:{reading.source} {subject} {where}"
    return f"event:{reading.id}"


def _commit(commit: Content) -> Content:
    message = commit.get("message") or ""
    found: Content = {"m": _first_line(message)} if message else {}
    for short, name in (("a", "author"), ("c", "committer")):
        if commit.get(name):
            found[short] = person(commit[name])
    if commit.get("parents") is not None:
        found["p"] = len(commit["parents"])
    return found


def _first_line(message: str) -> str:
    return message.strip().partition("\n")[0].rstrip()[:_SUMMARY_LENGTH]


def _version_control(data: Content) -> Content | None:
    vcs = data.get("vcs")
    if not vcs:
        return None
    head = at(vcs, "ref", "head") or {}
    found = {
        "name": at(vcs, "repository", "name"),
        "head": {key: head[key] for key in ("name", "type") if head.get(key)},
        "change": {key: value for key, value in (vcs.get("change") or {}).items() if value and key in {"id", "title", "url"}},
    }
    return {key: value for key, value in found.items() if value} or None


def _artifact(data: Content, stage: Stage | None) -> Content | None:
    artifact = data.get("artifact")
    if stage != Stage.ARTIFACT or not artifact:
        return None
    return {key: artifact[key] for key in ("hash", "purl", "version", "filename", "size") if artifact.get(key) is not None}
