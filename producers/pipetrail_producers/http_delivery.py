"""Sends messages to the collector over HTTP, and knows of each whether the collector has taken it. Standard library only.

It behaves as `delivery.Delivery` does for Kafka: `send` only queues, a thread of its own posts what is queued as CloudEvents
batches (HTTP binding 1.0, section 3.3) with the very bytes that would go onto the topic, `settle` waits and says what was not
taken. An answer of 2xx means that the collector has all of a batch. What may pass (no connection, 429, 5xx) is tried again
until nobody waits any more; what will not (a wrong token, an event that is refused) is said at once. Where the collector names
what it refused of a batch (`refused` in its problem details), it has the rest; a batch that is refused otherwise, or for its
size, is taken apart, so that no event is held up by another.
"""

import threading
import time
from collections.abc import Callable, Sequence

from pipetrail_schemas.topics import MAX_MESSAGE_BYTES

from pipetrail_producers.collector_access import Access
from pipetrail_producers.collector_post import LONGEST_RETRY_S, TAKEN, Answer, post
from pipetrail_producers.delivery import Undelivered
from pipetrail_producers.http_client import opener_for
from pipetrail_producers.message import Message

# What one request carries at most: enough that a spool is emptied quickly, little enough to be sent again for one bad event.
BATCH_MESSAGES = 100
BATCH_BYTES = MAX_MESSAGE_BYTES // 4
_POLL_S = 0.05
# How long nobody may answer before we stop waiting; as for Kafka.
_ALL_DOWN_S = 1.0


class HttpDelivery:
    """One collector, connected to when there is something to send. Used by one thread at a time."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._opener = opener_for(access.url)
        self._changed = threading.Condition()
        # Under the condition's lock: what waits to be posted, and what is not taken yet, by a running number in the order of
        # sending. What failed for good is in `_pending` and `_failed`.
        self._queue: list[tuple[int, Message]] = []
        self._pending: dict[int, Message] = {}
        self._failed: dict[int, str] = {}
        self._sent = 0
        self._last_error: str | None = None
        self._down_since: float | None = None
        self._thread: threading.Thread | None = None

    def send(self, message: Message) -> None:
        """Queue a message; the posting begins at once, in the background."""
        with self._changed:
            self._queue.append((self._sent, message))
            self._pending[self._sent] = message
            self._sent += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def settle(self, timeout_s: float, *, cancelled: Callable[[], bool] = lambda: False) -> list[Undelivered]:
        """Wait for what was sent to be taken, and give up on the rest.

        Args:
            timeout_s: seconds to wait at most; less when nobody answers at the collector's address.
            cancelled: asked some twenty times a second; True ends the wait.

        Returns:
            The messages that were not taken, in the order of sending; those that are not among them were.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            # Somebody waits now: what was long in vain is tried at once, and given its time.
            self._down_since = None
            self._changed.notify_all()
            while len(self._failed) < len(self._pending):
                self._changed.wait(_POLL_S)
                if time.monotonic() >= deadline or self._is_down() or cancelled():
                    break
            reason = self._last_error or f"the collector has not answered within {timeout_s:g} s"
            left = [Undelivered(message, self._failed.get(number, reason)) for number, message in self._pending.items()]
            self._queue, self._pending, self._failed = [], {}, {}
            self._down_since = self._last_error = None
        return left

    def _is_down(self) -> bool:
        return self._down_since is not None and time.monotonic() - self._down_since > _ALL_DOWN_S

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue:
                    self._changed.wait()
                batch = self._next_batch()
            self._deliver(batch)

    def _next_batch(self) -> list[tuple[int, Message]]:
        size, count = 0, 0
        for _, message in self._queue[:BATCH_MESSAGES]:
            size += len(message.value) + 1
            if count and size > BATCH_BYTES:
                break
            count += 1
        batch, self._queue = self._queue[:count], self._queue[count:]
        return batch

    def _deliver(self, batch: Sequence[tuple[int, Message]]) -> None:
        """Post a batch until its fate is known, or nobody waits for it any more."""
        pause_s = 0.0
        while self._is_waited_for(batch):
            answer = post(self._opener, self._access, [message for _, message in batch])
            if answer.refused:
                self._note([one for place, one in enumerate(batch) if place not in answer.refused], TAKEN)
                for place, reason in answer.refused.items():
                    self._note([batch[place]], answer._replace(reason=reason))
                return
            if answer.about_the_events and len(batch) > 1:
                middle = len(batch) // 2
                self._deliver(batch[:middle])
                self._deliver(batch[middle:])
                return
            self._note(batch, answer)
            if not answer.may_pass:
                return
            # Longer each time, as far as nobody waits: a build may run for hours with the collector away.
            pause_s = min(max(answer.retry_s, 2 * pause_s), LONGEST_RETRY_S)
            with self._changed:
                self._changed.wait(pause_s)

    def _is_waited_for(self, batch: Sequence[tuple[int, Message]]) -> bool:
        with self._changed:
            return any(number in self._pending for number, _ in batch)

    def _note(self, batch: Sequence[tuple[int, Message]], answer: Answer) -> None:
        with self._changed:
            if answer.status:
                self._down_since = None
            elif self._down_since is None:
                self._down_since = time.monotonic()
            for number, _ in batch:
                if answer.taken:
                    self._pending.pop(number, None)
                elif not answer.may_pass and number in self._pending:
                    self._failed[number] = answer.reason
            if not answer.taken:
                self._last_error = answer.reason
            self._changed.notify_all()
