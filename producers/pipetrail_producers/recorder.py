"""Gets events to Kafka or the collector, or into the spool: what every command ends with.

An event is recorded when Kafka or the collector acknowledged it, or when it is safely in the spool. Nothing else counts as
success. What waits in the spool goes along with new events, before them: the order of sending is the order of happening, as far
as one command can do it in bounded time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipetrail_schemas import check
from pipetrail_schemas.errors import SettingError

from pipetrail_producers import settings as agent_settings
from pipetrail_producers import stream
from pipetrail_producers.channel import COLLECTOR_VARIABLE, NOWHERE, channel_of
from pipetrail_producers.delivery import Undelivered
from pipetrail_producers.errors import SpoolError
from pipetrail_producers.message import Message, message_of
from pipetrail_producers.spool import Damaged, Entry, Spool

EXIT_DELIVERED = 0
EXIT_SPOOLED = 75  # EX_TEMPFAIL of sysexits.h
# How many spooled events a command delivers on the side: some 0.1 s of work, so that the first one after an outage is quick.
SIDE_LOAD = 200
# `flush` sends this many at a time: librdkafka's queue holds them, and memory stays bounded.
_FLUSH_BATCH = 1000
# How long `flush` waits for another command to end its delivery of the spool, seconds.
_FLUSH_LOCK_WAIT_S = 30.0


def _never() -> bool:
    return False


class Recorded(NamedTuple):
    """What became of messages. `spooled` 0: all are delivered; `problem` says why the others are not, and where they are.

    `notes` are sentences on what else is wrong: damage in the spool, a spool that cannot be read.
    """

    delivered: int
    spooled: int
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 delivered, 75 spooled."""
        return EXIT_SPOOLED if self.spooled else EXIT_DELIVERED


@dataclass(slots=True)
class Flushed:
    """What became of the spool: counts of events, why some are left, and the records that were set aside as damaged."""

    delivered: int = 0
    left: int = 0
    problem: str = ""
    damaged: tuple[Damaged, ...] = ()


