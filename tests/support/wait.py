"""Wait for a condition instead of sleeping for a time that is too short somewhere."""

import time
from collections.abc import Callable
from typing import TypeVar

_POLL_S = 0.05

Result = TypeVar("Result")


def wait_for(condition: Callable[[], Result], *, timeout_s: float, what: str) -> Result:
    """Call `condition` until its result is true, and return that.

    Raises:
        AssertionError: it was not true within `timeout_s` seconds; says `what` was waited for, and its last result.
    """
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s for {what}; the last answer was {result!r}")
        time.sleep(_POLL_S)
    return result
