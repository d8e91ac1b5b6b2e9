"""Sends one request after another to one address, and to no other: the network edge of every channel that speaks HTTP.

The host is looked up once for a connection; all that it leads to is checked, and the connection goes to what was checked, with
the certificate checked against the name. A connection is kept for the next request. Redirects are an answer like any other.
"""

import contextlib
import http.client
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from time import monotonic

from pipetrail_sinks.notify.errors import ChannelDownError, TargetForbiddenError
from pipetrail_sinks.notify.target import LOOPBACK, Target, check_addresses

# Seconds: what any chat answers well within. A hook that is slower holds up its own channel only.
TIMEOUT_S = 10.0
# Of an answer: enough for what services say is wrong.
_MAX_ANSWER_BYTES = 64 * 1024
# A receiver's connection that nothing was sent over for this long may be dead without anybody having said so, seconds.
_IDLE_S = 20.0

Resolver = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said. `retry_after`: seconds that it asked for, 0 if it did not."""

    status: int
    body: bytes
    retry_after: float = 0.0


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host.

    Raises:
        OSError: the name is not known, or nobody can be asked.
    """
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Client:
    """Speaks to one target. Used by one thread."""

    def __init__(
        self, target: Target, *, loopback: bool = False, timeout_s: float = TIMEOUT_S, resolver: Resolver = resolve
    ) -> None:
        self._target = target
        self._loopback = loopback
        self._timeout_s = timeout_s
        self._resolve = resolver
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a request.

        Raises:
            ChannelDownError: no connection, or no answer; `uncertain` where the receiver may have got the request.
        """
        connection = self._connected()
        sent = False
        try:
            connection.request("POST", self._target.path, body, dict(headers))
            sent = True
            response = connection.getresponse()
            answer = Answer(response.status, response.read(_MAX_ANSWER_BYTES), _retry_after(response))
            if response.will_close or not response.isclosed():
                self.close()
        except (OSError, http.client.HTTPException) as exc:
            self.close()
            raise ChannelDownError(f"{self._target.host}: {_reason(exc)}", uncertain=sent) from exc
        self._used = monotonic()
        return answer

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is not None and monotonic() - self._used > _IDLE_S:
            self.close()
        if self._connection is None:
            try:
                self._connection = self._connect()
            except TargetForbiddenError as exc:
                # The name may lead elsewhere again: nothing is sent until it does, and nothing is lost.
                raise ChannelDownError(str(exc)) from exc
            except OSError as exc:
                raise ChannelDownError(f"{self._target.host}: {_reason(exc)}") from exc
        return self._connection

    def _connect(self) -> http.client.HTTPConnection:
        target = self._target
        local = self._loopback and target.host in LOOPBACK
        found = [] if local else self._resolve(target.host, target.port)
        raw = self._open(check_addresses(target, found, loopback=self._loopback))
        connection = http.client.HTTPConnection(target.host, target.port, timeout=self._timeout_s)
        # It must never connect by itself: that would look the name up again.
        connection.auto_open = 0
        connection.default_port = target.port if target.port in {80, 443} else 0
        if target.scheme != "https":
            connection.sock = raw
            return connection
        try:
            connection.sock = _context().wrap_socket(raw, server_hostname=target.host)
        except OSError:
            raw.close()
            raise
        return connection

    def _open(self, addresses: Sequence[str]) -> socket.socket:
        """A connection to the first of the addresses that answers."""
        problem: OSError | None = None
        for address in addresses:
            try:
                opened = socket.create_connection((address, self._target.port), self._timeout_s)
            except OSError as exc:
                problem = exc
                continue
            with contextlib.suppress(OSError):
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return opened
        raise problem or OSError("no address to connect to")


@cache
def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _retry_after(response: http.client.HTTPResponse) -> float:
    # RFC 9110, section 10.2.3: seconds, or a date, which nobody sends here.
    given = response.getheader("Retry-After", "").strip()
    return float(given) if given.isascii() and given.isdigit() and len(given) < 6 else 0.0  # noqa: PLR2004 - a day has 86400


def _reason(exc: Exception) -> str:
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc) or type(exc).__name__
