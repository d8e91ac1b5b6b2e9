"""A proxy on this machine that carries bytes between a client and a server, and does what real ones do at their worst."""

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, cast

Fault = Literal["none", "latency", "reset", "reset_after", "black_hole", "slow_close"]
_BLOCK = 65_536
# Longer than an agent waits in these tests.
_LATENCY_S = 0.3
# SO_LINGER on, for no time: close sends a reset.
_RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Proxy:
    """Where it listens, what is wrong with it, and what stands before each request that goes through."""

    url: str = ""
    fault: Fault = "none"
    prefix: bytes = b""
    seen: int = 0
    ended: threading.Event = field(default_factory=threading.Event)


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = cast("_Server", self.server)
        proxy, fault = server.proxy, server.proxy.fault
        proxy.seen += 1
        client: socket.socket = self.request
        if fault == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return
        if fault == "black_hole":
            proxy.ended.wait()
            return
        with socket.create_connection(server.behind) as behind:
            request = client.recv(_BLOCK)
            if fault == "latency":
                proxy.ended.wait(_LATENCY_S)
            behind.sendall(proxy.prefix + request)
            back = threading.Thread(target=self._answer, args=(behind, client, fault), daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while fault != "reset_after" and (block := client.recv(_BLOCK)):
                    behind.sendall(block)
                behind.shutdown(socket.SHUT_WR)
            back.join()

    def _answer(self, behind: socket.socket, client: socket.socket, fault: Fault) -> None:
        with contextlib.suppress(OSError):
            while block := behind.recv(_BLOCK):
                if fault == "reset_after":
                    # The server has taken it, and nobody is told.
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    client.close()
                    return
                if fault == "slow_close":
                    # The answer stays half, and the connection open.
                    client.sendall(block[: len(block) // 2])
                    cast("_Server", self.server).proxy.ended.wait()
                    return
                client.sendall(block)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, behind: tuple[str, int], proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.proxy = behind, proxy


@contextlib.contextmanager
def before(port: int) -> Iterator[Proxy]:
    """A proxy before a port of this machine, while the context lasts."""
    proxy = Proxy()
    with _Server(("127.0.0.1", port), proxy) as server:
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.ended.set()
            server.shutdown()
            thread.join()
