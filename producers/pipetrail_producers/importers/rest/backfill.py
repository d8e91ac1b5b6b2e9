"""Runs a back-fill: step by step, page by page, fact by fact; hands the events on and keeps how far it came.

A step is one list of a system (its pull requests, its runs). A member that no fact can be made of is left out and told at the
end; an answer that cannot be had ends the import, which goes on from there when it is repeated.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from pipetrail_producers.importers.errors import NothingThereError
from pipetrail_producers.importers.rest.position import Position
from pipetrail_producers.importers.rest.source import Page, Params, Source
from pipetrail_producers.webhook.delivery import Proof
from pipetrail_producers.webhook.fact import Fact, event
from pipetrail_producers.webhook.translation import UntranslatableError


class Reader:
    """What a step reads with beside its own list: the same source, but what is not there is counted and no error."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.missing: list[str] = []

    def get(self, path: str, params: Params | None = None) -> Any:
        """One answer; None where there is no such thing."""
        try:
            return self._source.get(path, params)
        except NothingThereError:
            self.missing.append(path)
            return None

    def items(self, path: str, params: Params | None = None, *, members: str = "") -> Iterator[Any]:
        """All members of a list; none where there is no such list."""
        try:
            for page in self._source.pages(path, params, members=members):
                yield from page.items
        except NothingThereError:
            self.missing.append(path)


class Step(NamedTuple):
    """One list, and what its members tell.

    Args:
        name: for people and for the position.
        path: of the list.
        facts: the facts of one member; raises UntranslatableError for what is no such member.
        params: of the first page.
        members: dotted path of the list in an answer.
        is_older: of a list that has the newest first, whether a member is older than what is wanted: it ends the step.
    """

    name: str
    path: str
    facts: Callable[[Reader, Any], Iterable[Fact]]
    params: Params | None = None
    members: str = ""
    is_older: Callable[[Any], bool] = lambda _: False


class Watcher(Protocol):
    """Is told how the import moves."""

    def expects(self, step: str, members: int) -> None:
        """So many more members of a step are to come, as far as is known."""

    def moved(self, step: str, members: int) -> None:
        """So many more members of a step are done."""


class Outlet(Protocol):
    """Where events go. After `settle` all that were sent are acknowledged."""

    def send(self, event: dict[str, Any]) -> None:
        """Hand an event over."""

    def settle(self) -> None:
        """Wait until all is acknowledged."""


@dataclass(slots=True)
class Summary:
    """What was imported: `events` by short type; `left_out` are the facts that could not be made, each with the reason."""

    origin: str
    events: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    absent_steps: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    resumed: bool = False

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "origin": self.origin,
            "events": dict(sorted(self.events.items())),
            "left_out": self.left_out,
            "notes": self.notes,
        }

    @property
    def notes(self) -> list[str]:
        """One sentence each, for people."""
        notes = ["Went on where an earlier import had stopped."] if self.resumed else []
        if self.absent_steps:
            notes.append(f"Not there, or not to be seen with this token: {', '.join(self.absent_steps)}.")
        if self.missing:
            notes.append(f"{len(self.missing):,} answers were not there, the first of them {self.missing[0]}.")
        if self.left_out:
            notes.append(f"{len(self.left_out):,} facts left out, the first: {self.left_out[0]}")
        return notes


def run(
    origin: str,
    steps: Sequence[Step],
    source: Source,
    outlet: Outlet,
    position: Position,
    *,
    recorded: datetime,
    proof: Proof | None = None,
    watcher: Watcher | None = None,
) -> Summary:
    """Import all steps.

    Args:
        origin: what is imported from, for people: a repository's URL.
        steps: in their order.
        source: where the answers come from.
        outlet: where the events go.
        position: how far an earlier import came.
        recorded: the events' `recordedtime`.
        proof: how the teller was established.
        watcher: is told how it moves.

    Raises:
        NothingThereError: not one of the lists is there.
        RestError, SavedAnswerError: an answer cannot be had.
        UndeliveredError: not every event was acknowledged.
        InvalidEventError: a step made a fact that is no event, which is a fault of the step.
    """
    summary = Summary(origin, resumed=position.resumed)
    reader = Reader(source)
    for step in steps:
        if position.is_done(step.name):
            continue
        try:
            for page in _pages(step, source, position.next(step.name)):
                if watcher and page.left is not None:
                    watcher.expects(step.name, page.left)
                for member in page.items:
                    for fact in _facts(step, reader, member, summary.left_out):
                        outlet.send(event(fact, recorded=recorded, proof=proof))
                        summary.events[fact.type] += 1
                    if watcher:
                        watcher.moved(step.name, 1)
                outlet.settle()
                position.came_to(step.name, page.next)
        except NothingThereError as exc:
            summary.absent_steps.append(step.name)
            if len(summary.absent_steps) == len(steps):
                raise NothingThereError(f"nothing to import from {origin}: {exc}") from exc
    summary.missing = reader.missing
    position.finish()
    return summary


def _pages(step: Step, source: Source, start: str | None) -> Iterator[Page]:
    """The pages of a step, up to the first member that is too old."""
    for page in source.pages(step.path, step.params, members=step.members, start=start):
        wanted = [member for member in page.items if not step.is_older(member)]
        is_last = len(wanted) < len(page.items)
        yield Page(wanted, None, len(wanted)) if is_last else page
        if is_last:
            return


def _facts(step: Step, reader: Reader, member: Any, left_out: list[str]) -> Iterator[Fact]:
    try:
        yield from step.facts(reader, member)
    except UntranslatableError as exc:
        left_out.append(f"{step.name}: {exc}")
