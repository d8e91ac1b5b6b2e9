"""One share of history: the repositories and aliases whose keys fall into it, through the pure core, round by round.

What the live application does with a partition is done here with a share: the same rounds, the same refusals. Links, and events
that found their repository, come back in, or go to the share that they belong to.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.topics import EVENTS, LINKS, RECORDS, RESOLVED, Topic

from pipetrail_processors.correlate.round import Round
from pipetrail_processors.engine.partition_state import MAX_VALUE_BYTES, PartitionState
from pipetrail_processors.errors import StateError, TooLargeError
from pipetrail_processors.output import Output
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.replay import frames
from pipetrail_processors.replay.message import Headers, share_of
from pipetrail_processors.replay.plan import Plan
from pipetrail_processors.replay.store import Store

# As many as the live worker takes in together when it has a backlog.
ROUND = 1000
# What a process keeps of its share in memory, all rule sets together; the rest goes to disk. Values are written anew all the
# time, which leaves gaps: the process is three to four times as large.
MEMORY_BYTES = 128 * 1024 * 1024
_STATE_PART = 0.7
# Different reasons of refusals that are told; a broken source would have as many as lines.
_REASONS = 20
_REASON_LENGTH = 300


class Task(NamedTuple):
    """A message to be taken in: the name of its topic, and itself."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(slots=True)
class Counts:
    """What was done: messages of the events topic that were taken in, refusals by reason, messages that came of them."""

    events: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    outputs: int = 0

    def add(self, other: "Counts") -> None:
        """Count another share's in."""
        self.events += other.events
        self.refused += other.refused
        self.outputs += other.outputs


class Share:
    """A share of history, replayed by each of the plan's sets of rules."""

    def __init__(self, plan: Plan, number: int, shares: int, folder: Path) -> None:
        """Begin with nothing.

        Args:
            plan: what to judge by.
            number: which share, from 0.
            shares: how many there are.
            folder: where what does not fit into memory, and the outcome, go.
        """
        self.counts = Counts()
        self._number, self._shares = number, shares
        self._folder = folder / str(number)
        self._folder.mkdir()
        limit = MEMORY_BYTES // len(plan.rule_sets)
        self._folds = [
            _Fold(pipeline, plan.keeps, self._folder / f"fold-{place}", limit)
            for place, pipeline in enumerate(plan.pipelines())
        ]

    def take(self, tasks: Sequence[Task]) -> list[Task]:
        """Take in messages, with all that follows from them here. Returns what belongs to other shares.

        Raises:
            StateError: the disk failed.
        """
        away: list[Task] = []
        queue = list(tasks)
        while queue:
            outputs = [fold.take(queue[:ROUND], self.counts if first else Counts()) for first, fold in self._first()]
            queue = [*queue[ROUND:], *self._routed(outputs[0], away)]
        return away

    def expire(self, until: datetime) -> tuple[bool, list[Task]]:
        """End the waits that are over by then. Returns whether there were any, and what belongs to other shares.

        Raises:
            StateError: the disk failed.
        """
        outputs = [fold.expire(until) for fold in self._folds]
        away: list[Task] = []
        here = self._routed(outputs[0], away)
        return any(outputs), [*away, *self.take(here)]

    def write(self) -> list[dict[str, str]]:
        """Write the outcome of each set of rules: files of `frames`, by topic, in order of the keys."""
        return [fold.write() for fold in self._folds]

    def close(self) -> None:
        """Let go of the files."""
        for fold in self._folds:
            fold.close()

    def _first(self) -> Iterable[tuple[bool, "_Fold"]]:
        return ((place == 0, fold) for place, fold in enumerate(self._folds))

    def _routed(self, outputs: Iterable[Output], away: list[Task]) -> list[Task]:
        # Links and re-keyed events do not depend on rules: those of the first set are those of all.
        here: list[Task] = []
        for output in outputs:
            if output.topic is LINKS or output.topic is RESOLVED:
                mine = share_of(output.key, self._shares) == self._number
                (here if mine else away).append(Task(output.topic.name, output.key, output.value, output.headers))
        return here


