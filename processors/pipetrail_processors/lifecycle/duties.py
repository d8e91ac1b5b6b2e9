"""The policy's part about findings: until when somebody is to look at one, and whose word about it counts.

findings:
  review: {critical: 1d, high: 3d, medium: 7d}
  four_eyes: [override]    # whoever did it may neither justify nor resolve findings of these categories
  groups: [leads]          # members of these may; empty: everybody else
"""

from datetime import timedelta
from typing import Annotated

from pipetrail_schemas.finding import Category
from pydantic import BeforeValidator, Field

from pipetrail_processors.guard.duration import parse_duration
from pipetrail_processors.guard.freeze import Part, Text


def _length(value: object) -> object:
    return value if value is None or isinstance(value, timedelta) else parse_duration(value)


_Length = Annotated[timedelta | None, BeforeValidator(_length)]


class ReviewTimes(Part):
    """How long a finding may be open before its review is overdue, by severity; None: no review is due."""

    critical: _Length = timedelta(days=1)
    high: _Length = timedelta(days=3)
    medium: _Length = timedelta(days=7)
    low: _Length = None

    def of(self, severity: str) -> timedelta | None:
        """The time for a severity."""
        return {"critical": self.critical, "high": self.high, "medium": self.medium, "low": self.low}[severity]


class Duties(Part):
    """What holds for decisions about findings."""

    review: ReviewTimes = ReviewTimes()
    four_eyes: tuple[Category, ...] = Field(
        default=("override",), description="categories of which nobody may justify or resolve their own"
    )
    groups: tuple[Text, ...] = Field(default=(), description="who may justify and resolve those; empty: everybody else")
    bots: bool = Field(default=False, description="a bot may justify and resolve those, too")
