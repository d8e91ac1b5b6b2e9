"""One request to the collector: a batch of events, with the job's token, and what the answer means. Standard library only.

The body is a CloudEvents batch (HTTP binding 1.0, section 3.3) made of the very bytes that would go onto the topic. A refusal
is read as problem details (RFC 9457), in which the collector names what it refused of a batch; it has the rest then.
"""

import json
import ssl
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import OpenerDirector, Request

from pipetrail_producers.collector_access import Access, TokenRequest
from pipetrail_producers.message import Message

# One request's own limit, seconds. Who waits for it gives up much earlier; this ends a thread in a process that goes on.
_REQUEST_S = 30.0
# Between two tries, seconds, where the collector does not say, and the most that it can ask for.
RETRY_S = 0.25
LONGEST_RETRY_S = 5.0
# The collector says in a sentence what is wrong; an error page of a proxy is not read to its end.
_MAX_ANSWER_BYTES = 64 * 1024
_MAX_REASON = 300
_BAD_REQUEST, _TOO_LARGE, _UNPROCESSABLE, _TOO_MANY, _SERVER_ERROR = 400, 413, 422, 429, 500
_ABOUT_THE_EVENTS = frozenset({_BAD_REQUEST, _TOO_LARGE, _UNPROCESSABLE})


class Answer(NamedTuple):
    """What came of a request: its status (0: nobody answered), what it says, and in how many seconds to try again.

    `refused` are the places in the batch of what was refused where all else was taken; empty where that is not said.
    """

    status: int
    reason: str = ""
    retry_s: float = RETRY_S
    refused: Mapping[int, str] = {}

    @property
    def taken(self) -> bool:
        """Whether the collector has all of the batch."""
        return 200 <= self.status < 300  # noqa: PLR2004  # RFC 9110, section 15.3

    @property
    def may_pass(self) -> bool:
        """Whether it is worth while to try again."""
        return self.status in {0, _TOO_MANY} or self.status >= _SERVER_ERROR

    @property
    def about_the_events(self) -> bool:
        """Whether another batch might do better."""
        return self.status in _ABOUT_THE_EVENTS


TAKEN = Answer(200)


def post(opener: OpenerDirector, access: Access, messages: Sequence[Message]) -> Answer:
    """Post a batch; whatever goes wrong is an answer, and nothing is raised."""
    body = b"[" + b",".join(message.value for message in messages) + b"]"
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    try:
        token = access.token or (_job_token(opener, access.request) if access.request else None)
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as exc:
        return Answer(0, f"the CI gives this job no OIDC token: {_why(exc)}")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        with opener.open(Request(access.url, body, headers, method="POST"), timeout=_REQUEST_S) as response:  # noqa: S310  # http(s) only, see access_of
            return Answer(response.status)
    except HTTPError as exc:
        with exc:
            return _refused(access, exc, len(messages))
    except (OSError, HTTPException, ValueError) as exc:
        return Answer(0, f"the collector {access.url} cannot be reached: {_why(exc)}")


def _refused(access: Access, error: HTTPError, count: int) -> Answer:
    try:
        content = error.read(_MAX_ANSWER_BYTES)
    except (OSError, HTTPException):
        content = b""
    after = error.headers.get("Retry-After", "")
    retry_s = min(float(after), LONGEST_RETRY_S) if after.isascii() and after.isdigit() else RETRY_S
    told = _problem_details(content)
    says = f"the collector {access.url} answers {error.code}"
    refused = {place: f"{says}: {why}" for place, why in _places(told, count).items()}
    detail = told.get("detail") or content.decode("utf-8", "replace")
    text = " ".join(str(detail).split())[:_MAX_REASON]
    return Answer(error.code, f"{says}: {text}" if text else says, retry_s, refused)


def _problem_details(content: bytes) -> dict[str, Any]:
    """RFC 9457, "Problem Details for HTTP APIs"; empty where the answer is something else."""
    try:
        told = json.loads(content)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _places(told: Mapping[str, Any], count: int) -> dict[int, str]:
    """What was refused of a batch, by its place, and why; empty unless all else was taken, as the collector says."""
    listed, accepted = told.get("refused"), told.get("accepted")
    members = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    places = {one.get("index"): json.dumps(one.get("problems"), ensure_ascii=False)[:_MAX_REASON] for one in members}
    known = {place: why for place, why in places.items() if isinstance(place, int) and 0 <= place < count}
    return known if known and isinstance(accepted, int) and accepted + len(known) == count else {}


def _job_token(opener: OpenerDirector, request: TokenRequest) -> str:
    """A token of this job from GitHub: the member `value` of the answer."""
    asked = Request(request.url, headers={"Authorization": f"Bearer {request.bearer}", "Accept": "application/json"})  # noqa: S310  # GitHub's own variable
    with opener.open(asked, timeout=_REQUEST_S) as response:
        token = json.loads(response.read())["value"]
    if not isinstance(token, str) or not token:
        raise ValueError("the answer holds no token")
    return token


def _why(exc: Exception) -> str:
    if isinstance(exc, URLError) and isinstance(exc.reason, ssl.SSLError):
        return f"{exc.reason.reason or exc.reason}"
    reason = exc.reason if isinstance(exc, URLError) else exc
    return f"{getattr(reason, 'strerror', None) or reason}"
