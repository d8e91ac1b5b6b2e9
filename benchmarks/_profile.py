"""Where the time of a benchmark goes."""

import cProfile
import pstats
import sys
from collections.abc import Callable

_MOST = 30  # functions: more are not read


def print_profile(function: Callable[..., object], *arguments: object) -> None:
    """Call a function, and print which functions took most time by themselves."""
    profile = cProfile.Profile()
    profile.runcall(function, *arguments)
    pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(_MOST)
