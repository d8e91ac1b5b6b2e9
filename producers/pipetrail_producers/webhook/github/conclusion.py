"""How something ended, in GitHub's words and in OpenTelemetry's. Pure.

`skipped` counts as passed on GitHub, whether a condition was false or an earlier job failed; it does not say which, so nobody
is blamed: it never ran. `neutral` ran and declines to judge.
"""

from typing import NamedTuple

from pipetrail_producers.webhook.values import Data

SKIPPED = "skipped"
_RESULTS = {
    "success": "success",
    "failure": "failure",
    "error": "error",
    "startup_failure": "error",
    "timed_out": "timeout",
    "stale": "timeout",  # GitHub gave up waiting for it after 14 days
    "cancelled": "cancellation",
    "action_required": "failure",  # it blocks until somebody does something
    SKIPPED: "skip",
    "neutral": "skip",
}
_SKIPS = {SKIPPED: "never_ran", "neutral": "neutral"}


class Conclusion(NamedTuple):
    """One of GitHub's conclusions or states as fields of `data.pipetrail`."""

    result: str
    raw: str
    skip: str | None

    @property
    def data(self) -> Data:
        """`pipetrail.result`, `.result_raw` and, for a skip, which of its four meanings."""
        return {"pipetrail": {"result": self.result, "result_raw": self.raw, "skip": self.skip}}


def conclusion(word: str | None) -> Conclusion | None:
    """The meaning of a word; None for no word and for one that is not known."""
    result = _RESULTS.get(word or "")
    return Conclusion(result, word, _SKIPS.get(word)) if result and word else None
