"""When to ask again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_producers.importers.rest import limits

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
RESET = str(int((NOW + timedelta(seconds=90)).timestamp()))


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "30"}, 31),
        (403, {"retry-after": "0"}, 1),
        (429, {"retry-after": "Mon, 23 Nov 2026 09:00:10 GMT"}, 11),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": RESET}, 91),
        (429, {"ratelimit-remaining": "0", "ratelimit-reset": RESET}, 91),
        (429, {}, 60),
        (403, {}, 60),
        (429, {"retry-after": "soon"}, 60),
        (503, {}, 4),
        (502, {"x-ratelimit-remaining": "4999", "x-ratelimit-reset": RESET}, 4),
        (0, {}, 4),
        (429, {"retry-after": "999999"}, limits.MAX_WAIT_S),
    ],
)
def test_a_wait_is_what_the_answer_says_else_a_back_off(status: int, headers: dict[str, str], seconds: float) -> None:
    """Retry-After as seconds or date, then the reset of a limit that is used up, then a back-off."""
    assert limits.wait_s(status, headers, 3, NOW) == seconds


def test_only_a_limit_that_is_used_up_makes_a_403_a_limit() -> None:
    """A 403 without a sign of a limit is a refusal: waiting would not help."""
    assert limits.is_limit(429, {})
    assert limits.is_limit(403, {"x-ratelimit-remaining": "0"})
    assert not limits.is_limit(403, {"x-ratelimit-remaining": "12"})
    assert not limits.is_limit(403, {})
    assert limits.is_limit(403, {}, '{"message": "You have exceeded a secondary rate limit."}')
    assert not limits.is_limit(403, {}, '{"message": "Resource not accessible"}')


def test_the_last_allowed_request_is_followed_by_a_pause() -> None:
    """With nothing remaining, the next request waits for the reset, before the API has to refuse it."""
    assert limits.pause_s({"x-ratelimit-remaining": "0", "x-ratelimit-reset": RESET}, NOW) == 91
    assert limits.pause_s({"x-ratelimit-remaining": "1", "x-ratelimit-reset": RESET}, NOW) == 0
    assert limits.pause_s({}, NOW) == 0


@given(
    st.integers(0, 599),
    st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-remaining", "x-ratelimit-reset"]), st.text(max_size=40)),
    st.integers(1, 100),
)
def test_a_wait_is_bounded_whatever_a_server_says(status: int, headers: dict[str, str], attempt: int) -> None:
    """No header makes an import wait for ever, or not at all."""
    assert 0 < limits.wait_s(status, headers, attempt, NOW) <= limits.MAX_WAIT_S
    assert 0 <= limits.pause_s(headers, NOW) <= limits.MAX_WAIT_S
