"""Sends messages to the collector over HTTP, and knows of each whether the collector has taken it. Standard library only.

It behaves as `delivery.Delivery` does for Kafka: `send` only queues, a thread of its own posts what is queued as CloudEvents
batches (HTTP binding 1.0, section 3.3) with the very bytes that would go onto the topic, `settle` waits and says what was not
taken. An answer of 2xx means that the collector has all of a batch. What may pass (no connection, 429, 5xx) is tried again
until nobody waits any more; what will not (a wrong token, an event that is refused) is said at once. Where the collector names
what it refused of a batch (`refused` in its problem details), it has the rest; a batch that is refused otherwise, or for its
size, is taken apart, so that no event is held up by another.
"""

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import OpenerDirector, Request

from pipetrail_schemas.topics import MAX_MESSAGE_BYTES

from pipetrail_producers.collector_access import Access, TokenRequest
from pipetrail_producers.delivery import Undelivered
from pipetrail_producers.http_client import opener_for
from pipetrail_producers.message import Message

# What one request carries at most: enough that a spool is emptied quickly, little enough to be sent again for one bad event.
BATCH_MESSAGES = 100
BATCH_BYTES = MAX_MESSAGE_BYTES // 4
# One request's own limit, seconds: `settle` ends the wait much earlier; this ends the thread in a process that goes on.
_REQUEST_S = 30.0
_POLL_S = 0.05
# How long nobody may answer before we stop waiting, and how long between two tries; as for Kafka.
_ALL_DOWN_S = 1.0
_RETRY_S = 0.25
_LONGEST_RETRY_S = 5.0
# The collector says in a sentence what is wrong; an error page of a proxy is not read to its end.
_MAX_ANSWER_BYTES = 64 * 1024
_MAX_REASON = 300
_BAD_REQUEST, _TOO_LARGE, _UNPROCESSABLE, _TOO_MANY, _SERVER_ERROR = 400, 413, 422, 429, 500
_ABOUT_THE_EVENTS = frozenset({_BAD_REQUEST, _TOO_LARGE, _UNPROCESSABLE})


class _Answer(NamedTuple):
    """What came of a request: its status (0: nobody answered), what it says, and in how many seconds to try again.

    `refused` are the places in the batch of what was refused where all else was taken; empty where that is not said.
    """

    status: int
    reason: str = ""
    retry_s: float = _RETRY_S
    refused: Mapping[int, str] = {}

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004  # RFC 9110, section 15.3

    @property
    def may_pass(self) -> bool:
        return self.status in {0, _TOO_MANY} or self.status >= _SERVER_ERROR


_TAKEN = _Answer(200)


