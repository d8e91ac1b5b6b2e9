"""The fact: the compact, self-contained part of an event that its trail needs. What a trail's state consists of.

A fact is a JSON object with short keys, since it is read and written with every event of its trail:

    e  the timeline entry as it is published (`pipetrail_schemas.trail.Entry`)
    r  recordedtime, h hash of the event's bytes: which of two versions of one event stands
    y  hashes of the other versions of the event that were told; absent where there are none
    o  the commit that the event itself names and is of; absent where there is none
    z  the commit that a review and the like is about; it belongs to its change, and there only until the change is merged
    a  the evidence by which it joins a trail, strongest first; absent where it names its commit, unless it is of a deployment
       whose bytes it names, too, or another event of the deployment may: what they were made of is what was deployed, at
       whatever commit the job ran
    n  where its versions say that it belongs, if they differ (`correlate.versions`)
    j  the piece of evidence that it joined by
    l  what it deployed was made of other commits than the one that it names, and nobody knows which ran
    k  what of its stage it is (pipeline and task): a later run of the same replaces the earlier
    s  stage, also one that only the policy knows
    d  identity of the deployment, v service
    b  the Kafka key by which it came, where it names no repository
    more  what only rules about controls, reviews and roles need (`guard.details`)
    c  what the commit says of itself: m summary, a author, c committer, p parents, i its identity as a piece of work
    t  ticket, w version control, p artifact, u on whose behalf, x control
    g  roles that the reference data give to whom the deed is put down to, as of the event
"""

from typing import Any

from pipetrail_schemas.event import FULL_REVISION
from pipetrail_schemas.types import EventType, Stage

from pipetrail_processors.directory.context import NOTHING_KNOWN, Context
from pipetrail_processors.enrich.reading import Content, Reading, url_of
from pipetrail_processors.guard.details import details
from pipetrail_processors.trail.bonds import identity_of

Fact = dict[str, Any]

_ENTRY_STAGES = frozenset(str(stage) for stage in Stage)
_ARTIFACT = ("hash", "purl", "version", "filename", "size")
_NOTHING: Content = {}
# Versions that are counted: a way of delivery makes one, and redeliveries that are recorded anew some more.
MAX_VERSIONS = 64
_NANOSECONDS_PER_MS = 1_000_000
# As many digits of a finding's id as lists show.
_SHORT_ID = 8
# What is shown of a commit message: its first line, cut.
_SUMMARY_LENGTH = 300
# Of a reason, in characters; the record has all of it, and a trail that is written anew with each event stays small.
_REASON_LENGTH = 1000
_DEPLOYMENTS = (
    "deployment.requested",
    "deployment.started",
    "deployment.finished",
    "deployment.rolledback",
    "deployment.removed",
)
# What is said of a proposed change; that it was merged is said of the commit that the merge made.
_ABOUT_CHANGE = frozenset({"change.created", "change.updated", "change.reviewed", "change.abandoned"})
# Events that say which commit an artifact was made of. A deployment does not: it would vouch for itself.
ARTIFACT_EVIDENCE = frozenset({"artifact.packaged", "artifact.published", "artifact.attested", "release.published"})


def fact_of(reading: Reading, ticket: Content | None, evidence: list[str], context: Context = NOTHING_KNOWN) -> Fact:
    """The fact of an event.

    Args:
        reading: the event.
        ticket: what `enrich.ticket_of` found.
        evidence: what `evidence_of` found.
        context: what the reference data say.
    """
    fact: Fact = {"e": _entry(reading), "r": reading.recorded, "h": reading.hash[7:23]}
    _add_belonging(fact, reading, evidence)
    if reading.pipeline:
        fact["k"] = f"{reading.pipeline.get('name') or ''}/{reading.task.get('name') or ''}"
    if reading.stage:
        fact["s"] = reading.stage
    if reading.kind.name in _DEPLOYMENTS:
        fact["d"] = _deployment(reading)
    if service := (reading.data.get("service") or _NOTHING).get("name"):
        fact["v"] = service
    if ticket:
        fact["t"] = ticket
    _add_details(fact, reading)
    _add_people(fact, context)
    return fact


def _add_belonging(fact: Fact, reading: Reading, evidence: list[str]) -> None:
    """What says which trail it belongs to."""
    if is_about_change(reading):
        fact["a"] = [alias for alias in evidence if alias.startswith("change:")]
        if reading.commit:
            fact["z"] = reading.commit
    elif reading.commit:
        fact["o"] = reading.commit
        if reading.kind.name in _DEPLOYMENTS and (found := [one for one in evidence if is_digest(one) or is_deployment(one)]):
            fact["a"] = found
    elif evidence:
        fact["a"] = evidence


