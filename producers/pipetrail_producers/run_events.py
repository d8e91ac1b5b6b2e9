"""Sends the events of one `pipetrail run`.

Whatever goes wrong is said on stderr and never raised: the command's own end counts.
"""

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import click
from pipetrail_schemas.times import now

from pipetrail_producers import artifact as artifacts
from pipetrail_producers.annotate import warn
from pipetrail_producers.build_event import Fact, build
from pipetrail_producers.ci.context import Context
from pipetrail_producers.options import Common
from pipetrail_producers.recorder import Recorder
from pipetrail_producers.redact import Redactor


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run, and what is said about it."""

    argv: list[str]
    stage: str | None
    said_here: Common
    context: Context
    redactor: Redactor
    values: Mapping[str, Any]
    data: Mapping[str, Any]
    native_id: str
    artifacts: tuple[Path, ...]
    reports: tuple[str, ...]


class Told(NamedTuple):
    """One event of the run, before it is built. `key` sets it apart from others of its type in the same run."""

    name: str
    time: datetime
    values: Mapping[str, Any]
    data: Mapping[str, Any]
    key: str = ""


class Sending:
    """The way of a run's events: the first in the background while the command runs, the others after its end."""

    def __init__(self, plan: Plan, *, stdout_is_ours: bool = False) -> None:
        self._plan = plan
        self._stdout_is_ours = stdout_is_ours
        self._recorder: Recorder | None = None
        self._background: threading.Thread | None = None
        self.recorded = True

    def begin(self, told: Told) -> None:
        """Build and send the first event in a thread: neither the command nor the notice of its end waits for it."""
        self._background = threading.Thread(target=self.guarded, args=(lambda: self._begin(told),), daemon=True)
        self._background.start()

    def finish(self, told: Sequence[Told], cancelled: Callable[[], bool]) -> None:
        """Send the last events and wait for all; `recorded` says whether each is delivered or spooled.

        Args:
            told: the events, in the order of happening.
            cancelled: asked while Kafka is waited for; True ends the wait.
        """
        if self._background is not None:
            self._background.join()
        events: list[dict[str, Any]] = []
        for one in told:  # one by one: an event that cannot be built takes no other with it
            self.guarded(lambda one=one: events.append(self._event(one)))  # type: ignore[misc]  # mypy has no type for it
        if self._plan.said_here.dry_run:
            for event in events:
                self._print(event)
        else:
            self.guarded(lambda: self._finish(events, cancelled))

    def guarded(self, work: Callable[[], None]) -> None:
        """Do work; a failure is said and remembered, whatever it is: no bug of ours may change how the command ended."""
        try:
            work()
        except Exception as exc:  # noqa: BLE001  # as the docstring says
            self.recorded = False
            warn(os.environ, f"not recorded: {exc}")

    def described(self, files: Sequence[Path]) -> list[dict[str, Any]]:
        """The artifacts that were made; one that is not there is said and left out."""
        found: list[dict[str, Any]] = []
        for file in files:
            self.guarded(lambda file=file: found.append({"artifact": artifacts.describe(file)}))  # type: ignore[misc]  # as above
        return found

    def _begin(self, told: Told) -> None:
        event = self._event(told)
        if self._plan.said_here.dry_run:
            self._print(event)
        else:
            recorder = self._opened()
            recorder.begin(recorder.messages([event]))

    def _finish(self, events: Sequence[dict[str, Any]], cancelled: Callable[[], bool]) -> None:
        recorder = self._opened()
        recorded = recorder.finish(recorder.messages(events), cancelled=cancelled)
        for note in recorded.notes:
            warn(os.environ, note)
        if recorded.problem:
            warn(os.environ, f"not delivered: {recorded.problem} (events: {recorded.spooled})")

    def _opened(self) -> Recorder:
        if self._recorder is None:
            here = self._plan.said_here
            self._recorder = Recorder(os.environ, timeout_s=here.timeout_s, collector=here.collector)
        return self._recorder

    def _event(self, told: Told) -> dict[str, Any]:
        plan = self._plan
        native_id = f"{plan.native_id} {told.key}" if told.key else plan.native_id
        fact = Fact(told.name, told.time, {**plan.values, **told.values}, told.data, native_id)
        return build(fact, plan.context, recorded=now(), redactor=plan.redactor)

    def _print(self, event: Mapping[str, Any]) -> None:
        # On stderr while there is a command: stdout is the command's.
        click.echo(json.dumps(event, ensure_ascii=False, indent=2), err=not self._stdout_is_ours)
