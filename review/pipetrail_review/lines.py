"""One line for one event: what happened, in the words of people. Pure; the terminal and the report share it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pipetrail_schemas.event import Person
from pipetrail_schemas.trail import Entry, FindingRef, Trail
from pipetrail_schemas.types import Result, Stage

from pipetrail_review.documents import revision_of
from pipetrail_review.marks import SKIPS, Mark, mark_of, result_words
from pipetrail_review.moments import duration
from pipetrail_review.text import plain, short_digest, short_revision

_KINDS = {"taskrun": "task", "pipelinerun": "pipeline", "testsuiterun": "test", "deployment": "deploy"}
_VERBS = {
    "received": "pushed",
    "recorded": "",
    "rolledback": "rolled back",
    "abandoned": "closed unmerged",
    "decided": "decided",
    "gap": "deliveries lost or cut",
}
# Where nobody asks who did it when all went well: a machine ran it because of the commit above.
_BY_MACHINE = frozenset({Stage.BUILD, Stage.TEST, Stage.ARTIFACT})


@dataclass(frozen=True, slots=True)
class Line:
    """An entry in words. All text is safe to print. `words` are pieces to be set apart from each other."""

    event_id: str
    time: datetime
    kind: str
    name: str
    words: tuple[str, ...]
    mark: Mark
    findings: tuple[FindingRef, ...] = ()
    url: str | None = None


def lines_of_trail(trail: Trail, *, every: bool = False) -> list[Line]:
    """The timeline of a trail, oldest first, each line with the findings that hold for it.

    Args:
        trail: the trail.
        every: also starts whose end is known, which the line of the end tells by its duration.
    """
    state = trail.pipetrail.trail
    entries = sorted(state.entries, key=lambda entry: (entry.time, entry.event_id))
    revision = revision_of(trail)
    ticket = trail.pipetrail.ticket.id if trail.pipetrail.ticket else None
    told_by = {} if every else _ended_starts(entries)
    found: defaultdict[str, list[FindingRef]] = defaultdict(list)
    for finding in state.findings:
        found[told_by.get(finding.event_id, finding.event_id)].append(finding)
    return [
        line_of(entry, findings=found[entry.event_id], revision=revision, ticket=ticket)
        for entry in entries
        if entry.event_id not in told_by
    ]


def line_of(
    entry: Entry, *, findings: Iterable[FindingRef] = (), revision: str | None = None, ticket: str | None = None
) -> Line:
    """An entry in words. `revision` and `ticket` are told on the line of the commit."""
    name, words = entry.name or "", [_phrase(entry)]
    if entry.type == "commit.recorded":
        name = short_revision(revision) if revision else name
        words = [who(entry.actor), ticket or ""]
    elif entry.stage in {Stage.DEPLOY, Stage.APPROVAL} and entry.environment:
        name = entry.environment
        words.append(entry.name if entry.name and entry.name != entry.environment else "")
    if entry.duration_ms is not None:
        words.append(duration(entry.duration_ms))
    if entry.digest and entry.stage in {Stage.ARTIFACT, Stage.DEPLOY}:
        words.append(short_digest(entry.digest))
    return Line(
        event_id=entry.event_id,
        time=entry.time,
        kind=plain(_kind(entry)),
        name=plain(name),
        words=tuple(plain(word) for word in words if word),
        mark=mark_of(entry),
        findings=tuple(findings),
        url=entry.url,
    )


def rule_words(rule: str) -> str:
    """A rule's id as people say it: `required stage skipped`."""
    return plain(rule.replace("-", " ").replace("_", " "))


def who(person: Person | None) -> str:
    """What a person is called: by name, else id, else address; nothing for nobody."""
    return plain(person.name or person.id or person.email or "") if person else ""


def _phrase(entry: Entry) -> str:
    verb = entry.type.rpartition(".")[2]
    if entry.skip:
        phrase = SKIPS[entry.skip]
    elif entry.result:
        phrase = result_words(entry.result, entry.stage)
    else:
        phrase = entry.decision or _VERBS.get(verb, verb)
    told = entry.stage not in _BY_MACHINE or entry.skip or entry.result is Result.SKIP
    if told and (actor := who(entry.actor)):
        phrase = f"{phrase} by {actor}" if phrase else f"by {actor}"
    return f'{phrase}, "{plain(entry.reason)}"' if entry.reason else phrase


def _ended_starts(entries: list[Entry]) -> dict[str, str]:
    """The starts whose end is among the entries, each with the event id of that end, whose line tells it and its findings."""
    # From the latest back: each end takes one start of its own kind and name along.
    ends: defaultdict[tuple[str, str | None, str | None], list[str]] = defaultdict(list)
    told_by: dict[str, str] = {}
    for entry in reversed(entries):
        subject, _, verb = entry.type.rpartition(".")
        key = (subject, entry.name, entry.environment)
        if verb == "finished":
            ends[key].append(entry.event_id)
        elif verb == "started" and ends[key]:
            told_by[entry.event_id] = ends[key].pop()
    return told_by


def _kind(entry: Entry) -> str:
    subject = entry.type.partition(".")[0]
    return entry.stage.value if entry.stage else _KINDS.get(subject, subject)
