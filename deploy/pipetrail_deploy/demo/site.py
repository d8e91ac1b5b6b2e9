"""The shop's web server: what stands in a folder, on a free port of 127.0.0.1, for as long as a `with` block."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pipetrail_deploy.demo.errors import DemoError
from pipetrail_deploy.ports import HOST

_TIMEOUT_S = 60.0  # for one page from this very process


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files and writes no log."""

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve `folder`; gives the address."""
    with ThreadingHTTPServer((HOST, 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def require_page(url: str, shows: str) -> None:
    """Fetch a page as a visitor does, past any proxy.

    Raises:
        DemoError: it cannot be had, or does not show what it must.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_TIMEOUT_S) as answer:
            page = answer.read().decode()
    except (urllib.error.URLError, OSError) as exc:
        raise DemoError(f"{url} was deployed and cannot be fetched: {exc}") from exc
    if shows not in page:
        raise DemoError(f"{url} was deployed and does not show {shows!r}, but:\n{page}")
