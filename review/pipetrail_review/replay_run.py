"""Running a replay from the command line: how many processes, a bar that says how far it is, and Ctrl-C."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice

import click
from pipetrail_processors.replay.crew import Crew, Outcome
from pipetrail_processors.replay.message import Look, Message, Scope
from pipetrail_processors.replay.plan import Plan
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from pipetrail_review.replay_history import History
from pipetrail_review.terminal import console

Seen = Callable[[Message, Look], None]

# Starting processes takes a second: for so few events that is longer than the work.
_FEW = 2_000
# Messages between two looks at how far it is.
_LOOK = 500

workers_option = click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="Processes that share the repositories. [default: one for each processor, one alone for few events]",
)


@contextmanager
def replayed(
    plan: Plan, history: History, scope: Scope, *, until: datetime, seen: Seen, workers: int | None
) -> Iterator[Outcome]:
    """The outcome of a replay, for as long as the context lasts.

    Args:
        plan: what to judge by.
        history: what to replay.
        scope: which of it counts.
        until: the present as the replay sees it.
        seen: called with each message that counts.
        workers: how many processes; as many as there is use for if not said.

    Raises:
        PipetrailError: history cannot be read, or a worker failed.
    """
    messages = iter(history)
    first = list(islice(messages, _FEW))
    if workers is None:
        workers = 1 if len(first) < _FEW else len(os.sched_getaffinity(0))
    with Crew(plan, workers=workers) as crew, _bar(history) as look:
        told = _followed(chain(first, messages), look)
        yield crew.replay(told, scope, until, seen)


def _followed(messages: Iterator[Message], look: Callable[[], None]) -> Iterator[Message]:
    for number, message in enumerate(messages):
        if number % _LOOK == 0:
            look()
        yield message
    look()


@contextmanager
def _bar(history: History) -> Iterator[Callable[[], None]]:
    """A bar on standard error where that is a terminal."""
    columns = (TextColumn("replaying"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(sys.stderr), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("replaying", total=history.total)
        yield lambda: bar.update(task, completed=history.done, total=history.total)
