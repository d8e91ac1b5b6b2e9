"""What is read of a repository on GitHub, and what it tells. The facts are made by the webhooks' own translators.

REST tells things as they are now: pull requests with their reviews and the checks of their commits, workflow runs with every
attempt and all jobs, deployments with all their statuses, releases. Pushes, and what was later deleted, are not to be had.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pipetrail_producers.importers.rest.backfill import Reader, Step
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.github import check, deployment, pull_request, release, review, workflow_job, workflow_run
from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import actor, first_moment, moment
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.values import full_revision, name

# Members a page. With the requests for each member, a page is some hundred requests: what is told again after a break.
_PAGE = {"per_page": "50"}
# Of what belongs to one member, GitHub's most: there is rarely a second page.
_ALL = {"per_page": "100"}
_DISMISSED = "dismissed"


def steps(place: Place, since: datetime | None) -> list[Step]:
    """The steps of a repository's back-fill.

    Args:
        place: the repository.
        since: leave out pull requests that were not touched, and runs and deployments not created, since then.
    """
    of = _Of(place, since)
    newest_touched = {**_PAGE, "state": "all", "sort": "updated", "direction": "desc"}
    return [
        Step("pull requests", "pulls", of.pull_request, newest_touched, is_older=_older(since, "updated_at")),
        Step("workflow runs", "actions/runs", of.run, _PAGE, members="workflow_runs", is_older=_older(since, "created_at")),
        Step("deployments", "deployments", of.deployment, _PAGE, is_older=_older(since, "created_at")),
        # Sorted by the date of their commits, which says nothing about when they were published.
        Step("releases", "releases", of.release, _PAGE),
    ]


class _Of:
    """The facts of the members of each list."""

    def __init__(self, place: Place, since: datetime | None) -> None:
        self._place, self._since = place, since

    def pull_request(self, reader: Reader, request: Any) -> Iterator[Fact]:
        number = name(request, "number")
        if pull_request.is_merged(request):
            # Only the single answer says who merged.
            whole = reader.get(f"pulls/{number}")
            request = whole if isinstance(whole, Mapping) else request
        yield from pull_request.history(request, self._place)
        reviews = list(reader.items(f"pulls/{number}/reviews", _ALL))
        events = list(reader.items(f"issues/{number}/events", _ALL)) if any(map(_is_dismissed, reviews)) else []
        for one in reviews:
            yield from review.history(one, request, events, self._place)
        yield from self._checks(reader, request)

    def run(self, reader: Reader, run: Any) -> Iterator[Fact]:
        identity = name(run, "id")
        for attempt in range(1, workflow_run.attempt_of(run)):
            earlier = reader.get(f"actions/runs/{identity}/attempts/{attempt}")
            if isinstance(earlier, Mapping):
                yield from workflow_run.facts(earlier, self._place)
        yield from workflow_run.facts(run, self._place)
        for job in reader.items(f"actions/runs/{identity}/jobs", {**_ALL, "filter": "all"}, members="jobs"):
            yield from workflow_job.facts(job, self._place)

    def deployment(self, reader: Reader, found: Any) -> Iterator[Fact]:
        yield deployment.requested(found, self._place)
        # The newest first: told in the order of happening.
        for status in reversed(list(reader.items(f"deployments/{name(found, 'id')}/statuses", _ALL))):
            yield from deployment.facts(status, found, self._place)

    def release(self, reader: Reader, found: Any) -> Iterator[Fact]:
        del reader
        published = first_moment(found, "published_at", "created_at")
        if self._since is None or published is None or published >= self._since:
            yield from release.facts(found, self._place)

    def _checks(self, reader: Reader, request: Any) -> Iterator[Fact]:
        """What others than GitHub Actions say of a request's head and of its merge; Actions' jobs come with their runs."""
        merge = full_revision(request, "merge_commit_sha") if pull_request.is_merged(request) else None
        for sha in dict.fromkeys(filter(None, (full_revision(request, "head.sha"), merge))):
            for run in reader.items(f"commits/{sha}/check-runs", _ALL, members="check_runs"):
                if not check.is_actions(run):
                    yield from check.facts(run, self._place)
            for status in reader.items(f"commits/{sha}/statuses", _ALL):
                yield check.status_fact(status, self._place, sha, actor(at(status, "creator")))


def _is_dismissed(one: Any) -> bool:
    return (name(one, "state") or "").lower() == _DISMISSED


def _older(since: datetime | None, path: str) -> Any:
    def is_older(member: Any) -> bool:
        time = moment(member, path)
        return since is not None and time is not None and time < since

    return is_older
