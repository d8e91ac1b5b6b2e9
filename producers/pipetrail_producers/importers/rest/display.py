"""What people see of a back-fill while it runs, on stderr: a line that moves on a terminal, plain sentences elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Display(Protocol):
    """Told how the import moves, and what is worth a sentence."""

    def moved(self, step: str, members: int) -> None:
        """So many more members of a step are done."""

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
        TextColumn("{task.completed:>8,.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        progress.console.print(f"Import {origin}", markup=False, highlight=False)
        yield _Moving(progress)


class _Plain:
    def moved(self, step: str, members: int) -> None:
        """Nothing: a log is no place for progress."""

    def say(self, sentence: str) -> None:
        click.echo(f"pipetrail: {sentence}", err=True)


class _Moving:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def moved(self, step: str, members: int) -> None:
        if step not in self._tasks:
            # A list does not say how long it is before its last page: the count is what there is to show.
            self._tasks[step] = self._progress.add_task(step, total=None)
        self._progress.advance(self._tasks[step], members)

    def say(self, sentence: str) -> None:
        self._progress.console.print(sentence, markup=False, highlight=False)
