"""Asking over HTTP with the standard library: no redirects, no proxy to this machine. Slow to import: on demand only."""

from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, build_opener

from pipetrail_producers.collector_access import THIS_MACHINE


class _NoRedirect(HTTPRedirectHandler):
    """A redirect is answered with an error: what it leads to is not who was configured, and would get the token."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Never follow."""


def opener_for(url: str) -> OpenerDirector:
    """What opens addresses at the host of `url`.

    Proxies are taken from the environment (https_proxy, no_proxy), but not to this machine: a token would leave it. Trusted
    authorities are the system's, or those of SSL_CERT_FILE.
    """
    direct = [ProxyHandler({})] if urlsplit(url).hostname in THIS_MACHINE else []
    return build_opener(_NoRedirect, *direct)
