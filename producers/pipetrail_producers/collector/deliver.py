"""The process that brings what the store holds to Kafka: `python -m pipetrail_producers.collector.deliver`.

`pipetrail collect` starts it beside itself and again when it dies, so that translating and sending neither hold up answers nor
can take them down. It reads the store, makes events of the entries, waits until Kafka has them, and only then lets them go. It
ends when its standard input is closed, as it is when the collector ends, however that came about. How it goes is told on
standard output, a JSON object a line; logs go to standard error.
"""

import os
import select
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import orjson
import structlog
from pipetrail_schemas import connection
from pipetrail_schemas.errors import PipetrailError
from pipetrail_schemas.service import log
from pipetrail_schemas.times import now
from pipetrail_schemas.topics import DEAD_LETTERS

from pipetrail_producers.collector import entry as entries
from pipetrail_producers.collector import gaps, places
from pipetrail_producers.collector.backlog import Backlog, Item, write_whole
from pipetrail_producers.collector.errors import StoreError, StoreFullError
from pipetrail_producers.collector.making import DEAD, EVENT, Made, dead_letter, make
from pipetrail_producers.collector.publisher import Publisher
from pipetrail_producers.collector.settings import CollectSettings
from pipetrail_producers.collector.sources import Sources, load
from pipetrail_producers.collector.store import FOLDER_MODE, owned
from pipetrail_producers.message import Message, message_of
from pipetrail_producers.redact import Redactor
from pipetrail_producers.webhook import fact as facts

# What is made and sent at once: large enough that waiting for Kafka costs little, small enough that little comes again.
_ENTRIES, _BYTES = 500, 8 * 1024 * 1024
# How soon a new entry is noticed while there is nothing to do.
_POLL_S = 0.05
# How often gaps are looked for, and how often it is told how it goes.
_GAPS_S, _TELL_S = 1.0, 0.5
# Answers are more urgent than what comes after them.
_NICE = 15
_LOCK = ".delivering"
_REFUSED = "refused"
_GAPS = "gaps.json"

_log = structlog.get_logger("pipetrail.collect")


