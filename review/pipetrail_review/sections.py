"""What a trail knows besides its timeline: stages, places, deployments, approvals, bonds and links. Pure.

Each section is a heading and rows of cells; one without rows is left out. Nothing here is judged: what is not known is said to
be unknown, and never shown as if it had gone well.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from pipetrail_schemas.trail import Carried, DeployedTo, Entry, Left, Relation, StageState, Trail
from pipetrail_schemas.types import Stage
from rich.console import RenderableType

from pipetrail_review.documents import revision_of
from pipetrail_review.lines import who
from pipetrail_review.marks import MARK_STYLES, Mark, mark_of, result_words, stage_words
from pipetrail_review.moments import clock, day, duration, stamp
from pipetrail_review.terminal import styled
from pipetrail_review.text import SHORT_ID, count, plain, short_digest, short_revision

Row = Sequence[RenderableType]

# Not a sign that could be taken for "looked at, and nothing was wrong".
_NO_RECORD = "no record"
# Commits that a deployment brought, told by their ids on its line; `--json` has a hundred.
_REVISIONS_SHOWN = 6
_BONDS = {
    "head": "head of the change",
    "merged_as": "merged as",
    "squash_of": "squash of the branch up to",
    "squashed_as": "squashed as",
    "merges": "merges",
    "merged_by": "merged by",
    "test_merge": "temporary merge",
    "test_merge_of": "temporary merge of",
    "cherry_pick_of": "cherry-pick of",
    "cherry_picked_as": "cherry-picked as",
    "reverts": "reverts",
    "reverted_by": "reverted by",
    "same_work": "same work as",
}
_LINKS = {
    "commit": "they name the commit",
    "run": "their run is of this commit only",
    "digest": "their artifact is of this commit only",
    "deployment": "their deployment is of this commit only",
    "change": "their change was merged as this commit",
    "tag": "their tag names this commit; a tag can be moved",
    "alias": "of which commit they are is not known",
}


class Section(NamedTuple):
    """A heading, and what stands below it; `kept` are the columns that are not wrapped."""

    title: str
    rows: list[Row]
    kept: tuple[int, ...]


class _When(NamedTuple):
    """How moments are written: without their date when it is today's."""

    today: str
    zone: tzinfo | None

    def told(self, moment: datetime) -> str:
        if day(moment, self.zone) == self.today:
            return clock(moment, self.zone)
        return stamp(moment, self.zone)


def sections(trail: Trail, *, now: datetime | None = None, zone: tzinfo | None = None) -> Iterator[Section]:
    """The sections that have something to say, in the order in which people ask.

    Args:
        trail: the trail.
        now: the present; times of today stand without their date. None: all have one.
        zone: the zone to show times in, None for the local one.
    """
    when = _When(day(now, zone) if now else "", zone)
    state = trail.pipetrail.trail
    told = (
        ("Stages", _stages(state.stages), (0, 1)),
        ("Where it runs", _places(state.deployments, state.left, when), (0,)),
        ("Deployments", _carried(state.carried, when), (0, 1)),
        ("Approvals", _approvals(state.entries, revision_of(trail), when), (0, 2)),
        ("Bound to", _bonds(state.relations), (0, 1, 2)),
        ("Links", _links(state.entries), (0, 1, 2)),
    )
    for title, rows, kept in told:
        if made := list(rows):
            yield Section(title, made, kept)


def _stages(states: Sequence[StageState]) -> Iterator[Row]:
    known = {state.stage: state for state in states}
    if not known.keys() - {Stage.COMMIT}:
        return
    for stage in Stage:
        if stage is Stage.COMMIT:
            continue
        if (state := known.get(stage)) is None:
            yield styled(stage.value), styled(_NO_RECORD, "dim")
            continue
        took = "" if state.duration_ms is None else f"in {duration(state.duration_ms)}"
        yield styled(stage.value), _outcome(state), styled(took)


def _outcome(state: StageState) -> RenderableType:
    mark = mark_of(state)
    return styled(f"{mark.value} {stage_words(state)}", MARK_STYLES[mark])


