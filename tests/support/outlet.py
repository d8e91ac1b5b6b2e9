"""An outlet of an import that keeps what it is handed."""

from typing import Any


class Outlet:
    """Keeps the events; all are acknowledged at once."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def send(self, event: dict[str, Any]) -> None:
        """Keep it."""
        self.events.append(event)

    def settle(self) -> None:
        """All is kept already."""
