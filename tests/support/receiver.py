"""A real HTTP receiver on this machine, which keeps what it got and answers as it is told."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any, cast

import orjson


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came: `connection` counts connections, `time` is seconds since 1970."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    time: float

    @property
    def json(self) -> Any:
        """The body."""
        return orjson.loads(self.body)


class Receiver:
    """Listens on a free port. `answers` are given one after the other, then 204; `down` cuts every connection without one."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: deque[tuple[int, dict[str, str], bytes]] = deque()
        self.down = False
        self.connections = 0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        cast("Any", self._server).receiver = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is none of the receiver's business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A client that keeps its connection open must not keep a thread for ever.
    timeout = 120
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.receiver: Receiver = cast("Any", self.server).receiver
        self.receiver.connections += 1
        self.number = self.receiver.connections

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.receiver.down or len(body) < int(self.headers["Content-Length"]):  # the sender was killed halfway
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.requests.append(Request(self.path, headers, body, self.number, time()))
        status, more, answer = self.receiver.answers.popleft() if self.receiver.answers else (204, {}, b"")
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        try:
            self.wfile.write(answer)
        except ConnectionError:  # the client has enough
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as in the class above
        """Nothing is logged."""
