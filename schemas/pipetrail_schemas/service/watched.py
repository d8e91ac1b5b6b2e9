"""A program under watch: its pages are served and the systems that it needs are asked, as long as it runs."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from pipetrail_schemas.service.figures import Figures
from pipetrail_schemas.service.health import Health
from pipetrail_schemas.service.pages import Pages
from pipetrail_schemas.service.settings import WatchedSettings

# Seconds between two looks. A scrape every 15 s finds a figure that is fresh; a look costs Kafka two small requests.
LOOK_EVERY_S = 2.0

_log = structlog.get_logger("pipetrail.watch")


@dataclass(frozen=True, slots=True)
class Watch:
    """What there is to watch of a program.

    Attributes:
        health: whether it is alive and ready.
        figures: what it counts.
        asks: by system, a function that asks it and raises when there is no answer.
        looks: what else is to be looked at from time to time.
    """

    health: Health
    figures: Figures
    asks: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    looks: tuple[Callable[[], None], ...] = ()


@contextmanager
def watched(watch: Watch, settings: WatchedSettings, *, usual_port: int, every_s: float = LOOK_EVERY_S) -> Iterator[Pages]:
    """Serve the pages and ask the systems during the block.

    Raises:
        SettingError: the pages' address cannot be listened on.
    """
    watch.figures.gauge(
        "ready", "Whether the program does its work now: what /readyz tells", lambda: not watch.health.not_ready()
    )
    done = threading.Event()
    asking = threading.Thread(target=_ask, args=(watch, done, every_s), name="watch", daemon=True)
    setting = f"{settings.model_config.get('env_prefix', '')}PORT"
    registry = watch.figures.registry
    with Pages(watch.health, registry, host=settings.host, port=settings.port, usual_port=usual_port, setting=setting) as pages:
        _log.info("pages", address=pages.address)
        asking.start()
        try:
            yield pages
        finally:
            # Nobody waits for an answer that a stop makes useless: the thread ends with the process.
            done.set()


def _ask(watch: Watch, done: threading.Event, every_s: float) -> None:
    while not done.is_set():
        for system, ask in watch.asks.items():
            try:
                ask()
            except Exception as exc:  # noqa: BLE001 - whatever went wrong, the system has not answered
                watch.health.failed(system, str(exc) or type(exc).__name__)
            else:
                watch.health.answered(system)
        for look in watch.looks:
            look()
        done.wait(every_s)