class _Fold:
    """One pipeline with its state and its outcome."""

    def __init__(self, pipeline: Pipeline, keeps: Sequence[Topic], folder: Path, limit: int) -> None:
        self._pipeline = pipeline
        self._folder = folder
        folder.mkdir()
        self._store = Store(folder / "state", limit=int(limit * _STATE_PART))
        self._state = PartitionState(self._store.get)
        left = int(limit * (1 - _STATE_PART)) // max(1, len(keeps))
        self._kept = {topic.name: Store(folder / f"{topic.name}.state", limit=left) for topic in keeps}

    def take(self, tasks: Sequence[Task], counts: Counts) -> list[Output]:
        try:
            outputs, refused = self._together(tasks)
        except StateError:
            raise
        except Exception:  # noqa: BLE001 - one of them is at fault: alone, each shows whether it is the one
            self._state.drop()
            outputs, refused = self._one_by_one(tasks)
        else:
            self._keep(outputs)
        counts.events += sum(task.topic == EVENTS.name for task in tasks)
        for error in refused:
            reason = str(error)[:_REASON_LENGTH]
            counts.refused[reason if len(counts.refused) < _REASONS or reason in counts.refused else "other reasons"] += 1
        counts.outputs += len(outputs)
        return outputs

    def expire(self, until: datetime) -> list[Output]:
        outputs = self._pipeline.expire(self._state, until)
        self._keep(outputs)
        return outputs

    def write(self) -> dict[str, str]:
        paths = {}
        for name, store in self._kept.items():
            path = self._folder / name
            frames.write(path, store.items())
            paths[name] = str(path)
        return paths

    def close(self) -> None:
        for store in (self._store, *self._kept.values()):
            store.close()

    def _together(self, tasks: Sequence[Task]) -> tuple[list[Output], list[Exception]]:
        together = Round(self._state)
        outputs: list[Output] = []
        refused: list[Exception] = []
        for task in tasks:
            try:
                outputs += self._decide(together, task)
            except InvalidEventError as exc:  # which leaves the state as it was
                refused.append(exc)
        outputs += self._pipeline.end(together)
        _require_room(outputs)
        return outputs, refused

    def _one_by_one(self, tasks: Sequence[Task]) -> tuple[list[Output], list[Exception]]:
        outputs: list[Output] = []
        refused: list[Exception] = []
        for task in tasks:
            try:
                found, wrong = self._together([task])
            except StateError:
                raise
            except Exception as exc:  # noqa: BLE001 - live it is a dead letter, whatever it is
                self._state.drop()
                refused.append(exc)
            else:
                self._keep(found)
                outputs += found
                refused += wrong
        return outputs, refused

    def _decide(self, together: Round, task: Task) -> list[Output]:
        if task.topic == LINKS.name:
            return self._pipeline.take_link(together, task.key, task.value)
        return self._pipeline.take_event(together, task.value, task.headers, task.key)

    def _keep(self, outputs: Iterable[Output]) -> None:
        self._state.keep()
        self._store.update(self._state.pending)
        self._state.pending = {}
        changes: dict[str, dict[bytes, bytes | None]] = {name: {} for name in self._kept}
        for output in outputs:
            if (kept := changes.get(output.topic.name)) is not None:
                kept[_name(output)] = output.value
        for name, latest in changes.items():
            self._kept[name].update(latest)


def _name(output: Output) -> bytes:
    """What makes two messages one: the key; of records, which are keyed by their repository, the event's own bytes."""
    if output.topic is not RECORDS:
        return output.key
    return b"%b\0%b" % (output.key, hashlib.sha256(output.value or b"").hexdigest().encode())


def _require_room(outputs: Iterable[Output]) -> None:
    for output in outputs:
        if output.value is not None and len(output.value) > MAX_VALUE_BYTES:
            raise TooLargeError(f"a message for {output.topic.name} has {len(output.value)} bytes; {MAX_VALUE_BYTES} fit")
