"""What is read of a GitLab project, in which order, and which facts each list's members tell. Pure but for the reader.

The facts are made by the functions that translate the hooks, from the objects that both have alike, so their ids are the same.
Lists go from the oldest to the newest where GitLab allows it: what comes in while they are read lengthens the last page instead
of shifting all others.
https://docs.gitlab.com/api/rest/#pagination
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from pipetrail_schemas.times import format_time

from pipetrail_producers.importers.rest.backfill import Reader, Step
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.gitlab import deployment, job, merge_request, pipeline, release, review
from pipetrail_producers.webhook.gitlab.place import Place
from pipetrail_producers.webhook.gitlab.read import moment, required

# The most that GitLab gives on one page.
_PAGE = {"per_page": "100"}


def steps(place: Place, since: datetime | None) -> list[Step]:
    """The lists of a project.

    Args:
        place: the project.
        since: what was altered before is left out (GitLab's `updated_after`; of releases, what was released before).
    """
    after = {"updated_after": format_time(since.astimezone(UTC))} if since else {}
    oldest_first = {**_PAGE, "order_by": "updated_at", "sort": "asc", **after}

    def is_older(member: Any) -> bool:
        released = moment(member, "released_at")
        return since is not None and released is not None and released < since

    return [
        Step("merge requests", "merge_requests", _Facts(place).merge_request, {"state": "all", "scope": "all", **oldest_first}),
        Step("pipelines", "pipelines", _Facts(place).pipeline, oldest_first),
        Step("deployments", "deployments", _Facts(place).deployment, oldest_first),
        Step("releases", "releases", _Facts(place).release, {**_PAGE, "order_by": "released_at", "sort": "desc"}, "", is_older),
    ]


class _Facts:
    """The facts of one member of each list."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def merge_request(self, reader: Reader, member: Any) -> Iterator[Fact]:
        path = f"merge_requests/{merge_request.number_of(member)}"
        # The request has only its present head; its versions have them all, with their times.
        versions = list(reader.items(f"{path}/versions", _PAGE))
        yield from merge_request.history(member, self._place, review.first_head(versions))
        about = merge_request.about(merge_request.lasting(member))
        yield from review.approvals(member, self._place, about, reader.get(f"{path}/approvals"), versions)

    def pipeline(self, reader: Reader, member: Any) -> Iterator[Fact]:
        # The list has neither the times nor the person.
        path = f"pipelines/{required(member, 'id', 'pipeline')}"
        yield from pipeline.facts(reader.get(path) or member, self._place)
        for one in reader.items(f"{path}/jobs", {**_PAGE, "include_retried": "true"}):
            if job.is_told(one):
                yield from job.facts(one, self._place)

    def deployment(self, reader: Reader, member: Any) -> Iterator[Fact]:
        # The list has no approvals.
        path = f"deployments/{required(member, 'id', 'deployment')}"
        yield from deployment.facts(reader.get(path) or member, self._place)

    def release(self, reader: Reader, member: Any) -> Iterator[Fact]:
        del reader
        yield release.published(member, self._place)
