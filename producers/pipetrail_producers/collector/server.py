"""Listens, until told to stop: uvicorn with uvloop and httptools, one process, no log line for each request."""

import signal
import ssl
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from pipetrail_schemas.errors import SettingError
from starlette.applications import Starlette

from pipetrail_producers.collector.settings import CollectSettings

# What is being answered at SIGTERM may take so long; the delivering process's own end (`delivering.STOP_S`) comes on top.
_GRACE_S = 1
# Connections that the system holds for us while we are busy.
_BACKLOG = 2048


# How long one thread may keep the interpreter's lock from others, seconds (5 ms by default). The store's thread needs it after
# each write and each sync, while everybody who is to be answered waits.
_SWITCH_S = 0.0005


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[int], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready(self.servers[0].sockets[0].getsockname()[1])


def serve(app: Starlette, settings: CollectSettings, *, ready: Callable[[int], None]) -> None:
    """Listen until SIGTERM or SIGINT; blocks. `ready` is called with the port once connections are taken.

    Raises:
        SettingError: the address cannot be listened on, or a certificate cannot be used.
    """
    sys.setswitchinterval(_SWITCH_S)
    # uvicorn raises the signal that ended it once more when all is done: to be told to stop is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    try:
        made(app, settings, ready=ready).run()
    except SystemExit as exc:
        # How uvicorn ends when it cannot listen; or the application could not start, which has said why.
        raise SettingError("PIPETRAIL_COLLECT_PORT", f"{settings.host}:{settings.port} cannot be listened on") from exc


def made(app: Starlette, settings: CollectSettings, *, ready: Callable[[int], None]) -> uvicorn.Server:
    """The server, which runs when its `run` is called, until its `should_exit` is set or a signal comes.

    Raises:
        SettingError: a certificate cannot be used.
    """
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        ssl_ca_certs=None if settings.tls_client_ca is None else str(settings.tls_client_ca),
        ssl_cert_reqs=ssl.CERT_NONE if settings.tls_client_ca is None else ssl.CERT_REQUIRED,
    )
    try:
        config.load()
    except OSError as exc:  # which ssl.SSLError is, too
        raise SettingError("PIPETRAIL_COLLECT_TLS_CERTIFICATE", f"and _TLS_KEY, _TLS_CLIENT_CA cannot be used: {exc}") from exc
    return _Server(config, ready)
