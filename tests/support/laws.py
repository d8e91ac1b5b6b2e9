"""How many examples the laws of the pure core are tried with: so many times as many as usual, for a long look at them."""

import os

_TIMES = int(os.environ.get("PIPETRAIL_TEST_LAWS_TIMES", "1"))


def examples(usual: int) -> int:
    """How many examples to try."""
    return usual * _TIMES
