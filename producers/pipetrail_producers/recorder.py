"""Gets messages onto Kafka, or into the spool: what every command ends with.

An event is recorded when Kafka acknowledged it, or when it is safely in the spool. Nothing else counts as success.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipetrail_schemas import connection
from pipetrail_schemas.errors import SettingError

from pipetrail_producers import settings as agent_settings
from pipetrail_producers.delivery import Delivery
from pipetrail_producers.message import Message
from pipetrail_producers.spool import Damaged, Entry, Spool

EXIT_DELIVERED = 0
EXIT_SPOOLED = 75  # EX_TEMPFAIL of sysexits.h
# How many spooled events a command delivers on the side, so that the first one after an outage does not take minutes.
SIDE_LOAD = 200
# `flush` sends this many at a time: librdkafka's queue holds them, and memory stays bounded.
_FLUSH_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of messages. `spooled` 0: all are on Kafka; `problem` says why the others are not, and where they are."""

    delivered: int
    spooled: int
    problem: str = ""

    @property
    def exit_code(self) -> int:
        """0 delivered, 75 spooled."""
        return EXIT_SPOOLED if self.spooled else EXIT_DELIVERED


@dataclass(slots=True)
class Flushed:
    """What became of the spool: counts of events, and the records that were set aside as damaged."""

    delivered: int = 0
    left: int = 0
    problem: str = ""
    damaged: tuple[Damaged, ...] = ()


class Recorder:
    """Delivers or spools. Reads its settings at once, connects when there is something to send.

    Raises:
        SettingError: a setting is malformed.
    """

    def __init__(self, env: Mapping[str, str], *, timeout_s: float | None = None) -> None:
        settings = agent_settings.load(env)
        kafka = connection.load(env).kafka
        self._timeout_s = timeout_s or settings.timeout_s
        self.spool = Spool(settings.spool, max_bytes=settings.spool_bytes)
        self._delivery = None if kafka is None else Delivery(kafka)
        self._unsent: list[Message] = []
        self._count = 0

    def begin(self, messages: Sequence[Message]) -> None:
        """Send in the background; `finish` says what became of them.

        Raises:
            SettingError: librdkafka does not accept the configured properties.
        """
        self._count += len(messages)
        if self._delivery is None:
            self._unsent += messages
        else:
            for message in messages:
                self._delivery.send(message)

    def finish(self, messages: Sequence[Message] = ()) -> Recorded:
        """Send these, wait for all, spool what was not acknowledged; afterwards deliver a little of what waits in the spool.

        Raises:
            SettingError: librdkafka does not accept the configured properties.
            SpoolError: Kafka did not take them and the spool cannot either: they are not recorded.
        """
        self.begin(messages)
        refused = self._delivery.settle(self._timeout_s) if self._delivery else []
        left = [*self._unsent, *(one.message for one in refused)]
        self._unsent = []
        if left:
            self.spool.add(*left)
            reason = refused[0].reason if refused else "no broker is configured (PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS)"
            problem = f"{reason}; kept in {self.spool.folder}, `pipetrail flush` delivers it"
            return Recorded(self._count - len(left), len(left), problem)
        if self.spool.paths():
            self.flush(limit=SIDE_LOAD)
        return Recorded(self._count, 0)

    def flush(self, *, limit: int | None = None) -> Flushed:
        """Deliver what is spooled, oldest first, until all is delivered or Kafka does not take it.

        Args:
            limit: how many at the most; None for all.

        Raises:
            SettingError: no broker is configured.
            SpoolError: the spool cannot be read.
        """
        result = Flushed(damaged=tuple(self.spool.recover()))
        paths = self.spool.paths()
        if not paths:
            return result
        if self._delivery is None:
            raise SettingError("PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS", f"is needed to deliver the {len(paths)} spooled events")
        with self.spool.delivering(wait_s=self._timeout_s if limit is None else 0.0) as alone:
            if alone:
                self._deliver_spooled(self._delivery, self.spool.paths()[:limit], result)
            else:
                result.problem = "another process is delivering the spool"
        result.left = len(self.spool.paths())
        return result

    def _deliver_spooled(self, delivery: Delivery, paths: Sequence[Path], result: Flushed) -> None:
        for start in range(0, len(paths), _FLUSH_BATCH):
            found = [self.spool.read(path) for path in paths[start : start + _FLUSH_BATCH]]
            result.damaged += tuple(one for one in found if isinstance(one, Damaged))
            entries = [one for one in found if isinstance(one, Entry)]
            for entry in entries:
                delivery.send(entry.message)
            refused = delivery.settle(self._timeout_s)
            given_up = {id(one.message) for one in refused}
            done = [entry for entry in entries if id(entry.message) not in given_up]
            self.spool.remove(done)
            result.delivered += len(done)
            if refused:
                result.problem = refused[0].reason
                return
