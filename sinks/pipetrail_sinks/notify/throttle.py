"""The throttle: how many messages a channel bears in a time. Pure.

What exceeds it is not dropped but gathered, and told in one message as soon as there is room.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Throttle:
    """At most `messages` in any span of `per`."""

    messages: int
    per: timedelta

    def free_at(self, sent: Sequence[datetime], now: datetime) -> datetime:
        """When the next message may go, `now` if at once. `sent`: when the earlier ones went, oldest first."""
        recent = self.recent(sent, now)
        if len(recent) < self.messages:
            return now
        return recent[-self.messages] + self.per

    def recent(self, sent: Sequence[datetime], now: datetime) -> list[datetime]:
        """Those that still count."""
        return [moment for moment in sent if moment + self.per > now]
