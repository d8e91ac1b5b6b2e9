"""Finds a Jenkins' jobs, and reads their builds in ranges. Pure but for the source that it asks.

Jenkins' REST API (JOB/api/json) has no pages: `tree=allBuilds[…]{FROM,TO}` gives a range, the newest build first. `builds`
alone gives no more than the newest hundred. Folders and multibranch projects hold jobs; which jobs there are is asked with one
request for each five levels of them.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from pipetrail_producers.importers.rest.backfill import Reader
from pipetrail_producers.importers.rest.source import Page, Params, Source, members_of
from pipetrail_producers.webhook.payload import at, items, number
from pipetrail_producers.webhook.values import name

API = "api/json"
# Builds in one answer: with their causes and checkouts some 200 KB.
RANGE = 100
_LEVELS = 5
# Classes whose members are jobs end in one of these (Folder, OrganizationFolder, WorkflowMultiBranchProject).
_CONTAINERS = ("Folder", "MultiBranchProject")
_CAUSES = "causes[_class,shortDescription,userId,userName,user[fullName,absoluteUrl]]"
_CHECKOUT = "remoteUrls,lastBuiltRevision[SHA1,branch[name]],buildsByBranchName[*[buildNumber,revision[SHA1,branch[name]]]]"
_ACTIONS = f"actions[_class,{_CAUSES},{_CHECKOUT},totalCount,failCount,skipCount]"
_BUILD = f"number,url,queueId,timestamp,duration,result,builtOn,{_ACTIONS}"
# Deeper than any tree of folders; against a server that answers in circles.
_MAX_DEPTH = 50


class Job:
    """A job: its path in the API (`job/pay/job/shop`), and its path of names (`pay/shop`)."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.path = "/".join(f"job/{quote(one, safe='')}" for one in names)
        self.name = "/".join(names)

    @property
    def api(self) -> str:
        """Where its REST object is."""
        return f"{self.path}/{API}" if self.path else API


def jobs(source: Source) -> list[Job]:
    """Every job below the source's base, in Jenkins' order; the base itself where it is a job.

    Raises:
        NothingThereError: there is no Jenkins, folder or job at the base.
        RestError: an answer cannot be had.
    """
    top = source.get(API, _tree())
    return [Job(())] if at(top, "jobs") is None else [Job(names) for names in _below(source, top, ())]


def _below(source: Source, container: Any, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for child in items(container, "jobs"):
        own = name(child, "name")
        if own is None or len(names) >= _MAX_DEPTH:
            continue
        inside = (*names, own)
        if at(child, "jobs") is not None:
            yield from _below(source, child, inside)
        elif (name(child, "_class") or "").endswith(_CONTAINERS):
            yield from _below(source, source.get(Job(inside).api, _tree()), inside)
        else:
            yield inside


def _tree() -> Params:
    inner = "name"
    for _ in range(_LEVELS):
        inner = f"name,jobs[{inner}]"
    return {"tree": inner.removeprefix("name,")}


class Descriptions:
    """Which stages Pipeline builds had, one request each, as long as the Jenkins has the plugin that says so."""

    def __init__(self) -> None:
        self._is_there: bool | None = None

    def of(self, reader: Reader, job: Job, build: Any) -> Any:
        """The description of a build; None for other builds, and after the first one that was not there, if none was before."""
        count = number(build, "number")
        if not (name(build, "_class") or "").endswith("WorkflowRun") or count is None or self._is_there is False:
            return None
        prefix = f"{job.path}/" if job.path else ""
        found = reader.get(f"{prefix}{count}/wfapi/describe")
        self._is_there = self._is_there or found is not None
        return found


class SavedBuilds:
    """A `Source` whose lists are the builds of jobs, out of saved answers: `allBuilds`, else `builds`."""

    def __init__(self, saved: Source) -> None:
        self._saved = saved

    def get(self, path: str, params: Params | None = None) -> Any:
        """One answer (`Source.get`)."""
        return self._saved.get(path, params)

    def pages(self, path: str, params: Params | None = None, *, members: str = "", start: str | None = None) -> Iterator[Page]:
        """The builds of a job (`Source.pages`)."""
        for spelling in (members, "builds"):
            found = list(self._saved.pages(path, params, members=spelling, start=start))
            if any(page.items for page in found):
                yield from found
                return


class Builds:
    """A `Source` whose lists are the builds of jobs, read in ranges from the API that it is given."""

    def __init__(self, api: Source) -> None:
        self._api = api

    def get(self, path: str, params: Params | None = None) -> Any:
        """One answer (`Source.get`)."""
        return self._api.get(path, params)

    def pages(self, path: str, params: Params | None = None, *, members: str = "", start: str | None = None) -> Iterator[Page]:
        """The builds of a job in ranges (`Source.pages`); a page's mark is the number of builds before it."""
        del params
        first = int(start) if start and start.isascii() and start.isdigit() else 0
        while True:
            tree = f"allBuilds[{_BUILD}]{{{first},{first + RANGE}}}"
            found = members_of(self._api.get(path, {"tree": tree}), members)
            following = str(first + RANGE) if len(found) >= RANGE else None
            yield Page(found, following)
            if following is None:
                return
            first += RANGE