class Recorder:
    """Delivers or spools. Reads its settings at once, connects when there is something to send.

    Raises:
        SettingError: a setting is malformed.
    """

    def __init__(self, env: Mapping[str, str], *, timeout_s: float | None = None, collector: str | None = None) -> None:
        settings = agent_settings.load(env)
        self._timeout_s = settings.timeout_s if timeout_s is None else timeout_s
        self.spool = Spool(settings.spool, max_bytes=settings.spool_bytes)
        self._way, self._delivery = channel_of(env, collector)
        self._unsent: list[Message] = []
        self._count = 0

    @property
    def leads_somewhere(self) -> bool:
        """Whether Kafka or a collector is configured."""
        return self._delivery is not None

    def messages(self, events: Sequence[Mapping[str, Any]]) -> list[Message]:
        """The messages of events, each with its place in this agent's stream; one that has a place already keeps it.

        Raises:
            InvalidEventError: an event is too large for a message; no number was taken.
        """
        for event in events:
            message_of(event)
        places = iter(stream.take(self.spool.folder, self._way, sum(not _has_place(event) for event in events)))
        return [message_of(event if _has_place(event) else _numbered(event, next(places, None))) for event in events]

    def begin(self, messages: Iterable[Message]) -> None:
        """Send in the background; `finish` says what became of them.

        Raises:
            SettingError: librdkafka does not accept the configured properties.
        """
        for message in messages:
            self._count += 1
            if self._delivery is None:
                self._unsent.append(message)
            else:
                self._delivery.send(message)

    def finish(self, messages: Iterable[Message] = (), *, cancelled: Callable[[], bool] = _never) -> Recorded:
        """Send these, and a little of what waits in the spool before them; wait for all; spool what was not acknowledged.

        Args:
            messages: what is to be recorded, in the order of happening.
            cancelled: asked while an answer is waited for; True ends the wait.

        Raises:
            SettingError: librdkafka does not accept the configured properties.
            SpoolError: nobody took them and the spool cannot either: they are not recorded.
        """
        notes: list[str] = []
        with ExitStack() as stack:
            waiting = self._waiting(stack, notes)
            self._send(waiting)
            self.begin(messages)
            undelivered = self._settle(cancelled)
            self._forget(waiting, undelivered, notes)
        spooled_before = {id(entry.message) for entry in waiting}
        left = [one for one in undelivered if id(one.message) not in spooled_before]
        if not left:
            return Recorded(self._count, 0, notes=tuple(notes))
        try:
            self.spool.add(*(one.message for one in left))
        except SpoolError as exc:
            raise SpoolError(f"neither delivered ({left[0].reason}) nor spooled ({exc})") from exc
        problem = f"{left[0].reason}; kept in {self.spool.folder}, `pipetrail flush` delivers it"
        return Recorded(self._count - len(left), len(left), problem, tuple(notes))

    def flush(self, *, cancelled: Callable[[], bool] = _never) -> Flushed:
        """Deliver what is spooled, oldest first, until all is delivered or nothing of a batch is taken any more.

        Args:
            cancelled: asked while an answer is waited for; True ends the work after what is confirmed was removed.

        Raises:
            SettingError: neither broker nor collector is configured, or librdkafka does not accept the configured properties.
            SpoolError: the spool cannot be read or written.
        """
        result = Flushed(damaged=tuple(self.spool.recover()))
        paths = self.spool.paths()
        if not paths:
            return result
        if self._delivery is None:
            needed = f"or {COLLECTOR_VARIABLE} is needed to deliver the {len(paths)} spooled events"
            raise SettingError("PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS", needed)
        with self.spool.delivering(wait_s=_FLUSH_LOCK_WAIT_S) as alone:
            if alone:
                self._deliver_spooled(self.spool.paths(), result, cancelled)
            else:
                result.problem = "another process is delivering the spool"
        result.left = len(self.spool.paths())
        return result

    def _deliver_spooled(self, paths: Sequence[Path], result: Flushed, cancelled: Callable[[], bool]) -> None:
        for start in range(0, len(paths), _FLUSH_BATCH):
            found = [self.spool.read(path) for path in paths[start : start + _FLUSH_BATCH]]
            result.damaged += tuple(one for one in found if isinstance(one, Damaged))
            entries = [one for one in found if isinstance(one, Entry)]
            self._send(entries)
            undelivered = self._settle(cancelled)
            done = _delivered(entries, undelivered)
            self.spool.remove(done)
            result.delivered += len(done)
            if undelivered:
                result.problem = undelivered[0].reason
            if cancelled() or (entries and not done):
                return

    def _send(self, entries: Iterable[Entry]) -> None:
        if self._delivery is not None:
            for entry in entries:
                self._delivery.send(entry.message)

    def _settle(self, cancelled: Callable[[], bool]) -> list[Undelivered]:
        unsent, self._unsent = self._unsent, []
        if self._delivery is None:
            return [Undelivered(message, NOWHERE) for message in unsent]
        return self._delivery.settle(self._timeout_s, cancelled=cancelled)

    def _waiting(self, stack: ExitStack, notes: list[str]) -> list[Entry]:
        """The oldest of what waits, ours alone until `stack` ends. A spool that cannot be read does not hold up new events."""
        if self._delivery is None:
            return []
        try:
            paths = self.spool.paths()[:SIDE_LOAD]
            if not paths or not stack.enter_context(self.spool.delivering(wait_s=0)):
                return []
            found = [self.spool.read(path) for path in paths]
        except SpoolError as exc:
            notes.append(str(exc))
            return []
        notes += [f"a damaged record was set aside: {one.path}: {one.reason}" for one in found if isinstance(one, Damaged)]
        return [one for one in found if isinstance(one, Entry)]

    def _forget(self, waiting: Sequence[Entry], undelivered: Sequence[Undelivered], notes: list[str]) -> None:
        try:
            self.spool.remove(_delivered(waiting, undelivered))
        except SpoolError as exc:
            notes.append(str(exc))


def _delivered(entries: Sequence[Entry], undelivered: Sequence[Undelivered]) -> list[Entry]:
    left = {id(one.message) for one in undelivered}
    return [entry for entry in entries if id(entry.message) not in left]


def _has_place(event: Mapping[str, Any]) -> bool:
    return check.lookup(event, "data.pipetrail.delivery") is not None


def _numbered(event: Mapping[str, Any], place: stream.Place | None) -> Mapping[str, Any]:
    if place is None:
        return event
    data = event["data"]
    delivery = {"id": place.stream, "sequence": place.sequence}
    return {**event, "data": {**data, "pipetrail": {**(data.get("pipetrail") or {}), "delivery": delivery}}}
