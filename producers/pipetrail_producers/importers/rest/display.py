"""What people see of a back-fill while it runs, on stderr: a line that moves on a terminal, plain sentences elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from pipetrail_producers.importers.rest.backfill import Watcher


class Display(Watcher, Protocol):
    """Told how the import moves, and what is worth a sentence."""

    def say(self, sentence: str) -> None:
        """Something that whoever waits should know."""


@contextmanager
def display(origin: str, *, on_terminal: bool) -> Iterator[Display]:
    """The display of one import."""
    if not on_terminal:
        yield _Plain()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:>8,.0f}"),
        TextColumn("{task.fields[of]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        progress.console.print(f"Import {origin}", markup=False, highlight=False)
        yield _Moving(progress)


class _Plain:
    def expects(self, step: str, members: int) -> None:
        """Nothing, either."""

    def moved(self, step: str, members: int) -> None:
        """Nothing: a log is no place for progress."""

    def say(self, sentence: str) -> None:
        click.echo(f"pipetrail: {sentence}", err=True)


class _Moving:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def expects(self, step: str, members: int) -> None:
        task = self._task(step)
        total = self._progress.tasks[task].completed + members
        # Not known exactly before the last page, which is rarely as long as the others.
        self._progress.update(task, total=total, of=f"of {total:,.0f}")

    def moved(self, step: str, members: int) -> None:
        self._progress.advance(self._task(step), members)

    def _task(self, step: str) -> TaskID:
        if step not in self._tasks:
            # Without an end the bar only says that something moves.
            self._tasks[step] = self._progress.add_task(step, total=None, of="")
        return self._tasks[step]

    def say(self, sentence: str) -> None:
        self._progress.console.print(sentence, markup=False, highlight=False)
