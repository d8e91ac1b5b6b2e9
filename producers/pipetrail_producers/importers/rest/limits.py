"""When to ask again: rate limits and passing failures, from status and headers alone. Pure; the time is passed in.

GitHub (REST, "Rate limits"): 403 or 429 with `retry-after` in seconds, or `x-ratelimit-remaining: 0` and `x-ratelimit-reset` in
seconds since 1970. GitLab: 429 with `Retry-After` and `RateLimit-Reset`. RFC 9110, section 10.2.3: `Retry-After` may be a date.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pipetrail_producers.webhook.payload import moment, number

# Statuses that say "later" (RFC 9110; 429 of RFC 6585).
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_FORBIDDEN = 403
_TOO_MANY = 429
# The longest that any limit in use lasts is an hour; more than a little over it is no limit but a mistake.
MAX_WAIT_S = 3_900.0
# A clock that is a little behind must not ask a moment too early.
_MARGIN_S = 1.0
# GitHub asks for at least a minute where a limit does not say how long it lasts.
_UNSAID_LIMIT_S = 60.0
# Shorter waits are not worth a sentence.
MIN_SAID_S = 5.0
_FIRST_BACKOFF_S = 1.0
_LAST_BACKOFF_S = 60.0


def is_limit(status: int, headers: Mapping[str, str], said: str = "") -> bool:
    """Whether the answer says that too much was asked; `said` is its text: GitHub's secondary limits may say it there alone."""
    if status == _FORBIDDEN:
        return "retry-after" in headers or _remaining(headers) == 0 or "rate limit" in said.lower()
    return status == _TOO_MANY


def is_passing(status: int) -> bool:
    """Whether the same request may well succeed later."""
    return status in _PASSING


def wait_s(status: int, headers: Mapping[str, str], attempt: int, now: datetime) -> float:
    """Seconds to wait before asking again after a limit or a passing failure.

    Args:
        status: of the answer; 0 where there was none.
        headers: of the answer, found by lower-case names.
        attempt: how often it was tried, from 1.
        now: the present.
    """
    told = _told(headers, now)
    if told is not None:
        return min(max(told, 0.0) + _MARGIN_S, MAX_WAIT_S)
    if status == _FORBIDDEN:  # a limit that does not say how long: any other 403 is not asked again
        return _UNSAID_LIMIT_S
    backoff = min(_FIRST_BACKOFF_S * 2.0 ** (attempt - 1), _LAST_BACKOFF_S)
    return max(backoff, _UNSAID_LIMIT_S) if is_limit(status, headers) else backoff


def pause_s(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds to wait before the next request after a good answer: until the reset when it was the last that is allowed."""
    if _remaining(headers) != 0:
        return 0.0
    reset = _reset(headers, now)
    return 0.0 if reset is None else min(max(reset, 0.0) + _MARGIN_S, MAX_WAIT_S)


def _told(headers: Mapping[str, str], now: datetime) -> float | None:
    after = headers.get("retry-after")
    if after is not None:
        return float(after) if after.isascii() and after.isdigit() else _until(after, now)
    return _reset(headers, now) if _remaining(headers) in {0, None} else None


def _until(date: str, now: datetime) -> float | None:
    try:
        found = parsedate_to_datetime(date)
    except ValueError:
        return None
    return ((found if found.tzinfo else found.replace(tzinfo=UTC)) - now).total_seconds()


def _remaining(headers: Mapping[str, str]) -> int | None:
    found = number(headers, "x-ratelimit-remaining")
    return number(headers, "ratelimit-remaining") if found is None else found


def _reset(headers: Mapping[str, str], now: datetime) -> float | None:
    seconds = number(headers, "x-ratelimit-reset")
    seconds = number(headers, "ratelimit-reset") if seconds is None else seconds
    reset = moment({"reset": seconds}, "reset")
    return None if reset is None else (reset - now).total_seconds()