class HttpDelivery:
    """One collector, connected to when there is something to send. Used by one thread at a time."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._opener = opener_for(access.url)
        self._changed = threading.Condition()
        # Under the condition's lock: what waits to be posted, and what is not taken yet, by a running number in the order of
        # sending. What failed for good is in `_pending` and `_failed`.
        self._queue: list[tuple[int, Message]] = []
        self._pending: dict[int, Message] = {}
        self._failed: dict[int, str] = {}
        self._sent = 0
        self._last_error: str | None = None
        self._down_since: float | None = None
        self._thread: threading.Thread | None = None

    def send(self, message: Message) -> None:
        """Queue a message; the posting begins at once, in the background."""
        with self._changed:
            self._queue.append((self._sent, message))
            self._pending[self._sent] = message
            self._sent += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def settle(self, timeout_s: float, *, cancelled: Callable[[], bool] = lambda: False) -> list[Undelivered]:
        """Wait for what was sent to be taken, and give up on the rest.

        Args:
            timeout_s: seconds to wait at most; less when nobody answers at the collector's address.
            cancelled: asked some twenty times a second; True ends the wait.

        Returns:
            The messages that were not taken, in the order of sending; those that are not among them were.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while len(self._failed) < len(self._pending):
                self._changed.wait(_POLL_S)
                now = time.monotonic()
                down = self._down_since is not None and now - self._down_since > _ALL_DOWN_S
                if now >= deadline or down or cancelled():
                    break
            reason = self._last_error or f"the collector has not answered within {timeout_s:g} s"
            left = [Undelivered(message, self._failed.get(number, reason)) for number, message in self._pending.items()]
            self._queue, self._pending, self._failed = [], {}, {}
            self._down_since = self._last_error = None
        return left

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue:
                    self._changed.wait()
                batch = self._next_batch()
            self._deliver(batch)

    def _next_batch(self) -> list[tuple[int, Message]]:
        size, count = 0, 0
        for _, message in self._queue[:BATCH_MESSAGES]:
            size += len(message.value) + 1
            if count and size > BATCH_BYTES:
                break
            count += 1
        batch, self._queue = self._queue[:count], self._queue[count:]
        return batch

    def _deliver(self, batch: Sequence[tuple[int, Message]]) -> None:
        """Post a batch until its fate is known, or nobody waits for it any more."""
        while self._is_waited_for(batch):
            answer = _post(self._opener, self._access, [message for _, message in batch])
            if answer.refused:
                self._note([one for place, one in enumerate(batch) if place not in answer.refused], _TAKEN)
                for place, reason in answer.refused.items():
                    self._note([batch[place]], answer._replace(reason=reason))
                return
            if answer.status in _ABOUT_THE_EVENTS and len(batch) > 1:
                middle = len(batch) // 2
                self._deliver(batch[:middle])
                self._deliver(batch[middle:])
                return
            self._note(batch, answer)
            if not answer.may_pass:
                return
            time.sleep(answer.retry_s)

    def _is_waited_for(self, batch: Sequence[tuple[int, Message]]) -> bool:
        with self._changed:
            return any(number in self._pending for number, _ in batch)

    def _note(self, batch: Sequence[tuple[int, Message]], answer: _Answer) -> None:
        with self._changed:
            if answer.status:
                self._down_since = None
            elif self._down_since is None:
                self._down_since = time.monotonic()
            for number, _ in batch:
                if answer.taken:
                    self._pending.pop(number, None)
                elif not answer.may_pass and number in self._pending:
                    self._failed[number] = answer.reason
            if not answer.taken:
                self._last_error = answer.reason
            self._changed.notify_all()


def _post(opener: OpenerDirector, access: Access, messages: Sequence[Message]) -> _Answer:
    body = b"[" + b",".join(message.value for message in messages) + b"]"
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    try:
        token = access.token or (_job_token(opener, access.request) if access.request else None)
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as exc:
        return _Answer(0, f"the CI gives this job no OIDC token: {_why(exc)}")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        with opener.open(Request(access.url, body, headers, method="POST"), timeout=_REQUEST_S) as response:  # noqa: S310  # http(s) only, see access_of
            return _Answer(response.status)
    except HTTPError as exc:
        with exc:
            return _refused(access, exc, len(messages))
    except (OSError, HTTPException, ValueError) as exc:
        return _Answer(0, f"the collector {access.url} cannot be reached: {_why(exc)}")


def _refused(access: Access, error: HTTPError, count: int) -> _Answer:
    try:
        content = error.read(_MAX_ANSWER_BYTES)
    except (OSError, HTTPException):
        content = b""
    after = error.headers.get("Retry-After", "")
    retry_s = min(float(after), _LONGEST_RETRY_S) if after.isascii() and after.isdigit() else _RETRY_S
    told = _problem_details(content)
    says = f"the collector {access.url} answers {error.code}"
    refused = {place: f"{says}: {why}" for place, why in _places(told, count).items()}
    detail = told.get("detail") or content.decode("utf-8", "replace")
    text = " ".join(str(detail).split())[:_MAX_REASON]
    return _Answer(error.code, f"{says}: {text}" if text else says, retry_s, refused)


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
