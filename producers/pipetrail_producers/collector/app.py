"""The ASGI application: its routes, and what lives as long as it does."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import time

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from pipetrail_producers.collector import places
from pipetrail_producers.collector.backlog import next_segment
from pipetrail_producers.collector.delivering import Delivering
from pipetrail_producers.collector.doors import Doors
from pipetrail_producers.collector.keys import Keys
from pipetrail_producers.collector.metrics import Metrics
from pipetrail_producers.collector.pages import Pages
from pipetrail_producers.collector.problem import answer
from pipetrail_producers.collector.senders import Senders
from pipetrail_producers.collector.settings import CollectSettings
from pipetrail_producers.collector.sources import Sources
from pipetrail_producers.collector.store import Store, owned
from pipetrail_producers.collector.used import UsedTokens

_log = structlog.get_logger("pipetrail.collect")


def build(
    settings: CollectSettings, sources: Sources, folder: Path, *, deliver: bool = True, env: Mapping[str, str] = os.environ
) -> Starlette:
    """The application.

    Args:
        settings: how it runs.
        sources: who may send what.
        folder: of the store; the application owns it while it runs.
        deliver: whether the delivering process runs beside it.
        env: where the key of the redaction may stand.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with owned(folder):
            redactor = places.redactor(folder, sources.secrets, env)
            metrics = Metrics()
            store = Store(folder, max_bytes=settings.store_bytes, first=next_segment(folder))
            senders = Senders(sources, UsedTokens(folder, now=time()), Keys())
            delivering = Delivering(metrics, told=store.measure)
            doors = Doors(settings, sources, store=store, senders=senders, redactor=redactor, metrics=metrics)
            pages = Pages(sources, store, delivering, metrics)
            app.router.routes[:] = _routes(doors, pages)
            if deliver:
                delivering.start()
            _log.info("ready", hooks=sorted(sources.hooks), store=str(folder))
            try:
                yield
            finally:
                await store.close()
                await delivering.stop()
                _log.info("stopped")

    return Starlette(lifespan=lifespan, exception_handlers={HTTPException: answer, Exception: answer})


def _routes(doors: Doors, pages: Pages) -> list[Route]:
    return [
        Route("/v1/events", doors.events, methods=["POST"]),
        Route("/hooks/{path:path}", doors.hook, methods=["POST"]),
        Route("/healthz", pages.healthz),
        Route("/readyz", pages.healthz),  # as the other programs have it
        Route("/metrics", pages.metrics),
        Route("/openapi.json", pages.openapi),
    ]
