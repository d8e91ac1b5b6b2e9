"""Imports a git history: opens it, makes the events, and hands them on, to Kafka or to a stream."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import repeat
from pathlib import Path
from typing import IO

from pipetrail_schemas.connection import load

from pipetrail_producers.importers.commit import parse_commit
from pipetrail_producers.importers.commit_event import EventMaker
from pipetrail_producers.importers.deliver import BulkDelivery
from pipetrail_producers.importers.errors import GitError
from pipetrail_producers.importers.history import (
    Repository,
    Revisions,
    Selection,
    objects,
    open_repository,
    revisions,
    signatures,
    tags,
)

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
    with BulkDelivery(load(env).require_kafka()) as delivery:
        commits = 0
        for value in _commits(source):
            delivery.send(key, value)
            commits += 1
            if commits % _PROGRESS_EVERY == 0:
                progress(_PROGRESS_EVERY)
        progress(commits % _PROGRESS_EVERY)
        annotated, others = _tags(source)
        for value in annotated:
            delivery.send(key, value)
    return _summary(source, commits, len(annotated), others)


def print_events(source: Source, stream: IO[bytes]) -> Summary:
    """Write every event to a stream, one JSON object a line.

    Raises:
        GitError: git failed.
    """
    commits = 0
    for value in _commits(source):
        stream.write(value + b"\n")
        commits += 1
    annotated, others = _tags(source)
    stream.writelines(value + b"\n" for value in annotated)
    stream.flush()
    return _summary(source, commits, len(annotated), others)


def _commits(source: Source) -> Iterator[bytes]:
    checked = signatures(source.repository, source.found) if source.plan.verify else repeat(None)
    make = source.maker.commit
    number = 0
    for number, ((sha, content), signature) in enumerate(  # noqa: B007  # used after the loop
        zip(objects(source.repository, source.found), checked, strict=False), start=1
    ):
        yield make(sha, parse_commit(content), signature)
    if number != source.total:
        raise GitError(f"git listed {source.total} commits and gave {number}")


def _tags(source: Source) -> tuple[list[bytes], int]:
    if not source.plan.selection.all_refs:
        return [], 0
    annotated, others = tags(source.repository)
    return [source.maker.tag(tag) for tag in annotated], others


def _summary(source: Source, commits: int, annotated: int, others: int) -> Summary:
    return Summary(source.repository.url, commits, annotated, others, source.repository.shallow)
