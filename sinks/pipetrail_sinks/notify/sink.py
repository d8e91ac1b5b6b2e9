"""The notifier as a sink of the findings topic: what was flushed is in its queue, on disk, so that Kafka may forget it.

Sending goes on beside: a postman for each channel, and a clock that does what falls due.
"""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog
from pipetrail_schemas.finding import Finding
from pipetrail_schemas.topics import FINDINGS
from pydantic import ValidationError

from pipetrail_sinks import backoff
from pipetrail_sinks.errors import BackPressureError
from pipetrail_sinks.message import Message, Refusal
from pipetrail_sinks.notify.desk import Desk
from pipetrail_sinks.notify.errors import StateError
from pipetrail_sinks.notify.postman import Postman

# Seconds between two looks at the clock when nothing is due: a message that is due wakes it earlier.
_LOOK_S = 1.0
# Seconds that messages on their way get at the end.
_GRACE_S = 2.0

_log = structlog.get_logger("pipetrail.notify")


class NotifySink:
    """See `pipetrail_sinks.sink.Sink`."""

    topics = (FINDINGS.name,)

    def __init__(self, desk: Desk, postmen: Mapping[str, Postman], now: Callable[[], datetime]) -> None:
        self._desk = desk
        self._postmen = postmen
        self._now = now
        self._batch: list[Message] = []
        self._failures = 0
        # The desk serves one thread at a time.
        self._turn = threading.Lock()
        self._stopping = threading.Event()
        self._due = threading.Event()
        self._clock = threading.Thread(target=self._tick, name="clock", daemon=True)

    def start(self) -> None:
        """Begin to send.

        Raises:
            StateError: the state cannot be written.
        """
        self._desk.adopt(self._now())
        for postman in self._postmen.values():
            postman.start()
        self._clock.start()

    def add(self, message: Message) -> None:
        """Take a message into the current batch."""
        self._batch.append(message)

    def flush(self) -> list[Refusal]:
        """Take the batch's findings in; they are in the notifier's own queue, on disk, when this returns.

        Raises:
            BackPressureError: the state cannot be written, for lack of space as a rule.
        """
        findings, refusals = _read(self._batch)
        try:
            with self._turn:
                woken = self._desk.take(findings, self._now())
        except StateError as exc:
            self._failures += 1
            pause = backoff.delay_s(self._failures, random.random())  # noqa: S311 - jitter
            raise BackPressureError(str(exc), retry_after=pause) from exc
        self._failures = 0
        self._batch = []
        self._wake(woken)
        self._due.set()
        return refusals

    def close(self) -> None:
        """End sending; what waits is on disk."""
        self._stopping.set()
        self._due.set()
        for postman in self._postmen.values():
            postman.stop(_GRACE_S)
        if self._clock.ident is not None:
            self._clock.join(_GRACE_S)

    def _tick(self) -> None:
        while not self._stopping.is_set():
            self._due.clear()
            pause = _LOOK_S
            try:
                with self._turn:
                    now = self._now()
                    woken, due = self._desk.tick(now)
                self._wake(woken)
                if due is not None:
                    pause = min(_LOOK_S, max(0.0, (due - now).total_seconds()))
            except StateError as exc:
                _log.warning("clock waits", reason=str(exc))
            self._due.wait(pause)

    def _wake(self, channels: Sequence[str]) -> None:
        for channel in channels:
            if channel in self._postmen:
                self._postmen[channel].wake()


def _read(messages: Sequence[Message]) -> tuple[list[Finding], list[Refusal]]:
    """The findings in the messages, and what is none. A tombstone says nothing to anybody."""
    findings, refusals = [], []
    for message in messages:
        if message.value is None:
            continue
        try:
            findings.append(Finding.model_validate_json(message.value))
        except ValidationError as exc:
            first = exc.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            refusals.append(Refusal(message, "InvalidFinding", f"{place or 'finding'}: {first['msg']}"))
    return findings, refusals
