"""From what a person names (a commit, digest, run, trail, `HEAD`) to the trails that it means.

An exact name beats one that this folder's git repository gives, and both beat the beginning of a longer one. What a beginning
fits twice is refused with the list, never guessed. A run or a digest can belong to several trails: all of them are meant.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from pipetrail_schemas.check import lookup
from pipetrail_schemas.trail import Trail

from pipetrail_review import git
from pipetrail_review.client import Client
from pipetrail_review.documents import label_of, repository_of, revision_of, sound, trail_of
from pipetrail_review.errors import AmbiguousError, NotFoundError
from pipetrail_review.kinds import EVENTS, TRAILS
from pipetrail_review.query import Query, all_of, any_of, in_repository, is_, one_of, starts
from pipetrail_review.text import count, plain, shortened

# Fewer digits fit too many commits to mean one; git's own floor.
_FEWEST_DIGITS = 4
_HEX = re.compile(rf"^[0-9a-f]{{{_FEWEST_DIGITS},64}}$")
_DIGEST = re.compile(rf"^sha(256|384|512):[0-9a-f]{{{_FEWEST_DIGITS},128}}$")
# Trails listed when a name is ambiguous, and trails shown when all are meant.
_MOST_CANDIDATES = 20
_MOST_TRAILS = 200

HEAD = "vcs.ref.head.revision"
HASHES = "related.hash"
TRAIL_ID = "pipetrail.trail.id"
# Where events carry the names of runs: the system's key, or the page that people copy from their browser.
_RUN_FIELDS = (
    "cicd.pipeline.run.id",
    "cicd.pipeline.task.run.id",
    "cicd.pipeline.run.url.full",
    "cicd.pipeline.task.run.url.full",
    "deployment.id",
    "event.id",
)


def find_trails(client: Client, name: str, junk: list[str], *, folder: Path, repository: str | None = None) -> list[Trail]:
    """The trails that a person means by `name`, newest first.

    Args:
        client: where to look.
        name: a commit or its first digits, an artifact's digest or its beginning, a run's id or address, a trail's or event's
            id, or what git calls a commit in `folder`.
        junk: gets the reasons why documents that go by that name are no trails.
        folder: where the person stands.
        repository: only trails of this repository (URL, or its end).

    Raises:
        AmbiguousError: `name` is the beginning of several commits or digests.
        NotFoundError: there is no such trail.
        ReviewError: OpenSearch has no answer.
    """
    text = name.strip()
    scope = [in_repository(repository)] if repository else []
    lowered = text.lower()
    found = _trails(client, exactly(text), scope, junk) or _of_run(client, text, scope, junk)
    local = None if found else git.commit_of(text, folder)
    if local:
        found = _trails(client, is_(HEAD, local), scope, junk)
    if not found:
        for field, beginning in beginnings(lowered):
            found = found or _only_one(text, field, beginning, _trails(client, starts(field, beginning), scope, junk))
    if not found:
        raise NotFoundError(not_found(text, local, repository))
    return found


def exactly(text: str) -> Query:
    """Trails that have this very name: their id, their commit, or a commit or digest that they carry."""
    lowered = text.lower()
    return any_of(is_(TRAIL_ID, lowered), is_(HEAD, lowered), one_of(HASHES, [lowered, f"sha256:{lowered}"]))


def beginnings(lowered: str) -> list[tuple[str, str]]:
    """How a shortened name may go on: (field, prefix), the likeliest first."""
    if _HEX.match(lowered):
        return [(HEAD, lowered), (HASHES, f"sha256:{lowered}"), (TRAIL_ID, lowered)]
    return [(HASHES, lowered)] if _DIGEST.match(lowered) else []


def not_found(text: str, local: str | None, repository: str | None) -> str:
    """The sentence for a name that no trail goes by."""
    where = f" in {plain(repository)}" if repository else ""
    if local:
        return f"no trail of commit {local} ({plain(text)}) is indexed{where}; `pipetrail import git` brings in history"
    allowed = f"a commit (at least {_FEWEST_DIGITS} digits), a digest (sha256:…), a run, or a branch, tag or HEAD"
    return f"nothing is known of {plain(text)}{where}; name {allowed} of a repository here"


def _of_run(client: Client, text: str, scope: list[Query], junk: list[str]) -> list[Trail]:
    events = client.search(EVENTS, any_of(*(is_(field, text) for field in _RUN_FIELDS)), limit=_MOST_TRAILS).documents
    if not events:
        return []
    event_ids = [event_id for event in events if (event_id := lookup(event, "event.id"))]
    trail_ids = {trail_id for event in events if (trail_id := lookup(event, TRAIL_ID))}
    # An event that joined its trail by evidence does not name it; the trail's timeline names the event.
    return _trails(
        client, any_of(one_of("pipetrail.trail.entries.event_id", event_ids), one_of(TRAIL_ID, trail_ids)), scope, junk
    )


def _trails(client: Client, query: Query, scope: list[Query], junk: list[str]) -> list[Trail]:
    documents = client.search(TRAILS, all_of(query, *scope), limit=_MOST_TRAILS).documents
    trails = list(sound(trail_of, documents, junk))
    heirs = {heir for trail in trails if (heir := trail.pipetrail.trail.merged_into)}
    missing = heirs - {trail.pipetrail.trail.id for trail in trails}
    if missing:
        documents = client.search(TRAILS, one_of(TRAIL_ID, sorted(missing)), limit=len(missing)).documents
        trails += sound(trail_of, documents, junk)
    # What was merged is told by its heir, once that is indexed.
    there = {trail.pipetrail.trail.id for trail in trails}
    return [trail for trail in trails if trail.pipetrail.trail.merged_into not in there]


def _only_one(name: str, field: str, beginning: str, trails: list[Trail]) -> list[Trail]:
    meant = {one for trail in trails for one in _values(trail, field) if one.startswith(beginning)}
    if len(meant) > 1:
        raise AmbiguousError(plain(name), _candidates(trails))
    return trails


def _values(trail: Trail, field: str) -> Iterable[str]:
    if field == HEAD:
        return [revision_of(trail) or ""]
    return trail.related.hash if field == HASHES else [trail.pipetrail.trail.id]


def _candidates(trails: list[Trail]) -> list[str]:
    lines = [
        f"{plain((revision_of(trail) or label_of(trail))[:12])}  {shortened(plain(trail.message or ''), 60)}"
        f"  {plain(repository_of(trail) or '')}".rstrip()
        for trail in trails[:_MOST_CANDIDATES]
    ]
    more = len(trails) - len(lines)
    return [*lines, f"and {count(more, 'more', 'more')}"] if more > 0 else lines
