"""Where webhooks and events come in: proven, freed of secrets, stored, and only then answered."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Mapping
from time import perf_counter, time
from typing import TypeVar

import orjson
import structlog
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.times import now
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipetrail_producers.collector import body as bodies
from pipetrail_producers.collector import entry as entries
from pipetrail_producers.collector.entry import Entry
from pipetrail_producers.collector.errors import KeysUnavailableError, RefusedTokenError, StoreError
from pipetrail_producers.collector.making import delivery_id
from pipetrail_producers.collector.masking import QuickRedactor, kept_headers, masked, unwrapped
from pipetrail_producers.collector.metrics import Metrics
from pipetrail_producers.collector.posted import BATCH, Posted, UnsupportedError, events_of
from pipetrail_producers.collector.problem import Refusal
from pipetrail_producers.collector.recent import Recent, Seen
from pipetrail_producers.collector.senders import UNAUTHENTICATED, Sender, Senders
from pipetrail_producers.collector.settings import CollectSettings
from pipetrail_producers.collector.sources import Source, Sources
from pipetrail_producers.collector.store import Store
from pipetrail_producers.webhook.signature import UnprovenError, prove

_ACCEPTED, _BAD_REQUEST, _UNAUTHORIZED, _NOT_FOUND, _UNSUPPORTED, _UNAVAILABLE = 202, 400, 401, 404, 415, 503
# When to come again, seconds: a store that is full is emptied as soon as Kafka is back.
_RETRY_AFTER = {"retry-after": "5"}
# Where looking at a body takes a millisecond or more.
_LARGE_BYTES = 64 * 1024
# Requests at once, each of which holds its body in memory; more are told to come again before anything of them is read.
_MAX_BUSY = 1000
# More is not told of a request's events; the dead letters say it all.
_MAX_TOLD = 20
_JSON = "application/json"

_Result = TypeVar("_Result")

_log = structlog.get_logger("pipetrail.collect")


class Doors:
    """The two doors. For one event loop."""

    def __init__(
        self,
        settings: CollectSettings,
        sources: Sources,
        *,
        store: Store,
        senders: Senders,
        redactor: QuickRedactor,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._sources = sources
        self._store = store
        self._senders = senders
        self._redactor = redactor
        self._metrics = metrics
        self._busy = 0
        self._recent = Recent()
        self._refused = Recent(10_000)

    async def hook(self, request: Request) -> Response:
        """POST /hooks/…: a webhook."""
        source = self._sources.hooks.get(request.url.path)
        if source is None:
            raise Refusal(_NOT_FOUND, "no source of the settings has this path")
        return await self._counted("hook", source.name, self._take_delivery(request, source))

    async def events(self, request: Request) -> Response:
        """POST /v1/events: events of agents."""
        return await self._counted("events", "agents", self._take_events(request))

    async def _counted(self, door: str, source: str, taking: Coroutine[None, None, Response]) -> Response:
        began = perf_counter()
        status = 500
        self._busy += 1
        try:
            if self._busy > _MAX_BUSY:
                taking.close()
                raise Refusal(_UNAVAILABLE, f"{_MAX_BUSY} requests are being answered", headers=_RETRY_AFTER)
            response = await taking
            status = response.status_code
        except HTTPException as exc:
            status = exc.status_code
            raise
        finally:
            self._busy -= 1
            self._metrics.answered(door, source, status, perf_counter() - began)
        return response

    async def _take_delivery(self, request: Request, source: Source) -> Response:
        headers = _headers(request)
        body = await self._body(request, headers)
        authtype = UNAUTHENTICATED
        if not source.unsigned:
            try:
                authtype = prove(source.scheme, headers, body, source.secrets, time())
            except UnprovenError as exc:
                _log.warning("unproven", path=request.url.path, error=str(exc))
                raise Refusal(_UNAUTHORIZED, str(exc), headers={"www-authenticate": "Bearer"}) from exc
        sha256 = hashlib.sha256(body).hexdigest()
        self._note(source, headers, sha256)
        inner = unwrapped(body, headers.get("content-type", ""))
        kept = kept_headers(headers, source.headers, self._redactor)
        if inner is not body:
            kept["content-type"] = _JSON
        await self._keep(
            Entry(
                door="hook",
                path=request.url.path,
                source=source.name,
                system=source.system,
                received=now(),
                authtype=authtype,
                authid=source.name,
                sha256=sha256,
                headers=kept,
                body=inner,
            )
        )
        return Response(b'{"status":"stored"}', _ACCEPTED, media_type=_JSON)

    async def _body(self, request: Request, headers: Mapping[str, str]) -> bytes:
        return await bodies.read(request, headers, most=self._settings.body_bytes, timeout_s=self._settings.body_timeout_s)

    def _note(self, source: Source, headers: Mapping[str, str], sha256: str) -> None:
        identity = delivery_id(headers)
        seen = Seen.NEW if identity is None else self._recent.note(source.name, identity, sha256)
        self._metrics.seen.labels(source.name, seen).inc()
        if seen is Seen.ALTERED:
            _log.warning("a delivery id came with another body", source=source.name)

    async def _take_events(self, request: Request) -> Response:
        headers = _headers(request)
        body = await self._body(request, headers)
        sha256 = hashlib.sha256(body).hexdigest()
        sender = await self._sender(request, sha256)
        received = now()
        posted: list[Posted] = []
        problem: list[dict[str, object]] = []
        try:
            posted = await _apart(body, lambda: events_of(headers, body, received))
        except UnsupportedError as exc:
            raise Refusal(_UNSUPPORTED, str(exc)) from exc
        except InvalidEventError as exc:
            problem = [_told(0, exc.problems)]
        refused = [_told(index, one.problems) for index, one in enumerate(posted) if one.problems]
        kept = kept_headers(headers, frozenset(), self._redactor)
        content = self._wanted(body, posted, kept) if refused else body
        if problem and self._refused.note("body", sha256, sha256) is not Seen.NEW:
            content = b""
        if content:
            await self._keep(_entry(request, sender, sha256, kept, content))
        problem += refused
        if problem:
            taken = len(posted) - len(refused)
            detail = f"{len(problem)} refused, {taken} taken; what was refused is kept as a dead letter, send none of it again"
            raise Refusal(_BAD_REQUEST, detail, accepted=taken, refused=problem[:_MAX_TOLD])
        return Response(orjson.dumps({"accepted": len(posted)}), _ACCEPTED, media_type=_JSON)

    def _wanted(self, body: bytes, posted: list[Posted], headers: dict[str, str]) -> bytes:
        """The part of a request that is to be kept: what is valid, and what is refused for the first time."""
        fresh = [one for one in posted if not one.problems or self._is_fresh(one)]
        if len(fresh) == len(posted):
            return body
        if not fresh:
            return b""
        headers["content-type"] = BATCH
        return orjson.dumps([one.content for one in fresh])

    def _is_fresh(self, one: Posted) -> bool:
        digest = hashlib.sha256(orjson.dumps(one.content)).hexdigest()
        return self._refused.note("event", digest, digest) is Seen.NEW

    async def _sender(self, request: Request, sha256: str) -> Sender:
        try:
            return await self._senders.sender(request.headers.get("authorization", ""), sha256)
        except RefusedTokenError as exc:
            _log.warning("unproven", path=request.url.path, error=str(exc))
            raise Refusal(_UNAUTHORIZED, str(exc), headers={"www-authenticate": "Bearer"}) from exc
        except (KeysUnavailableError, StoreError) as exc:
            _log.error("a job's token cannot be judged", error=str(exc))
            raise Refusal(_UNAVAILABLE, str(exc), headers=_RETRY_AFTER) from exc

    async def _keep(self, entry: Entry) -> None:
        """Take the secrets out, and store."""
        body = entry.body
        clean = await _apart(entry.body, lambda: masked(body, self._redactor))
        if clean != entry.body:
            self._metrics.masked.labels(entry.source).inc()
            entry = entries.with_body(entry, clean)
        try:
            await self._store.append(entries.encode(entry))
        except StoreError as exc:
            _log.error("not stored", path=entry.path, error=str(exc))
            raise Refusal(_UNAVAILABLE, str(exc), headers=_RETRY_AFTER) from exc


def _headers(request: Request) -> dict[str, str]:
    """The headers as a plain mapping: looking one up in Starlette's own means to look through all of them."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}


async def _apart(body: bytes, work: Callable[[], _Result]) -> _Result:
    """Do work on a body: in a thread where it is large, so that it does not hold up others."""
    return await asyncio.to_thread(work) if len(body) > _LARGE_BYTES else work()


def _entry(request: Request, sender: Sender, sha256: str, headers: Mapping[str, str], content: bytes) -> Entry:
    return Entry(
        door="events",
        path=request.url.path,
        source=sender.source,
        system="",
        received=now(),
        authtype=sender.authtype,
        authid=sender.authid,
        sha256=sha256,
        headers=headers,
        claims=sender.claims,
        body=content,
    )


def _told(index: int, problems: tuple[tuple[str, str], ...] | list[tuple[str, str]]) -> dict[str, object]:
    return {"index": index, "problems": [{"field": field, "problem": problem} for field, problem in problems[:_MAX_TOLD]]}