def _add_people(fact: Fact, context: Context) -> None:
    """Who the actor is, by the reference data; and the human behind one that is nobody."""
    entry = fact["e"]
    if context.person:
        entry["actor"] = context.person.shown
    if context.acting_roles:
        fact["g"] = list(context.acting_roles)
    if context.human_by:
        entry["human_by"] = context.human_by
    if context.human:
        entry["on_behalf_of"] = fact["u"] = context.human


def _add_details(fact: Fact, reading: Reading) -> None:
    own = reading.own
    # Whether an account stands behind its author is not what the commit says of itself.
    if (commit := own.get("commit")) and (quoted := _commit(commit)):
        fact["c"] = quoted
    if found := _version_control(reading):
        fact["w"] = found
    if reading.artifact and reading.kind.stage == Stage.ARTIFACT:
        fact["p"] = {key: reading.artifact[key] for key in _ARTIFACT if reading.artifact.get(key) is not None}
    if human := (own.get("actor") or _NOTHING).get("on_behalf_of"):
        fact["u"] = human
    if control := own.get("control"):
        fact["x"] = control
    if more := details(reading):
        fact["more"] = more


def stands(fact: Fact, other: Fact) -> bool:
    """Whether the fact, not the other version of the same event, stands: the one recorded first, else the smaller hash."""
    mine: tuple[str, str] = (fact["r"], fact["h"])
    return mine <= (other["r"], other["h"])


def standing(known: Fact | None, fact: Fact) -> Fact:
    """Of what is known of an event and what is told of it now, the version that stands, which knows of the others."""
    if known is None:
        return fact
    stays, goes = (known, fact) if stands(known, fact) else (fact, known)
    others = {*known.get("y", ()), *fact.get("y", ()), goes["h"]} - {stays["h"]}
    return {**stays, "y": sorted(others)[:MAX_VERSIONS]} if others else stays


def evidence_of(reading: Reading) -> list[str]:
    """By what an event without a commit can join a trail, strongest first.

    A run's id needs no attempt beside it: attempts of one run are of one commit. What is done with an artifact is of the commit
    that it was made of, whichever run does it; only what makes an artifact is of the run's.
    """
    source = reading.source
    found = []
    digest = reading.artifact.get("hash")
    if digest and reading.kind.name not in ARTIFACT_EVIDENCE:
        found.append(digest)
    if run := (reading.pipeline.get("run") or _NOTHING).get("id"):
        found.append(f"run:{source} {run}")
    if deployment := reading.deployment.get("id"):
        found.append(f"deployment:{source} {deployment}")
    if digest and reading.kind.name in ARTIFACT_EVIDENCE:
        found.append(digest)
    if change := reading.change.get("id"):
        found.append(f"change:{change}")
    if reading.head.get("type") == "tag" and (tag := reading.head.get("name")):
        found.append(f"tag:{tag}")
    return found


def is_about_change(reading: Reading) -> bool:
    """Whether the event is about a proposed change, whatever commit of it it quotes: a squash must not lose the reviews."""
    return reading.kind.name in _ABOUT_CHANGE and bool(reading.change.get("id"))


def names_bytes(reading: Reading) -> bool:
    """Whether the event is of a deployment that names its bytes, and a commit: perhaps only the one that its job ran at."""
    return reading.kind.name in _DEPLOYMENTS and bool(reading.commit and reading.artifact.get("hash"))


def vouched(kind: EventType, evidence: list[str], *, has_bytes: bool = False) -> list[str]:
    """Which of its evidence an event that names its commit gives for that commit.

    Args:
        kind: of the event.
        evidence: what `evidence_of` found.
        has_bytes: it is of a deployment, and `names_bytes`; then the deployment may be of another commit.
    """
    name = kind.name
    if has_bytes:
        evidence = [alias for alias in evidence if not alias.startswith("deployment:")]
    return [
        alias
        for alias in evidence
        if (name in ARTIFACT_EVIDENCE if is_digest(alias) else name == "change.merged" or not alias.startswith("change:"))
    ]


def is_digest(alias: str) -> bool:
    """Whether the evidence is an artifact's digest."""
    return alias.startswith("sha")


def is_deployment(alias: str) -> bool:
    """Whether the evidence is a deployment's id."""
    return alias.startswith("deployment:")


def link_kind(alias: str) -> str:
    """The word of `Entry.link` for the evidence."""
    return "digest" if is_digest(alias) else alias.partition(":")[0]


