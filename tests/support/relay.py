"""A real mail relay on this machine (RFC 5321, the commands that a client needs), with STARTTLS and AUTH."""

import base64
import datetime as dt
import socketserver
import ssl
import threading
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, cast

from pipetrail_deploy import tls


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it came."""

    message: Any
    encrypted: bool
    user: str | None


class Mailbox:
    """Listens on a free port and keeps what it gets."""

    def __init__(self, folder: Path) -> None:
        self.mails: list[Mail] = []
        self.offers_tls = True
        self.answer_to_data = 250
        folder.mkdir()
        self._certificates = tls.ensure(folder, dt.datetime.now(dt.UTC))
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Session)
        self._server.daemon_threads = True
        cast("Any", self._server).mailbox = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Its port."""
        return int(self._server.server_address[1])

    def client_context(self) -> ssl.SSLContext:
        """What a client trusts that knows this relay."""
        return ssl.create_default_context(cafile=self._certificates.authority)

    def server_context(self) -> ssl.SSLContext:
        """The relay's own certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificates.certificate(tls.NODE), self._certificates.key(tls.NODE))
        return context

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.mailbox: Mailbox = cast("Any", self.server).mailbox
        self.encrypted = False
        self.user: str | None = None
        self._say("220 relay")
        try:
            while line := self.rfile.readline():
                if not self._obey(line.decode().strip()):
                    return
        except OSError:  # the client does not trust us
            return

    def _obey(self, line: str) -> bool:
        verb = line[:4].upper()
        if verb == "EHLO":
            offers = ["STARTTLS"] if self.mailbox.offers_tls and not self.encrypted else []
            for offer in ["relay", *offers, "AUTH PLAIN"]:
                self._say(f"250-{offer}")
            self._say("250 8BITMIME")
        elif verb == "STAR":
            self._secure()
        elif verb == "AUTH":
            self.user = base64.b64decode(line.rpartition(" ")[2]).split(b"\0")[1].decode()
            self._say("235 welcome")
        elif verb == "DATA":
            self._receive()
        else:
            self._say("221 bye" if verb == "QUIT" else "250 ok")
        return verb != "QUIT"

    def _secure(self) -> None:
        self._say("220 go ahead")
        self.request = self.connection = self.mailbox.server_context().wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), cast("Any", self.connection.makefile("wb", buffering=0))
        self.encrypted = True

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _receive(self) -> None:
        self._say("354 go ahead")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        if self.mailbox.answer_to_data < 300:
            message = message_from_bytes(b"".join(lines), policy=policy.default)
            self.mailbox.mails.append(Mail(message, self.encrypted, self.user))
        self._say(f"{self.mailbox.answer_to_data} done")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")