def _places(deployments: Sequence[DeployedTo], left: Sequence[Left], when: _When) -> Iterator[Row]:
    for one in deployments:
        mark = mark_of(StageState(stage=Stage.DEPLOY, result=one.result, time=one.time, event_id=one.event_id or "-"))
        how = result_words(one.result, Stage.DEPLOY) if one.result else "not finished"
        words = [f"{mark.value} {how}", when.told(one.time)]
        if one.commit:
            words.append(f"with {short_revision(one.commit)}")
        if one.actor:
            words.append(f"by {plain(one.actor)}")
        if one.lead_ms is not None:
            words.append(f"{duration(one.lead_ms)} after the commit")
        yield _place(one.environment, one.service), styled("  ".join(words), MARK_STYLES[mark])
    for gone in left:
        words = ["no longer", when.told(gone.time), f"{short_revision(gone.commit)} runs there instead"]
        yield _place(gone.environment, gone.service), styled("  ".join(words), "dim")


def _place(environment: str, service: str | None) -> RenderableType:
    return styled(plain(f"{environment} {service}" if service else environment))


def _carried(deployments: Sequence[Carried], when: _When) -> Iterator[Row]:
    for one in deployments:
        words = _brought(one)
        if one.revisions:
            shown = [short_revision(revision) for revision in one.revisions[:_REVISIONS_SHOWN]]
            more = one.commits - len(shown)
            words += f": {' '.join(shown)}{f' and {more:,} more' if more > 0 else ''}"
        yield _place(one.environment, one.service), styled(when.told(one.time), "dim"), styled(words)


def _brought(one: Carried) -> str:
    if one.state == "first":
        return "the first that is known there: what it brought cannot be said"
    since = f"since {short_revision(one.since)}" if one.since else ""
    if one.state == "unknown":
        return " ".join(part for part in ("what it brought", since, "is not known: the commit graph has gaps") if part)
    brought, taken = count(one.commits, "commit"), count(one.taken, "commit")
    told = {
        "forward": f"brought {brought}",
        "back": f"went back: took {taken} away",
        "aside": f"went to another branch: brought {brought}, took {taken} away",
        "same": "the same commit again",
    }
    return f"{told[one.direction or 'same']} {since}".rstrip()


def _approvals(entries: Sequence[Entry], revision: str | None, when: _When) -> Iterator[Row]:
    """Decisions of people, each with what it was about: a review covers the commit that was looked at, and no later one."""
    for entry in entries:
        if entry.decision is None:
            continue
        covered = [f"environment {plain(entry.environment)}"] if entry.environment else []
        if entry.digest:
            covered.append(short_digest(entry.digest))
        about = entry.revision or (revision if entry.link == "commit" and not covered else None)
        if about:
            own = " (not this commit)" if about != revision else ""
            covered.append(f"commit {short_revision(about)}{own}")
        yield (
            styled(when.told(entry.time), "dim"),
            styled(who(entry.actor) or "somebody"),
            styled(plain(entry.decision), MARK_STYLES[mark_of(entry)]),
            styled(", ".join(covered) or "says not of what"),
        )


def _bonds(relations: Sequence[Relation]) -> Iterator[Row]:
    for one in relations:
        how = f" ({one.how})" if one.how else ""
        yield (
            styled(f"{_BONDS[one.kind]}{how}"),
            styled(short_revision(one.commit)),
            _strength(one.strength),
            styled(plain(one.why)),
        )
        if one.not_counted:
            told = ", ".join(f"{state.stage} {mark_of(state).value} {stage_words(state)}" for state in one.not_counted)
            yield styled(""), styled(""), styled(""), styled(f"not counted here: {told}", MARK_STYLES[Mark.SKIPPED])


def _links(entries: Sequence[Entry]) -> Iterator[Row]:
    """Why the events belong to this trail, counted by evidence; only where one does not name the commit itself."""
    if all(entry.link == "commit" for entry in entries):
        return
    types = {entry.event_id: entry.type for entry in entries}
    groups = Counter((entry.link, entry.strength, entry.evidence) for entry in entries)
    for (link, strength, evidence), number in sorted(groups.items(), key=lambda group: tuple(map(str, group[0]))):
        said = f", by {types.get(evidence, 'event')} {plain(evidence[:SHORT_ID])}" if evidence else ""
        yield (
            styled(count(number, "event")),
            styled("" if link == "commit" else link),
            _strength(strength or ("exact" if link == "commit" else "none")),
            styled(f"{_LINKS[link]}{said}"),
        )


def _strength(strength: str) -> RenderableType:
    return styled(strength, {"exact": "green", "strong": "", "fair": "yellow"}.get(strength, "dim"))
