"""Where the collector is and how this agent shows who it is. Standard library only; no network but for GitHub's token.

    PIPETRAIL_COLLECTOR_URL       http(s)://host[:port][/path]; with it (see `recorder`) events go there instead of to Kafka
    PIPETRAIL_COLLECTOR_TOKEN     a token that the collector's settings know, sent as bearer token
    PIPETRAIL_ID_TOKEN            else: the CI job's own OIDC token (GitLab: `id_tokens`), whose audience is the collector's
    PIPETRAIL_COLLECTOR_AUDIENCE  the audience that a GitHub job asks a token for (it needs `permissions: id-token: write`); the
                                  collector's URL unless given

A token goes over https, or to this machine, and nowhere else. GitHub gives a job as many tokens as it asks for: a fresh one is
taken for every request. Nothing here prints or keeps a token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from pipetrail_schemas.errors import SettingError

URL_VARIABLE = "PIPETRAIL_COLLECTOR_URL"
TOKEN_VARIABLE = "PIPETRAIL_COLLECTOR_TOKEN"  # noqa: S105  # a variable's name
ID_TOKEN_VARIABLE = "PIPETRAIL_ID_TOKEN"  # noqa: S105  # a variable's name
AUDIENCE_VARIABLE = "PIPETRAIL_COLLECTOR_AUDIENCE"
# GitHub sets them where the job may ask for a token (docs: "OpenID Connect reference", requesting the JWT).
_REQUEST_URL, _REQUEST_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # variables' names
_PATH = "/v1/events"
# Nobody listens in between.
THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Where a GitHub job gets its OIDC token from, and with what it asks."""

    url: str
    bearer: str


@dataclass(frozen=True, slots=True)
class Access:
    """The address that events are posted to, and the token, or where to get one; neither: the collector knows us otherwise."""

    url: str
    token: str | None = None
    request: TokenRequest | None = None

    def __repr__(self) -> str:
        """Without the token: what is printed by accident must not give it away."""
        return f"Access({self.url!r})"


def access_of(url: str, env: Mapping[str, str]) -> Access:
    """How to get into the collector at an address, with what the environment has for it.

    Raises:
        SettingError: the URL is malformed, or a token would travel in clear.
    """
    host = _host(url)
    token = env.get(TOKEN_VARIABLE) or env.get(ID_TOKEN_VARIABLE)
    request = None if token else _request(env, url.rstrip("/"))
    if (token or request) and not url.startswith("https:") and host not in THIS_MACHINE:
        raise SettingError(URL_VARIABLE, f"{url!r} would carry a token in clear over the network: use https")
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise SettingError(TOKEN_VARIABLE, "is no token: it holds blanks, line ends or letters beyond ASCII")
    return Access(url.rstrip("/") + _PATH, token, request)


def _request(env: Mapping[str, str], collector: str) -> TokenRequest | None:
    url, bearer = env.get(_REQUEST_URL), env.get(_REQUEST_TOKEN)
    if not url or not bearer:
        return None
    audience = env.get(AUDIENCE_VARIABLE) or collector
    return TokenRequest(f"{url}{'&' if '?' in url else '?'}audience={quote(audience, safe='')}", bearer)


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise SettingError(URL_VARIABLE, f"is no URL: {exc}") from exc
    if "@" in parts.netloc:
        raise SettingError(URL_VARIABLE, f"holds a user name: use {TOKEN_VARIABLE}, which is not logged")
    if parts.scheme not in {"http", "https"} or not host or port == 0 or parts.query or parts.fragment:
        raise SettingError(URL_VARIABLE, f"{url!r} is not http://host:port or https://host:port")
    return host
