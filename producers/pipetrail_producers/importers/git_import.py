"""Imports a git history: opens it, makes the events, and hands them on, to Kafka or to a stream."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import repeat
from pathlib import Path
from typing import IO

from pipetrail_schemas.connection import load

from pipetrail_producers.importers.commit import parse_commit, tree_of
from pipetrail_producers.importers.commit_event import EventMaker
from pipetrail_producers.importers.deliver import BulkDelivery
from pipetrail_producers.importers.errors import GitError
from pipetrail_producers.importers.graph import Graph
from pipetrail_producers.importers.history import (
    Repository,
    Revisions,
    Selection,
    objects,
    open_repository,
    revisions,
    signatures,
)
from pipetrail_producers.importers.refs import tags
from pipetrail_producers.importers.squashed import Squashed, squashed

# A progress bar that is moved for every commit costs more than the commit.
_PROGRESS_EVERY = 2_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What to import: `url` None records under the remote's URL; `verify` lets git check the signatures."""

    folder: Path
    url: str | None
    selection: Selection
    verify: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """An opened history. `total` is the number of its commits."""

    plan: Plan
    repository: Repository
    found: Revisions
    maker: EventMaker

    @property
    def total(self) -> int:
        """How many commits there are."""
        return self.found.count


@dataclass(frozen=True, slots=True)
class Summary:
    """What was imported. `notes` say what of the history is not there, and why, for people."""

    repository: str
    commits: int
    tags: int
    lightweight_tags: int
    shallow: bool
    squashes: int = 0
    ambiguous_squashes: int = 0
    squashes_left_out: int = 0

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {**asdict(self), "notes": self.notes}

    @property
    def notes(self) -> list[str]:
        """One sentence each."""
        notes = []
        if not self.commits:
            notes.append("There are no commits in what was chosen.")
        if self.shallow:
            notes.append("This clone is shallow: older history is not in it (git fetch --unshallow brings it).")
        if self.tags:
            notes.append(f"{self.tags:,} annotated tags.")
        if self.lightweight_tags:
            notes.append(f"{self.lightweight_tags:,} tags left out: git does not say who made them, and when.")
        if self.squashes:
            notes.append(f"Squashes of branches, known by tree or patch: {self.squashes:,}.")
        if self.ambiguous_squashes:
            notes.append(f"Left open, since several branches would do: {self.ambiguous_squashes:,}.")
        if self.squashes_left_out:
            notes.append(f"Older commits that were too many to be compared with branches: {self.squashes_left_out:,}.")
        return notes


@contextmanager
def opened(plan: Plan, *, recorded: datetime) -> Iterator[Source]:
    """Open a history and find its commits.

    Args:
        plan: what to import.
        recorded: the events' `recordedtime`.

    Raises:
        NoRepositoryError: there is nothing to import from.
        GitError: a branch does not exist, or git failed.
    """
    repository = open_repository(plan.folder, plan.url)
    with revisions(repository, plan.selection) as found:
        yield Source(plan, repository, found, EventMaker(repository.url, recorded))


def deliver(source: Source, env: Mapping[str, str], progress: Callable[[int], None]) -> Summary:
    """Send every event to Kafka, the broker of the connection settings.

    Args:
        source: the history.
        env: the environment, for the connection settings.
        progress: called with the number of further commits that were handed over, now and then.

    Raises:
        SettingError: no broker is configured.
        UndeliveredError: not every event was acknowledged.
        GitError: git failed.
    """
    key = source.repository.url.encode()
    graph = _graph(source)
    with BulkDelivery(load(env).require_kafka()) as delivery:
        commits = 0
        for value in _commits(source, graph):
            delivery.send(key, value)
            commits += 1
            if commits % _PROGRESS_EVERY == 0:
                progress(_PROGRESS_EVERY)
        progress(commits % _PROGRESS_EVERY)
        more, summary = _rest(source, graph, commits)
        for value in more:
            delivery.send(key, value)
    return summary


def print_events(source: Source, stream: IO[bytes]) -> Summary:
    """Write every event to a stream, one JSON object a line.

    Raises:
        GitError: git failed.
    """
    graph = _graph(source)
    commits = 0
    for value in _commits(source, graph):
        stream.write(value + b"\n")
        commits += 1
    more, summary = _rest(source, graph, commits)
    stream.writelines(value + b"\n" for value in more)
    stream.flush()
    return summary


def _graph(source: Source) -> Graph | None:
    """Where all refs are imported: what can be compared is there, then."""
    return Graph() if source.plan.selection.all_refs else None


def _commits(source: Source, graph: Graph | None) -> Iterator[bytes]:
    checked = signatures(source.repository, source.found) if source.plan.verify else repeat(None)
    make = source.maker.commit
    number = 0
    for number, ((sha, content), signature) in enumerate(  # noqa: B007  # used after the loop
        zip(objects(source.repository, source.found), checked, strict=False), start=1
    ):
        commit = parse_commit(content)
        if graph is not None:
            graph.add(sha, commit.parents, tree_of(content), commit.committer.seconds)
        yield make(sha, commit, signature)
    if number != source.total:
        raise GitError(f"git listed {source.total} commits and gave {number}")


def _rest(source: Source, graph: Graph | None, commits: int) -> tuple[list[bytes], Summary]:
    """What is told beside the commits: annotated tags, and which commits are squashes."""
    repository, maker = source.repository, source.maker
    annotated, others = tags(repository) if graph is not None else ([], 0)
    found = squashed(repository, graph) if graph is not None else Squashed([], 0, 0)
    values = [maker.tag(tag) for tag in annotated] + [maker.squash(squash, commit) for squash, commit in found.squashes]
    counts = (len(annotated), others, repository.shallow, len(found.squashes), found.ambiguous, found.left_out)
    return values, Summary(repository.url, commits, *counts)
