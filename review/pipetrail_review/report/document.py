"""Making the report: read trails and findings of the period, count, render, write the file. The only part with side effects."""

import os
import tempfile
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from pipetrail_schemas.times import format_time

from pipetrail_review.client import Client
from pipetrail_review.documents import finding_of, sound, trail_of
from pipetrail_review.errors import ReviewError
from pipetrail_review.kinds import EVENTS, FINDINGS, TRAILS
from pipetrail_review.lines import rule_words
from pipetrail_review.moments import day, stamp, zone_name
from pipetrail_review.query import ALWAYS, Query, Window, all_of, in_repository, standing_trails, within
from pipetrail_review.report import changes, deployments, ledger
from pipetrail_review.report.figures import Figures, figures
from pipetrail_review.report.page import render
from pipetrail_review.report.trend import trend
from pipetrail_review.standing import is_overdue


@dataclass(frozen=True, slots=True)
class Told:
    """What a report that was written tells, in numbers."""

    trails: int
    findings: int
    overrides: int
    junk: tuple[str, ...]


def write(
    client: Client,
    path: Path,
    *,
    now: datetime,
    window: Window = ALWAYS,
    repository: str | None = None,
    zone: tzinfo | None = None,
) -> Told:
    """Write the report to `path`, whole or not at all.

    Args:
        client: where to read.
        path: the file; an older one is replaced.
        now: the present.
        window: the period; without bounds, all that is indexed.
        repository: only this repository (URL, or its end).
        zone: the zone to write times in, None for the local one.

    Raises:
        ReviewError: OpenSearch has no answer, or the file cannot be written.
    """
    scope = [in_repository(repository)] if repository else []
    trails = client.scan(TRAILS, all_of(standing_trails(), *_overlapping(window), *scope))
    findings = client.scan(FINDINGS, all_of(*within(window), *scope))
    junk: list[str] = []
    told = figures(sound(trail_of, trails, junk), sound(finding_of, findings, junk), window)
    told.junk = junk
    events = client.count(EVENTS, all_of(*within(window), *scope))
    _replace(path, page(told, events, now=now, window=window, repository=repository, zone=zone))
    return Told(told.trails, told.findings, len(told.overrides), tuple(junk))


def page(told: Figures, events: int, *, now: datetime, window: Window, repository: str | None, zone: tzinfo | None) -> str:
    """The report as HTML. Pure."""
    listed = frozenset(trail.pipetrail.trail.id for trail in told.listed)
    over_time = trend(told.deployed_at, [one.timestamp for one in told.overrides], now=now, window=window, zone=zone)
    content: dict[str, Any] = {
        "told": told,
        "events": events,
        "repository": repository or "",
        "since": stamp(window.since, zone) if window.since else "",
        "until": stamp(window.until or now, zone),
        "made": stamp(now, zone),
        "zone": zone_name(now, zone),
        "severities": ledger.severities(told.by_severity),
        "overdue": sum(is_overdue(one.pipetrail.finding, now) for one in told.overrides),
        "exclusions": [
            (rule_words(one.rule), one.owner, one.reason, day(one.expires, zone), one.expires <= now, one.hidden, one.returned)
            for one in told.exclusions.rows()
        ],
        "failed": sum(environment.failed for environment in told.environments.values()),
        "overrides": [ledger.finding_view(one, zone, listed, now) for one in told.overrides],
        "others": [ledger.finding_view(one, zone, listed, now) for one in told.others],
        "environments": [deployments.environment_view(one, zone, listed) for _, one in sorted(told.environments.items())],
        "trend": over_time,
        "bars": deployments.bars(over_time),
        "chart": deployments,
        "rules": ledger.rule_rows(told),
        "actors": ledger.actor_rows(told),
        "trails": [changes.trail_view(trail, zone) for trail in told.listed],
    }
    return render(content)


def _overlapping(window: Window) -> list[Query]:
    # A change belongs to the period when anything of it may have happened there.
    parts: list[Query] = []
    if window.since:
        parts.append({"range": {"@timestamp": {"gte": format_time(window.since)}}})
    if window.until:
        parts.append({"range": {"started": {"lt": format_time(window.until)}}})
    return parts


def _replace(path: Path, text: str) -> None:
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            # mkstemp makes it private; the report gets what the user's umask allows, like any file a command writes.
            os.chmod(temporary, 0o666 & ~_umask())  # noqa: PTH101 - a name, not a Path
            os.replace(temporary, path)  # noqa: PTH105 - likewise
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise ReviewError(f"{path} cannot be written: {exc.strerror or exc}") from exc


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
