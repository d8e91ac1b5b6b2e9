"""The policy's part about who is expected to be heard of, and how often. Pure.

expect:
  - {repositories: ["*/acme/shop"], every: 2d}                       # anything at all
  - {repositories: ["*"], sources: ["*/jenkins*"], every: 12h}       # one who tells of it
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from pipetrail_processors.guard.duration import parse_duration
from pipetrail_processors.guard.freeze import Part, Pattern, matches


class Expectation(Part):
    """How often something is to be heard of repositories, or of those who tell of them."""

    repositories: Annotated[tuple[Pattern, ...], Field(min_length=1)] = ("*",)
    sources: tuple[Pattern, ...] = Field(default=(), description="who is to tell; empty: anybody, of the repository")
    every: Annotated[timedelta, BeforeValidator(parse_duration)] = Field(description="longer silences are found")


def expected(expectations: Sequence[Expectation], repository: str, source: str) -> timedelta | None:
    """How long it may be silent by what is declared; None where nothing is.

    Args:
        expectations: of the policy; the first that fits decides.
        repository: of which nothing is heard.
        source: from whom nothing is heard; "" for anybody.
    """
    for one in expectations:
        about = matches(one.sources, source) if source else not one.sources
        if about and (not source or one.sources) and matches(one.repositories, repository):
            return one.every
    return None
