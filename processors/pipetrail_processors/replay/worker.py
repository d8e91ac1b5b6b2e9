"""A worker of a replay: a share of history in a process of its own, or, where one is enough, in this one.

A request goes in, its answer comes out, one at a time: so that neither side ever waits for the other to read what it writes.
"""

import gc
import multiprocessing
import signal
from collections.abc import Sequence
from datetime import datetime
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from pipetrail_schemas.errors import PipetrailError

from pipetrail_processors.errors import ReplayError
from pipetrail_processors.replay.plan import Plan
from pipetrail_processors.replay.share import Counts, Share, Task

_STOP_S = 5.0
# New objects between two looks for garbage, as the live worker's (`pipetrail.cli`): the core makes next to none.
_GC_THRESHOLD = 20_000


class Take(NamedTuple):
    """Take in these messages. The answer is what belongs to other shares."""

    tasks: Sequence[Task]


class Expire(NamedTuple):
    """End the waits that are over. The answer says whether there were any, and what belongs to other shares."""

    until: datetime


class Write(NamedTuple):
    """Write the outcome. The answer is the files of each set of rules, by topic, and the counts."""


class Failed(NamedTuple):
    """The answer to a request that went wrong."""

    why: str


Request = Take | Expire | Write


class Written(NamedTuple):
    """The outcome of a share."""

    files: list[dict[str, str]]
    counts: Counts


class Worker(Protocol):
    """What takes requests, one at a time."""

    def give(self, request: Request) -> None:
        """Let it do something."""
        ...

    def answer(self) -> Any:
        """What came of it; waits for it.

        Raises:
            ReplayError: it went wrong.
        """
        ...

    def close(self) -> None:
        """End it, whatever it is doing."""
        ...


class Here:
    """A worker in this process."""

    def __init__(self, plan: Plan, number: int, shares: int, folder: Path) -> None:
        self._share = Share(plan, number, shares, folder)
        self._answer: Any = None

    def give(self, request: Request) -> None:
        """Do it at once."""
        self._answer = _done(self._share, request)

    def answer(self) -> Any:
        """What came of it."""
        return self._answer

    def close(self) -> None:
        """Let go of the files."""
        self._share.close()


class Elsewhere:
    """A worker in a process of its own."""

    def __init__(self, plan: Plan, number: int, shares: int, folder: Path) -> None:
        # A process that began with a copy of this one's memory would have half a Kafka client in it.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, plan, number, shares, folder), name=f"replay-{number}", daemon=True
        )
        self._process.start()
        theirs.close()

    def give(self, request: Request) -> None:
        """Send it over.

        Raises:
            ReplayError: the process died.
        """
        try:
            self.connection.send(request)
        except OSError as exc:
            raise self._died() from exc

    def answer(self) -> Any:
        """What came of it.

        Raises:
            ReplayError: it went wrong, or the process died.
        """
        try:
            answer = self.connection.recv()
        except (EOFError, OSError) as exc:
            raise self._died() from exc
        if isinstance(answer, Failed):
            raise ReplayError(f"a worker of the replay failed: {answer.why}")
        return answer

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        self._process.terminate()
        self._process.join(_STOP_S)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        self._process.close()

    def _died(self) -> ReplayError:
        self._process.join(_STOP_S)
        return ReplayError(
            f"a worker of the replay ended by itself (status {self._process.exitcode}); was there enough memory?"
        )


def ready(workers: Sequence[Worker], *, block: bool) -> list[Worker]:
    """Those of the busy workers that have an answer; with `block` at least one."""
    away = {one.connection: one for one in workers if isinstance(one, Elsewhere)}
    here: list[Worker] = [one for one in workers if isinstance(one, Here)]
    if here or not away:
        return here
    return [away[cast("Connection", found)] for found in wait(list(away), None if block else 0)]


def _serve(connection: Connection, plan: Plan, number: int, shares: int, folder: Path) -> None:
    # Ctrl-C goes to all processes of a terminal; the one that was started ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(_GC_THRESHOLD)
    try:
        share = Share(plan, number, shares, folder)
        while True:
            connection.send(_done(share, connection.recv()))
    except EOFError:
        return  # who asked is gone
    except (PipetrailError, OSError) as exc:
        connection.send(Failed(str(exc)))


def _done(share: Share, request: Request) -> Any:
    if isinstance(request, Take):
        return share.take(request.tasks)
    if isinstance(request, Expire):
        return share.expire(request.until)
    return Written(share.write(), share.counts)
