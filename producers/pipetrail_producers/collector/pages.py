"""What the collector tells of itself: /healthz, /readyz, /metrics, /openapi.json."""

import os
from time import time

import orjson
from starlette.requests import Request
from starlette.responses import Response

from pipetrail_producers.collector.backlog import read_place, waiting_bytes
from pipetrail_producers.collector.delivering import Delivering
from pipetrail_producers.collector.metrics import Metrics
from pipetrail_producers.collector.openapi import document
from pipetrail_producers.collector.sources import Sources
from pipetrail_producers.collector.store import SEGMENT_BYTES, Store

_OK, _UNAVAILABLE = 200, 503
# What most deliveries fit into: with less room than that, the store is full, though a short one may still be taken.
_ROOM_BYTES = 64 * 1024
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Pages:
    """The pages. For one event loop."""

    def __init__(self, sources: Sources, store: Store, delivering: Delivering, metrics: Metrics) -> None:
        self._store = store
        self._delivering = delivering
        self._metrics = metrics
        self._openapi = orjson.dumps(document(sources))

    async def healthz(self, request: Request) -> Response:
        """200 when a delivery could be stored now, else 503; with how far Kafka is behind."""
        del request
        self.measure()
        problem = self._problem()
        told = {
            "ready": not problem,
            "problem": problem,
            "store": {"bytes": self._store.used, "limit": self._store.max_bytes},
            "delivery": {
                "running": self._delivering.alive,
                "waiting_bytes": int(self._metrics.waiting_bytes._value.get()),  # noqa: SLF001 - prometheus-client has no reader
                "waiting_seconds": self._waiting_seconds(),
                "problem": self._delivering.kafka_problem,
            },
        }
        return Response(orjson.dumps(told), _UNAVAILABLE if problem else _OK, media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        """Prometheus' page."""
        del request
        self.measure()
        return Response(self._metrics.page(), media_type=_PROMETHEUS)

    async def openapi(self, request: Request) -> Response:
        """What can be asked of the collector."""
        del request
        return Response(self._openapi, media_type="application/json")

    def measure(self) -> None:
        """Look at the store."""
        self._store.measure()
        self._metrics.store_bytes.set(self._store.used)
        self._metrics.store_limit.set(self._store.max_bytes)
        self._metrics.waiting_bytes.set(waiting_bytes(self._store.folder, read_place(self._store.folder)))
        self._metrics.waiting_seconds.set(self._waiting_seconds())

    def _waiting_seconds(self) -> float:
        oldest = self._delivering.oldest_ms
        return 0.0 if oldest is None else max(0.0, round(time() - oldest / 1000, 3))

    def _problem(self) -> str:
        if self._store.problem:
            return self._store.problem
        if self._store.used + _ROOM_BYTES > self._store.max_bytes:
            return f"the store is full: {self._store.used} of {self._store.max_bytes} bytes"
        free = os.statvfs(self._store.folder)
        left = free.f_bavail * free.f_frsize
        return f"{left} bytes are free on the disk of the store" if left < SEGMENT_BYTES else ""
