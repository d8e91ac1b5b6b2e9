"""A REST API over HTTP: asks, waits where it must, follows the links from page to page. The only module that imports requests.

The token stays with the origin that it was given for: a link or redirect to somewhere else is refused, and so are the
credentials that a `.netrc` would add. Nothing but GET is ever sent.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from pipetrail_producers.importers.errors import AccessError, NothingThereError, RestError, UnavailableError
from pipetrail_producers.importers.rest import limits
from pipetrail_producers.importers.rest.source import Page, Params, members_of

# To connect, and between two bytes of an answer, seconds. A large page takes a forge some ten seconds.
_TIMEOUT_S = (10.0, 60.0)
# How often something that may pass is tried: with the waits between, some two minutes of an outage are sat out.
ATTEMPTS = 8
_MAX_REDIRECTS = 5
# Characters of a refusal that are looked at for its reason.
_MAX_SAID = 2_000
# Of a page's number: it is somebody else's text.
_MAX_DIGITS = 9
_OK = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_GONE = frozenset({404, 410})

Sleep = Callable[[float], None]
Say = Callable[[str], None]


class Client:
    """A `Source` below `base`.

    Args:
        base: address that paths are relative to.
        headers: sent with every request: the token, which version of the API.
        say: told, in a sentence, when there is a longer wait and why.
        sleep: waits so many seconds.
        clock: the present, UTC.
    """

    def __init__(
        self,
        base: str,
        headers: Mapping[str, str],
        *,
        say: Say,
        sleep: Sleep = time.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._base = base.rstrip("/") + "/"
        self._session = requests.Session()
        self._session.headers.update(headers)
        self._session.auth = _as_it_is
        self._say, self._sleep, self._clock = say, sleep, clock
        self._pause = 0.0

    def get(self, path: str, params: Params | None = None) -> Any:
        """One answer (`Source.get`)."""
        return _json(self._ask(urljoin(self._base, path), params))

    def pages(self, path: str, params: Params | None = None, *, members: str = "", start: str | None = None) -> Iterator[Page]:
        """A list, page by page (`Source.pages`), by the `Link` header of RFC 8288 with the relation `next`."""
        url, query = (urljoin(self._base, path), params) if start is None else (start, None)
        while True:
            answer = self._ask(url, query)
            link = answer.links.get("next", {}).get("url")
            following = urljoin(answer.url, link) if link else None
            found = members_of(_json(answer), members)
            yield Page(found, following, _left(answer, len(found), is_last=following is None))
            if following is None:
                return
            url, query = following, None

    def _ask(self, url: str, params: Params | None) -> requests.Response:
        for attempt in range(1, ATTEMPTS + 1):
            self._wait(self._pause, "the rate limit is used up")
            self._pause = 0.0
            try:
                answer = self._follow(url, params)
            except requests.RequestException as exc:
                status, headers, why = 0, {}, f"no answer ({type(exc).__name__})"
            else:
                status, headers, why = answer.status_code, _lowered(answer), f"{answer.status_code} {answer.reason}"
                if status == _OK:
                    self._pause = limits.pause_s(headers, self._clock())
                    return answer
                if not (limits.is_limit(status, headers, answer.text[:_MAX_SAID]) or limits.is_passing(status)):
                    raise _refusal(answer)
            if attempt < ATTEMPTS:
                self._wait(limits.wait_s(status, headers, attempt, self._clock()), why)
        raise UnavailableError(f"GET {_shown(url)}: {why}, {ATTEMPTS} times; the same command goes on from here later")

    def _follow(self, url: str, params: Params | None) -> requests.Response:
        for _ in range(_MAX_REDIRECTS):
            if _origin(url) != _origin(self._base):
                raise RestError(f"an answer points to {_shown(url)}; the token stays at {_origin(self._base)}")
            answer = self._session.get(url, params=params, timeout=_TIMEOUT_S, allow_redirects=False)
            if answer.status_code not in _REDIRECTS:
                return answer
            url, params = urljoin(answer.url, answer.headers.get("location", "")), None
        raise RestError(f"{_shown(url)}: more than {_MAX_REDIRECTS} redirects")

    def _wait(self, seconds: float, why: str) -> None:
        if seconds <= 0:
            return
        if seconds >= limits.MIN_SAID_S:
            self._say(f"{why}: waiting {seconds:.0f} s")
        self._sleep(seconds)


def _left(answer: requests.Response, count: int, *, is_last: bool) -> int | None:
    """How many members there are from this page to the end, if all pages are as long: by `Link` and `X-Total-Pages`."""
    if is_last:
        return count
    last = _page_number(answer.links.get("last", {}).get("url", "")) or _positive(answer.headers.get("x-total-pages"))
    here = _page_number(answer.url) or _positive(answer.headers.get("x-page")) or 1
    return None if last is None or last < here else count * (last - here + 1)


def _page_number(url: str) -> int | None:
    return _positive(next(iter(parse_qs(urlsplit(url).query).get("page", [])), None))


def _positive(text: str | None) -> int | None:
    return int(text) if text and len(text) <= _MAX_DIGITS and text.isascii() and text.isdigit() and int(text) else None


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An authentication that adds nothing: without one, requests takes a password from `.netrc` and drops our token for it."""
    return request


def _lowered(answer: requests.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError as exc:
        raise RestError(f"GET {_shown(answer.url)}: the answer is no JSON; is this the address of the API?") from exc


def _refusal(answer: requests.Response) -> RestError:
    said = f"GET {_shown(answer.url)}: {answer.status_code} {answer.reason}"
    if answer.status_code in _GONE:
        return NothingThereError(f"{said}; it does not exist, or the token may not see it")
    if answer.status_code == _UNAUTHORIZED:
        return AccessError(f"{said}; the token is not accepted")
    if answer.status_code == _FORBIDDEN:
        return AccessError(f"{said}; the token may not read this")
    return RestError(said)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _shown(url: str) -> str:
    """The URL without its query, which may hold a token."""
    return url.partition("?")[0]
