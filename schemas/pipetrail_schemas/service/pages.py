"""The pages of a program that runs for long: /healthz, /readyz and /metrics, served by a thread of their own.

A thread, since the main loop may be what is stuck. The pages take nothing in, and hold nothing of any event.
"""

import json
import socket
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.service.health import Health

# Who asks for these pages sends a line and reads at once; who does not is let go.
_PATIENCE_S = 15.0
# Requests answered at once. A monitor or two ask, each now and then.
_MAX_BUSY = 16
_JSON = "application/json"


class Pages:
    """The pages, served while the block lasts."""

    def __init__(
        self, health: Health, registry: CollectorRegistry, *, host: str, port: int | None, usual_port: int, setting: str
    ) -> None:
        """Listen.

        Args:
            health: what /healthz and /readyz tell.
            registry: what /metrics shows.
            host: the address to listen on.
            port: where to listen; 0: a free one; None: the usual one, or a free one where that is taken.
            usual_port: where a program of this kind is looked for.
            setting: the variable that named the port, for errors.

        Raises:
            SettingError: the address cannot be listened on.
        """
        self._server = _listen(host, port, usual_port, setting)
        self._server.health, self._server.registry = health, registry
        self._thread = threading.Thread(target=self._server.serve_forever, name="pages", daemon=True)

    @property
    def address(self) -> str:
        """Where the pages are: `127.0.0.1:8490`."""
        host, port = self._server.server_address[:2]
        return f"[{host!s}]:{port}" if ":" in str(host) else f"{host!s}:{port}"

    @property
    def port(self) -> int:
        """The port that was taken."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    health: Health
    registry: CollectorRegistry

    def __init__(self, address: tuple[str, int]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._free = threading.BoundedSemaphore(_MAX_BUSY)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, or not at all when too many are being answered."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: who asked is gone."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _PATIENCE_S
    server: _Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self._tell("alive", self.server.health.not_alive())
        elif path == "/readyz":
            self._tell("ready", self.server.health.not_ready())
        elif path == "/metrics":
            self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self.server.registry))
        else:
            self._answer(HTTPStatus.NOT_FOUND, _JSON, b'{"pages": ["/healthz", "/readyz", "/metrics"]}\n')

    def do_HEAD(self) -> None:
        self.do_GET()

    def _tell(self, what: str, problems: Mapping[str, str]) -> None:
        status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
        self._answer(status, _JSON, json.dumps({what: not problems, "problems": problems}).encode() + b"\n")

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        return "pipetrail"

    def log_message(self, *_arguments: object) -> None:
        """Nothing: a line each time that a monitor looks helps nobody."""


def _listen(host: str, port: int | None, usual_port: int, setting: str) -> _Server:
    try:
        return _Server((host, usual_port if port is None else port))
    except OSError as exc:
        if port is None:
            return _listen(host, 0, usual_port, setting)
        raise SettingError(setting, f"{host}:{port} cannot be listened on: {exc.strerror or exc}") from exc
