"""A fake OpenSearch for the answers that the real one does not give on demand: busy, torn, late, refusing.

It keeps documents as the real one does (create, external_gte, 409) and answers `_bulk` and `_mget`; a fault that is queued
spoils the next bulk request. Everything that the real one can be brought to do is tested on the real one.
"""

import json
import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from pipetrail_schemas.connection import OpenSearchConnection

# Seconds that a late answer takes; a test's client waits for less.
LATE_S = 0.6


@dataclass(frozen=True, slots=True)
class Fault:
    """How the next bulk request goes wrong.

    `kind`: `request` (the whole request gets `status`), `items` (every `every`-th item gets `status`), `half` (all is written,
    the answer is torn), `late` (all is written, the answer comes too late), `not_json`, `too_few` (one item is missing).
    """

    kind: str
    status: int = 200
    error_type: str = "made_up_exception"
    every: int = 1


class FakeOpenSearch:
    """Serves on a free port of 127.0.0.1 while the context is open."""

    def __init__(self, *, largest: int = 10**9) -> None:
        """`largest`: bytes of a request over which the answer is 413."""
        self.documents: dict[tuple[str, str], dict[str, Any]] = {}
        self.versions: dict[tuple[str, str], int] = {}
        self.faults: deque[Fault] = deque()
        self.requests: list[str] = []
        self.largest = largest
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def connection(self) -> OpenSearchConnection:
        """Where it is."""
        return OpenSearchConnection(f"http://127.0.0.1:{self._server.server_port}")

    def bulk(self, body: bytes, fault: Fault | None) -> list[dict[str, Any]]:
        """Carry out a bulk request; the items of its answer."""
        lines = body.split(b"\n")[:-1]
        items = []
        for number, (action, source) in enumerate(zip(lines[::2], lines[1::2], strict=True)):
            ((operation, place),) = json.loads(action).items()
            if fault and fault.kind == "items" and number % fault.every == 0:
                error = {"type": fault.error_type, "reason": "as told"}
                items.append({operation: {"status": fault.status, "error": error}})
            else:
                with self._lock:
                    items.append({operation: {"status": self._store(operation, place, json.loads(source))}})
        return items

    def _store(self, operation: str, place: dict[str, Any], source: dict[str, Any]) -> int:
        key = (place["_index"], place["_id"])
        if operation == "create":
            if key in self.documents:
                return 409
        elif place["version"] < self.versions.get(key, 0):
            return 409
        self.versions[key] = place.get("version", 1)
        self.documents[key] = source
        return 201

    def fetch(self, body: bytes) -> list[dict[str, Any]]:
        """Carry out an `_mget`."""
        found = []
        for one in json.loads(body)["docs"]:
            source = self.documents.get((one["_index"], one["_id"]))
            found.append({"found": source is not None, "_source": source})
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fake: FakeOpenSearch) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in one segment; two meet Nagle's algorithm and delayed acknowledgement, 40 ms a request.
    wbufsize = -1
    server: _Server

    def do_POST(self) -> None:
        fake = self.server.fake
        body = self.rfile.read(int(self.headers["content-length"]))
        path = self.path.partition("?")[0]
        fake.requests.append(path)
        if path == "/_mget":
            self._answer(200, {"docs": fake.fetch(body)})
        elif len(body) > fake.largest:
            self._answer(413, {"error": {"type": "too_large", "reason": "as told"}})
        else:
            self._bulk(body, fake.faults.popleft() if fake.faults else None)

    def _bulk(self, body: bytes, fault: Fault | None) -> None:
        if fault and fault.kind == "request":
            self._answer(fault.status, {"error": {"type": fault.error_type, "reason": "as told"}})
            return
        items = self.server.fake.bulk(body, fault)
        if fault and fault.kind == "late":
            self.server.fake.closing.wait(LATE_S)
        if fault and fault.kind == "too_few":
            items.pop()
        self._answer(200, {"items": items}, fault.kind if fault else "")

    def _answer(self, status: int, content: object, fault: str = "") -> None:
        payload = b"<html>busy</html>" if fault == "not_json" else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.close_connection = fault == "half"
        try:
            self.wfile.write(payload[: len(payload) // 2] if fault == "half" else payload)
            self.wfile.flush()
        except OSError:
            # The client did not wait for a late answer.
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Quiet."""
