"""The postman of one channel: takes its messages in order, and sends each until it has arrived.

A channel that is down holds up nobody else's. What a channel refuses for good is sent once more as plain text, then kept aside
with the reason; the next ones go on. It waits with back-off between attempts, or as long as the channel asks for.
"""

import random
import threading
from collections.abc import Callable
from datetime import datetime

import structlog

from pipetrail_sinks import backoff
from pipetrail_sinks.notify.channels.channel import Channel, Delivery
from pipetrail_sinks.notify.errors import ChannelDownError, MessageRefusedError, StateError
from pipetrail_sinks.notify.store import Store, Waiting

# Seconds that an idle postman waits before he looks by himself; he is woken when there is something.
_IDLE_S = 5.0
# Seconds: no service asks for a longer break and means it.
_LONGEST_BREAK_S = 600.0

_log = structlog.get_logger("pipetrail.notify")


class Postman:
    """Serves one channel in a thread of its own."""

    def __init__(self, name: str, channel: Channel, store: Store, now: Callable[[], datetime]) -> None:
        self._name = name
        self._channel = channel
        self._store = store
        self._now = now
        self._woken = threading.Event()
        self._stopping = threading.Event()
        # A daemon: a request in flight must not hold up the end of the program.
        self._thread = threading.Thread(target=self._work, name=f"channel {name}", daemon=True)

    def start(self) -> None:
        """Begin with what waits from before."""
        self._thread.start()

    def wake(self) -> None:
        """There is something to send."""
        self._woken.set()

    def stop(self, within_s: float) -> None:
        """Send nothing more; what is on its way gets so long."""
        self._stopping.set()
        self._woken.set()
        self._thread.join(within_s)

    def _work(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                waiting = self._store.next(self._name)
                if waiting is None:
                    self._woken.wait(_IDLE_S)
                    continue
                self._deliver(waiting)
            except (ChannelDownError, StateError) as exc:
                failures += 1
                asked = exc.retry_after if isinstance(exc, ChannelDownError) else 0.0
                pause = max(min(asked, _LONGEST_BREAK_S), backoff.delay_s(failures, random.random()))  # noqa: S311 - jitter
                _log.warning("channel down", channel=self._name, reason=str(exc), attempts=failures, next_try_s=round(pause, 2))
                self._stopping.wait(pause)
            else:
                failures = 0
        self._channel.close()

    def _deliver(self, waiting: Waiting) -> None:
        """Send a message.

        Raises:
            ChannelDownError: it waits.
            StateError: what became of it could not be noted.
        """
        delivery = Delivery(waiting.alert, waiting.uncertain, waiting.mark, waiting.thread)
        if not waiting.uncertain:
            self._store.begin(waiting.seq, self._channel.before())
        try:
            receipt = self._sent(delivery)
        except ChannelDownError as exc:
            if not (exc.uncertain or waiting.uncertain):
                self._store.did_not_arrive(waiting.seq)
            raise
        except MessageRefusedError as exc:
            _log.error("message refused", channel=self._name, message=waiting.alert.id, reason=str(exc))
            self._store.refuse(waiting.seq, str(exc), self._now())
        else:
            self._store.done(waiting, receipt, self._now())

    def _sent(self, delivery: Delivery) -> str | None:
        try:
            return self._channel.send(delivery)
        except MessageRefusedError as exc:
            _log.warning("sent as plain text", channel=self._name, message=delivery.alert.id, reason=str(exc))
            alert = delivery.alert
            return self._channel.send(Delivery(alert, delivery.again, delivery.mark, delivery.thread, plain=True))
        except ChannelDownError:
            raise
        except Exception as exc:
            # A fault of a channel must not end its thread unseen: it is said, and the message stays.
            _log.exception("channel failed", channel=self._name)
            raise ChannelDownError(f"{type(exc).__name__}: {exc}", uncertain=True) from exc
