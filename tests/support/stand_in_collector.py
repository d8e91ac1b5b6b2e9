"""A stand-in for the collector: an HTTP server on this machine that keeps what is posted to it and answers as it is told.

It knows nothing of events. What the agent does with answers that a real collector gives seldom (503, a redirect, silence) is
tried on it.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, NamedTuple


class Posted(NamedTuple):
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        """The batch."""
        batch: list[dict[str, Any]] = json.loads(self.body)
        return batch


class Answer(NamedTuple):
    """What to answer with."""

    status: int = 202
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class StandIn:
    """The server's state: `answers` are given one by one, then 202; `refused` texts in a body are answered 400."""

    port: int = 0
    posted: list[Posted] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    refused: bytes | None = None
    silent: bool = False
    over: Event = field(default_factory=Event)
    token_value: Any = "job.token.value"  # no real one
    asked: list[Posted] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def taken(self) -> list[dict[str, Any]]:
        """The events of all requests, in the order in which they came."""
        return [event for request in self.posted for event in request.events]

    def answer_to(self, request: Posted) -> Answer:
        """What the next request is answered with."""
        if self.answers:
            return self.answers.pop(0)
        if self.refused is not None and self.refused in request.body:
            return Answer(400, b'{"error": "data.pipetrail.result: is required"}')
        self.posted.append(request)
        return Answer()


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """Run it on a free port until the end of the block."""
    state = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = Posted(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            if state.silent:
                state.over.wait()
                return
            answer = state.answer_to(request)
            self._answer(answer)

        def do_GET(self) -> None:
            """GitHub's service for job tokens."""
            state.asked.append(Posted(self.path, {name.lower(): value for name, value in self.headers.items()}, b""))
            self._answer(Answer(200, json.dumps({"value": state.token_value}).encode()))

        def _answer(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield state
        finally:
            state.over.set()
            server.shutdown()
            thread.join()