def _entry(reading: Reading) -> Content:
    entry: Content = {"event_id": reading.id, "type": reading.kind.name, "time": reading.time, "link": "commit"}
    if reading.stage in _ENTRY_STAGES:
        entry["stage"] = reading.stage
    if name := _name(reading):
        entry["name"] = name
    for key in ("result", "skip", "decision"):
        if value := reading.own.get(key):
            entry[key] = value
    _add_actor(entry, reading)
    event = reading.data.get("event") or _NOTHING
    if reason := event.get("reason"):
        entry["reason"] = reason if len(reason) <= _REASON_LENGTH else reason[: _REASON_LENGTH - 1] + "…"
    if reading.environment:
        entry["environment"] = reading.environment
    if digest := reading.artifact.get("hash"):
        entry["digest"] = digest
    _add_measures(entry, reading, event)
    return entry


def _add_measures(entry: Content, reading: Reading, event: Content) -> None:
    if (duration := event.get("duration")) is not None:
        entry["duration_ms"] = int(duration) // _NANOSECONDS_PER_MS
    if url := _url(reading):
        entry["url"] = url
    if about := _about(reading):
        entry["revision"] = about
    if (attempt := (reading.own.get("run") or _NOTHING).get("attempt")) and attempt > 1:
        entry["attempt"] = attempt


def _add_actor(entry: Content, reading: Reading) -> None:
    if user := reading.data.get("user"):
        entry["actor"] = person(user)
    if actor_type := (reading.own.get("actor") or _NOTHING).get("type"):
        entry["actor_type"] = actor_type


def person(user: Content) -> Content:
    """Who it is, without roles and the like."""
    return {name: user[name] for name in ("id", "name", "email") if user.get(name)}


def _name(reading: Reading) -> Any:
    """What the event is about, in a word or a line."""
    task, stage = reading.task.get("name"), reading.kind.stage
    if finding := reading.own.get("finding"):
        return finding["id"][:_SHORT_ID]
    if stage == Stage.COMMIT and (message := (reading.own.get("commit") or _NOTHING).get("message")):
        return _first_line(message)
    if stage == Stage.DEPLOY:
        return (reading.data.get("service") or _NOTHING).get("name") or reading.deployment.get("name") or task
    if stage == Stage.ARTIFACT:
        return reading.artifact.get("filename") or reading.artifact.get("purl") or task
    if stage == Stage.REVIEW:
        return reading.change.get("title") or reading.change.get("id")
    return task or reading.own.get("control") or reading.pipeline.get("name") or reading.head.get("name")


def _url(reading: Reading) -> str | None:
    return (
        url_of(reading.task.get("run") or _NOTHING)
        or url_of(reading.pipeline.get("run") or _NOTHING)
        or url_of(reading.deployment)
        or url_of(reading.change)
    )


def _deployment(reading: Reading) -> str:
    """What its events share: its own id, else the run and task that made it, else the subject, else nothing but itself."""
    source = reading.source
    if native := reading.deployment.get("id"):
        return f"id:{source} {native}"
    where = f"{reading.environment or ''} {(reading.data.get('service') or _NOTHING).get('name') or ''}"
    if run := (reading.task.get("run") or _NOTHING).get("id"):
        return f"task:{source} {run} {where}"
    if run := (reading.pipeline.get("run") or _NOTHING).get("id"):
        attempt = (reading.own.get("run") or _NOTHING).get("attempt") or 1
        return f"run:{source} {run} {attempt} {reading.task.get('name') or ''} {where}"
    if subject := reading.content.get("subject"):
        return f"subject:{source} {subject} {where}"
    return f"event:{reading.id}"


def _about(reading: Reading) -> str | None:
    """Which commit of a proposed change the event is about: what a review covered, what was merged."""
    revision: str | None = reading.head.get("revision") if reading.kind.name.startswith("change.") else None
    return revision if revision and len(revision) >= FULL_REVISION else None


def _commit(commit: Content) -> Content:
    message = commit.get("message") or ""
    found: Content = {"m": _first_line(message)} if message else {}
    for short, name in (("a", "author"), ("c", "committer")):
        if commit.get(name):
            found[short] = person(commit[name])
    if commit.get("parents") is not None:
        found["p"] = commit["parents"]
    if identity := identity_of(commit):
        found["i"] = identity
    return found


def _first_line(message: str) -> str:
    return message.strip().partition("\n")[0].rstrip()[:_SUMMARY_LENGTH]


def _version_control(reading: Reading) -> Content:
    found: Content = {}
    if name := (reading.vcs.get("repository") or _NOTHING).get("name"):
        found["name"] = name
    if head := {key: reading.head[key] for key in ("name", "type") if reading.head.get(key)}:
        found["head"] = head
    if change := {key: reading.change[key] for key in ("id", "title", "url") if reading.change.get(key)}:
        found["change"] = change
    return found
