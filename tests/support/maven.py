"""A small Maven repository on 127.0.0.1, real as far as a client can tell, with faults on request."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pipetrail_deploy.artifacts import Artifact


@dataclass
class Repository:
    """What it serves, by path; `torn` paths come half once; `asked` is what it was asked for."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    torn: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def add(self, name: str, content: bytes) -> Artifact:
        """Publish a jar, and return what would be pinned of it."""
        artifact = Artifact("org.example", name, "1.0", "jar", len(content), hashlib.sha256(content).hexdigest())
        self.files[path(artifact)] = content
        return artifact

    def settings(self, folder: Path) -> Path:
        """Maven settings that name this repository as Central's mirror."""
        file = folder / "settings.xml"
        mirror = f"<mirror><mirrorOf>central</mirrorOf><url>{self.url}/maven2/</url></mirror>"
        file.write_text(f"<settings><mirrors>{mirror}</mirrors></settings>", encoding="utf-8")
        return file


def path(artifact: Artifact) -> str:
    """Where an artifact is in a repository."""
    return f"/maven2/{artifact.group.replace('.', '/')}/{artifact.name}/{artifact.version}/{artifact.filename}"


@contextmanager
def serving() -> Iterator[Repository]:
    """A repository for the length of a `with` block."""
    repository = Repository("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            repository.asked.append(self.path)
            content = repository.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            torn = self.path in repository.torn
            repository.torn.discard(self.path)
            self.wfile.write(content[: len(content) // 2] if torn else content)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        repository.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield repository
        finally:
            server.shutdown()
            thread.join()
