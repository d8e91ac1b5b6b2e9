"""The write of one batch, in a thread of its own: until every message is accounted for, or the program stops.

The runner goes on polling Kafka meanwhile, so a target that is down for an hour does not cost the group membership. A write
that is given up leaves its messages uncommitted; they come again.
"""

import threading
from collections.abc import Callable, Sequence
from time import monotonic

import structlog

from pipetrail_sinks.batch import Batch, Partition
from pipetrail_sinks.dead_letters import DeadLetters
from pipetrail_sinks.errors import BackPressureError
from pipetrail_sinks.message import Message, Refusal
from pipetrail_sinks.sink import Sink

_log = structlog.get_logger("pipetrail.sink")


class Write:
    """One batch on its way. `done` is set when it is over, well or not; `started` is monotonic, in seconds."""

    def __init__(self, batch: Batch, sink: Sink, dead_letters: DeadLetters, giving_up: threading.Event) -> None:
        self._sink = sink
        self._dead_letters = dead_letters
        self._giving_up = giving_up
        self._error: Exception | None = None
        self._finished = False
        self.messages: Sequence[Message] = batch.messages
        self.next_offsets: dict[Partition, int] = batch.next_offsets()
        self.refused = 0
        self.started = monotonic()
        self.done = threading.Event()
        # A daemon: a request in flight must not hold up the end of the program.
        threading.Thread(target=self._run, name="write", daemon=True).start()

    def accounted_for(self) -> bool:
        """Whether every message is written or dead-lettered. Call when `done` is set.

        Raises:
            SinkError: the target or Kafka refuses this program.
        """
        if self._error is not None:
            raise self._error
        return self._finished

    def _run(self) -> None:
        try:
            for message in self.messages:
                self._sink.add(message)
            refusals: list[Refusal] | None = self._until_taken(self._sink.flush)
            if refusals is None:
                return
            self.refused = len(refusals)
            for refusal in refusals:
                # The reason stands in the dead letter alone: OpenSearch quotes the value at fault, and logs are read by many.
                _log.error("refused", position=refusal.message.position, error=refusal.error_type)
            self._finished = self._until_taken(lambda: self._send(refusals)) is not None
        except Exception as exc:  # noqa: BLE001 - raised again in the runner's thread, by accounted_for
            self._error = exc
        finally:
            self.done.set()

    def _send(self, refusals: list[Refusal]) -> list[Refusal]:
        self._dead_letters.send(refusals)
        return refusals

    def _until_taken(self, step: Callable[[], list[Refusal]]) -> list[Refusal] | None:
        """What the step returns once there is no back-pressure; None when the program stops before."""
        since = monotonic()
        while not self._giving_up.is_set():
            try:
                return step()
            except BackPressureError as exc:
                waited = monotonic() - since
                _log.warning("waiting", reason=exc.reason, next_try_s=round(exc.retry_after, 2), for_s=round(waited, 1))
                self._giving_up.wait(exc.retry_after)
        return None
