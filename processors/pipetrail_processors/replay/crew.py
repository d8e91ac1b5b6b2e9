"""The crew of a replay: history is dealt out to workers by repository, and what comes of it is gathered.

Each key belongs to one worker, which sees its messages in the order in which they are read, as a partition of Kafka does. What
waits for workers is bounded, however long the history is. The outcome does not depend on how many there are.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipetrail_schemas.topics import EVENTS, Topic

from pipetrail_processors.errors import ReplayError
from pipetrail_processors.replay import frames, worker
from pipetrail_processors.replay.message import Look, Message, Scope, look_at, share_of
from pipetrail_processors.replay.plan import Plan
from pipetrail_processors.replay.share import ROUND, Counts, Task
from pipetrail_processors.replay.worker import Elsewhere, Expire, Here, Request, Take, Worker, Write, Written

# What waits for workers at most: enough to keep them busy where the repositories of a stretch of history are all one worker's.
_WAITING_BYTES = 32 * 1024 * 1024

Seen = Callable[[Message, Look], None]


class Outcome:
    """What a replay comes to: of each set of rules the latest message of each key, and what was done."""

    def __init__(self, written: Sequence[Written]) -> None:
        self._files = [one.files for one in written]
        self.counts = Counts()
        for one in written:
            self.counts.add(one.counts)

    def latest(self, topic: Topic, rule_set: int = 0) -> Iterator[frames.Pair]:
        """Keys and values of the topic, in order of the keys."""
        return frames.merged([Path(files[rule_set][topic.name]) for files in self._files])


class Crew:
    """Workers for one replay. A context manager: the outcome is there until it ends."""

    def __init__(self, plan: Plan, *, workers: int) -> None:
        """Start the workers.

        Args:
            plan: what to judge by.
            workers: how many; one works in this process.

        Raises:
            ReplayError: there is no room for what they write.
        """
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="pipetrail-replay-"))
        except OSError as exc:
            raise ReplayError(f"there is no room for the replay's state: {exc}") from exc
        made: Callable[..., Worker] = Here if workers == 1 else Elsewhere
        self._workers: list[Worker] = []
        self._queues: list[list[Task]] = [[] for _ in range(workers)]
        self._busy: dict[Worker, int] = {}
        self._waiting_bytes = 0
        for number in range(workers):
            self._workers.append(made(plan, number, workers, self._folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        for one in self._workers:
            one.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def replay(self, history: Iterable[Message], scope: Scope, until: datetime, seen: Seen) -> Outcome:
        """Take in history and give what comes of it.

        Args:
            history: messages of the events topic, or what would have stood there.
            scope: which of them count.
            until: the present as the replay sees it; waits that are over by then end.
            seen: called with each message that counts.

        Raises:
            ReplayError: a worker failed.
        """
        for message in history:
            look = look_at(message)
            if scope.keeps(look):
                seen(message, look)
                self._deal([Task(EVENTS.name, message.key, message.value, message.headers)], look.key)
        self._settle()
        while any(ended for ended, _ in self._ask_all(Expire(until))):
            self._settle()
        return Outcome(self._ask_all(Write()))

    def _deal(self, tasks: Iterable[Task], key: bytes | None = None) -> None:
        for task in tasks:
            number = share_of(task.key or b"" if key is None else key, len(self._queues))
            queue = self._queues[number]
            queue.append(task)
            self._waiting_bytes += len(task.value or b"")
            if len(queue) % ROUND == 0:
                self._gather(block=False)
                self._work(number)
        while self._waiting_bytes > _WAITING_BYTES:
            self._work_all()
            self._gather(block=True)

    def _work_all(self) -> None:
        for number in range(len(self._queues)):
            self._work(number)

    def _work(self, number: int) -> None:
        """Give an idle worker the next round."""
        one, queue = self._workers[number], self._queues[number]
        if one in self._busy or not queue:
            return
        self._busy[one] = number
        self._queues[number] = queue[ROUND:]
        self._waiting_bytes -= sum(len(task.value or b"") for task in queue[:ROUND])
        one.give(Take(queue[:ROUND]))

    def _gather(self, *, block: bool) -> None:
        """Take the answers that are there; their workers go on with whole rounds."""
        if not self._busy:
            return
        for one in worker.ready(list(self._busy), block=block):
            number = self._busy.pop(one)
            away: list[Task] = one.answer()
            if len(self._queues[number]) >= ROUND:
                self._work(number)
            for task in away:
                self._queues[share_of(task.key or b"", len(self._queues))].append(task)
                self._waiting_bytes += len(task.value or b"")

    def _settle(self) -> None:
        """Until nothing is left to do."""
        while self._busy or any(self._queues):
            self._work_all()
            self._gather(block=True)

    def _ask_all(self, request: Request) -> list[Any]:
        for one in self._workers:
            one.give(request)
        answers = [one.answer() for one in self._workers]
        if isinstance(request, Expire):
            for _, away in answers:
                self._deal(away)
        return answers
