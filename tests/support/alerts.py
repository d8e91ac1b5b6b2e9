"""Findings and alerts as the notifier's tests need them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipetrail_schemas.finding import SEVERITY_NUMBERS, Finding
from pipetrail_schemas.ids import finding_id, trail_id
from pipetrail_schemas.times import format_time
from pipetrail_sinks.notify.alert import Alert
from pipetrail_sinks.notify.desk import Desk
from pipetrail_sinks.notify.routes import Routes
from pipetrail_sinks.notify.store import Store

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
COMMIT = "356a192b7913b04c54574d18c28d46e6395428ab"
SHOP = "https://github.com/acme/shop"


def finding(
    number: int = 1,
    *,
    revision: int = 1,
    status: str = "open",
    severity: str = "high",
    category: str = "override",
    trail: str = "a",
    actor: str | None = "Bob",
    repository: str | None = SHOP,
    time: datetime = NOON,
    **more: Any,
) -> dict[str, Any]:
    """A finding's document, as it stands on the topic; `more` replaces what stands at its root."""
    identity = finding_id("required-stage-skipped", [str(number)])
    title = f"test skipped by {actor}, “hotfix {number}”, then deployed to prod by {actor}: acme/shop"
    document: dict[str, Any] = {
        "@timestamp": format_time(time),
        "event": {"kind": "alert", "id": identity, "severity": SEVERITY_NUMBERS[severity], "reason": f"hotfix {number}"},  # type: ignore[index]
        "rule": {
            "id": "required-stage-skipped",
            "name": "Required stage skipped",
            "version": "1",
            "description": "What was not tested went to where it is used.",
        },
        "message": title,
        "related": {"hash": [COMMIT], "user": [actor] if actor else []},
        "pipetrail": {
            "finding": {
                "id": identity,
                "revision": revision,
                "category": category,
                "severity": severity,
                "status": status,
                "title": title,
                "runbook": ["Ask the one who skipped it for the reason.", "Run the stage for this commit now."],
                "evidence": ["09b3156a-d633-56f1-9311-f3df97072430"],
            },
            "trail": {"id": trail_id(repository or "", trail)},
            "stage": "test",
            "ticket": {"id": "PAY-1", "url": {"full": "https://tickets.example/PAY-1"}},
        },
        "deployment": {"environment": {"name": "prod"}},
    }
    if actor:
        document["user"] = {"id": actor.lower(), "name": actor}
    if repository:
        document["vcs"] = {"repository": {"url": {"full": repository}}, "ref": {"head": {"revision": COMMIT}}}
    return {**document, **more}


def parsed(number: int = 1, **more: Any) -> Finding:
    """The same as a model."""
    return Finding.model_validate(finding(number, **more))


class Office:
    """A desk with a state of its own, a clock that stands where it is put, and what was queued read out of the channels."""

    def __init__(self, folder: Path, routes: Routes, *, deaf: frozenset[str] = frozenset()) -> None:
        self.path = folder / "notify.sqlite"
        self.routes = routes
        self.deaf = deaf
        self.now = NOON
        self.open()

    def open(self) -> None:
        """Start, as a program does."""
        self.store = Store(self.path)
        self.desk = Desk(self.store, self.routes, deaf=self.deaf)
        self.desk.adopt(self.now)

    def restart(self, routes: Routes | None = None) -> None:
        """End and start anew, with other routes perhaps."""
        self.store.close()
        self.routes = routes or self.routes
        self.open()

    def close(self) -> None:
        """Let go of the state."""
        self.store.close()

    def take(self, *findings: Finding) -> None:
        """Findings come."""
        self.desk.take(findings, self.now)

    def later(self, passed: timedelta) -> None:
        """Time passes, and whatever falls due meanwhile is done when it does."""
        until = self.now + passed
        while True:
            _, due = self.desk.tick(self.now)
            if due is None or due > until:
                break
            self.now = max(self.now, due)
        self.now = until
        self.desk.tick(self.now)

    def sent(self, channels: Iterable[str] = ("chat",)) -> list[Alert]:
        """What the channels have to send since the last look, in order; it is sent then."""
        found = []
        for channel in channels:
            while waiting := self.store.next(channel):
                found.append(waiting.alert)
                self.store.done(waiting, None, self.now)
        return found


def told_of(alert: Alert) -> list[str]:
    """The findings that a message is about."""
    return [item.finding for item in alert.items]