class Deliverer:
    """Delivers one store. For one thread."""

    def __init__(
        self,
        folder: Path,
        sources: Sources,
        publisher: Publisher,
        redactor: Redactor,
        *,
        gap_wait_s: float,
        max_bytes: int,
    ) -> None:
        """`max_bytes` bounds what is kept of bodies that no message can carry; `gap_wait_s` is how long numbers may be late."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._sources = sources
        self._publisher = publisher
        self._redactor = redactor
        self._gap_wait_s = gap_wait_s
        self._backlog = Backlog(folder)
        self._gaps = _read_gaps(folder)
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._oldest_ms: int | None = None
        self._looked = self._told = float("-inf")
        self.stopping = threading.Event()

    def run(self) -> None:
        """Deliver until `stopping` is set.

        Raises:
            StoreError: the store cannot be read or written.
            CollectorError: the producer is broken.
        """
        while not self.stopping.is_set():
            items = self._backlog.read(_ENTRIES, _BYTES)
            if items and not self._deliver(items):
                break
            self._warn_of_damage()
            self._tell_gaps()
            self._tell(at_once=False)
            if not items:
                self._oldest_ms = None
                self.stopping.wait(_POLL_S)
        self._tell(at_once=True)

    def _deliver(self, items: Sequence[Item]) -> bool:
        """Bring entries to Kafka; False when stopped before it had them all."""
        found = [(item, entries.decode(item.content)) for item in items]
        self._oldest_ms = int(found[0][1].received.timestamp() * 1000)
        self._tell(at_once=False)
        made: list[tuple[entries.Entry, Made]] = []
        messages: list[Message] = []
        origin: dict[int, tuple[entries.Entry, int]] = {}
        for item, entry in found:
            one = make(entry, item.at.position, self._sources.by_name.get(entry.source), self._redactor)
            self._keep(one)
            made.append((entry, one))
            messages += one.messages
            origin |= {id(message): (entry, item.at.position) for message in one.messages}
        refused = self._publisher.publish(messages, stopped=self.stopping.is_set)
        if refused is None or not self._bury(refused, origin):
            return False
        for entry, one in made:
            for stream, number in one.numbers:
                self._gaps.observe(stream, number, entry.received)
            self._count(entry, one)
        self._done()
        return True

    def _bury(self, refused: Sequence[Message], origin: dict[int, tuple[entries.Entry, int]]) -> bool:
        """What Kafka refuses for its size goes to a file, and a dead letter says which."""
        for message in refused:
            entry, position = origin[id(message)]
            _log.error("kafka refuses a message for its size", topic=message.topic, bytes=len(message.value), path=entry.path)
            self._write_refused(entry.sha256, message.value)
            note = orjson.dumps({"not_sent": {"bytes": len(message.value), "sha256": entry.sha256}})
            letter = dead_letter(entry, position, note, f"{message.topic} refuses it for its size", "MessageTooLarge")
            if self._publisher.publish([letter], stopped=self.stopping.is_set) is None:
                return False
        return True

    def _keep(self, one: Made) -> None:
        for name, body in (one.kept or {}).items():
            self._write_refused(name, body)

    def _write_refused(self, name: str, body: bytes) -> None:
        folder = self._folder / _REFUSED
        try:
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
            if (folder / name).exists():
                return
            used = sum(entry.stat().st_size for entry in os.scandir(folder))
            if used + len(body) > self._max_bytes:
                raise StoreFullError(f"{folder} is full: {used} of {self._max_bytes} bytes (PIPETRAIL_COLLECT_STORE_BYTES)")
            write_whole(folder / name, body)
        except OSError as exc:
            raise StoreError(f"cannot write {folder}: {exc.strerror or exc}") from exc

    def _done(self) -> None:
        # Gaps first: numbers that are noted twice are harmless, and one that is not noted looks like a gap.
        if self._gaps.changed:
            try:
                write_whole(self._folder / _GAPS, orjson.dumps(self._gaps.state()))
            except OSError as exc:
                raise StoreError(f"cannot write {self._folder / _GAPS}: {exc.strerror or exc}") from exc
            self._gaps.changed = False
        self._backlog.done()

    def _tell_gaps(self) -> None:
        if time.monotonic() - self._looked < _GAPS_S:
            return
        self._looked = time.monotonic()
        moment = now()
        due, filled = list(self._gaps.due(gaps.ripe(moment, self._gap_wait_s))), list(self._gaps.filled())
        if not (due or filled):
            return
        found = [*(gaps.gap_fact(*one) for one in due), *(gaps.gap_fact(*one) for one in filled)]
        messages = [message_of(facts.event(one, recorded=moment, redactor=self._redactor)) for one in found]
        if self._publisher.publish(messages, stopped=self.stopping.is_set) is not None:
            for stream, missing in due:
                _log.warning("events of an agent are missing", stream=stream, first=missing.first, last=missing.last)
                self._gaps.told(stream, missing)
            for stream, missing, _ in filled:
                _log.info("events of an agent came late", stream=stream, first=missing.first, last=missing.last)
            self._gaps.forget_filled()
            self._done()

    def _warn_of_damage(self) -> None:
        while self._backlog.damaged:
            _log.error("damage in the store was set aside", file=str(self._backlog.damaged.pop()))

    def _count(self, entry: entries.Entry, one: Made) -> None:
        system = entry.system or "events"
        self._counts[(system, one.kind, one.outcome)] += 1
        if one.outcome == DEAD:
            error = next(dict(message.headers)["error"] for message in one.messages if message.topic == DEAD_LETTERS.name)
            _log.warning("refused", path=entry.path, kind=one.kind, error=error.decode("utf-8", "replace"))
        elif one.outcome == EVENT:
            self._counts[(system, one.kind, "events")] += len(one.messages)

    def _tell(self, *, at_once: bool) -> None:
        if not at_once and time.monotonic() - self._told < _TELL_S:
            return
        self._told = time.monotonic()
        line = {
            "counts": [[*key, count] for key, count in self._counts.items()],
            "oldest_ms": self._oldest_ms,
            "kafka": self._publisher.problem,
        }
        self._counts.clear()
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        sys.stdout.buffer.flush()


def _read_gaps(folder: Path) -> gaps.Gaps:
    path = folder / _GAPS
    try:
        return gaps.Gaps.of(orjson.loads(path.read_bytes())) if path.exists() else gaps.Gaps()
    except (OSError, ValueError, TypeError) as exc:
        _log.error("what is known of agents' numbers is lost: gaps before now are not seen", file=str(path), error=str(exc))
        return gaps.Gaps()


def _watch(deliverer: Deliverer) -> None:
    """Stop when standard input ends: the collector has ended."""
    while not deliverer.stopping.is_set():
        ready, _, _ = select.select([sys.stdin], [], [], 0.5)
        if ready and not os.read(sys.stdin.fileno(), 4096):
            deliverer.stopping.set()


def main() -> int:
    """Deliver until told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both processes; the collector says when to stop
    os.nice(_NICE)
    settings = CollectSettings.load()
    log.configure(settings.log_level, settings.log_format)
    home = connection.load()
    folder = places.folder(home.home, settings.store)
    sources = load(settings.sources, os.environ)
    redactor = places.redactor(folder, sources.secrets, os.environ)
    publisher = Publisher(home.require_kafka())
    try:
        with owned(folder, name=_LOCK):
            deliverer = Deliverer(
                folder, sources, publisher, redactor, gap_wait_s=settings.gap_wait_s, max_bytes=settings.store_bytes
            )
            signal.signal(signal.SIGTERM, lambda *_: deliverer.stopping.set())
            threading.Thread(target=_watch, args=(deliverer,), daemon=True).start()
            deliverer.run()
    except PipetrailError as exc:
        _log.error("delivery ends", error=str(exc))
        return exc.exit_code
    finally:
        publisher.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
