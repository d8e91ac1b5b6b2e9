"""A stand-in for a forge's REST API: a real HTTP server on this machine that answers what a test tells it to."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit


class Asked(NamedTuple):
    """One request: path, query, headers by lower-case names."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


class Reply(NamedTuple):
    """One answer; bytes go out as they are, everything else as JSON."""

    content: Any = None
    status: int = 200
    headers: Mapping[str, str] = {}


class StandIn:
    """The server while it runs: `url`, and what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []

    def paged(self, asked: Asked, members: list[Any], size: int, wrap: str = "", *, told: str = "") -> Reply:
        """A page of a list by its `page` parameter, with a `Link` header to the next, as GitHub and GitLab have it.

        `told`: "last" for a link to the last page, "pages" for X-Total-Pages; without, nobody knows how long the list is.
        """
        number = int(asked.query.get("page", "1"))
        part = members[(number - 1) * size : number * size]
        more = number * size < len(members)
        link = {"Link": f'<{self.url}{asked.path}?page={number + 1}>; rel="next"'} if more else {}
        pages = -(-len(members) // size)
        if told == "last" and more:
            link["Link"] += f', <{self.url}{asked.path}?page={pages}>; rel="last"'
        if told == "pages":
            link["X-Total-Pages"] = str(pages)
        return Reply({wrap: part} if wrap else part, headers=link)


@contextmanager
def stand_in(answer: Callable[[StandIn, Asked], Reply]) -> Iterator[StandIn]:
    """Run the server on a free port of the loopback interface; `answer` is called for every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            asked = Asked(parts.path, query, {name.lower(): value for name, value in self.headers.items()})
            server.asked.append(asked)
            reply = answer(server, asked)
            body = reply.content if isinstance(reply.content, bytes) else json.dumps(reply.content).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server = StandIn(f"http://127.0.0.1:{http.server_address[1]}")
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
