"""The end of the demo: what the index tells of the delivery, read as an auditor reads it."""

import time
from datetime import datetime
from pathlib import Path

from pipetrail_review import report
from pipetrail_review.client import Client
from pipetrail_review.documents import trail_of
from pipetrail_review.findings import Filter, find_findings, in_status
from pipetrail_review.kinds import TRAILS
from pipetrail_review.query import all_of, is_, standing_trails
from pipetrail_review.render import findings_list, timeline
from pipetrail_review.terminal import console
from pipetrail_schemas.trail import Trail

from pipetrail_deploy.demo.changes import DELIVERY
from pipetrail_deploy.demo.errors import DemoError
from pipetrail_deploy.reporter import Reporter

EXPECTED = frozenset(change.rule for change in DELIVERY if change.rule)
_TIMEOUT_S = 240.0  # the wait for what an event without a commit belongs to, and what a busy machine adds to it
_POLL_S = 0.25
_MOST = 1_000  # findings of one small repository


def wait_until_told(client: Client, repository: str) -> None:
    """Wait until the index tells of everything that was done in the delivery and should not have been.

    Raises:
        DemoError: it does not, in a time that would do.
        ReviewError: OpenSearch has no answer.
    """
    deadline = time.monotonic() + _TIMEOUT_S
    while missing := EXPECTED - _rules(client, repository):
        if time.monotonic() > deadline:
            raise DemoError(f"{', '.join(sorted(missing))} happened and was not found within {_TIMEOUT_S:.0f} s")
        time.sleep(_POLL_S)


def tell(client: Client, repository: str, now: datetime) -> None:
    """Print the trails of a repository in order of time, and what was found.

    Raises:
        ReviewError: OpenSearch has no answer.
    """
    screen = console()
    trails = sorted(_trails(client, repository), key=lambda trail: (trail.started, trail.pipetrail.trail.id))
    for trail in trails:
        screen.print()
        screen.print(timeline(trail, now=now))
    screen.print()
    screen.print("Findings", style="bold")
    screen.print(findings_list([finding for trail in trails for finding in trail.pipetrail.trail.findings]))
    screen.print()


def write_report(client: Client, path: Path, now: datetime, reporter: Reporter) -> None:
    """Write the report of all that is indexed.

    Raises:
        ReviewError: OpenSearch has no answer, or the file cannot be written.
    """
    told = report.write(client, path, now=now)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    reporter.line("Report", f"{shown}   {told.trails} trails, {told.findings} findings")


def _trails(client: Client, repository: str) -> list[Trail]:
    wanted = all_of(standing_trails(), is_("vcs.repository.url.full", repository))
    return [trail_of(document) for document in client.scan(TRAILS, wanted)]


def _rules(client: Client, repository: str) -> set[str]:
    found, *_ = find_findings(client, Filter(standing=in_status("open"), repository=repository), limit=_MOST)
    return {document["rule"]["id"] for document in found.documents}
