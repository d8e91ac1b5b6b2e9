"""Check runs, check suites and commit statuses: how other systems report to GitHub. Pure.

GitHub Actions reports its jobs as check runs, too: such a check run is the job, under the job's id, so that whichever of the
two is subscribed to tells it, and both tell it once. Its suites are the workflow runs, which tell more.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.github.conclusion import conclusion
from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import first_moment, missing, moment, part, required, sender
from pipetrail_producers.webhook.github.workflow_job import KIND as JOB
from pipetrail_producers.webhook.github.workflow_job import task_fact, task_facts, task_of
from pipetrail_producers.webhook.payload import at, items
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, full_revision, merged, name, title, url

_RUN, _SUITE, _STATUS = "check_run", "check_suite", "status"
_ACTIONS = "github-actions"
_RUN_PAGE = re.compile(r"/actions/runs/(\d{1,19})(?:/|$)", re.ASCII)
_RERUN = "rerun"


def check_run(payload: Any, place: Place) -> Translation:
    """What a webhook tells of a check run."""
    place.need_repository(_RUN)
    run = part(payload, _RUN, _RUN)
    action = required(payload, "action", _RUN)
    if action in {"rerequested", "requested_action"}:
        word = _RERUN if action == "rerequested" else action
        asked: Data = {
            "event": {"action": word},
            "pipetrail": {"labels": {"asked": name(payload, "requested_action.identifier")}},
        }
        data = merged(sender(payload), _about_run(run), asked)
        key = (_RUN, f"{required(run, 'id', _RUN)} {place.delivery}")
        return Translation((place.fact("intervention.recorded", None, key, data, state=word, subject=name(run, "name")),))
    found = tuple(facts(run, place, sender(payload)))
    return Translation(found) if found else Translation(silent="the check waits; its start will be told")


def facts(run: Mapping[str, Any], place: Place, who: Data | None = None) -> Iterator[Fact]:
    """The facts of a check run, as far as it has come; `who` is the actor where no app is named."""
    kinds = (JOB if is_actions(run) else _RUN, _RUN)
    why: Data = {} if is_actions(run) else {"event": {"reason": title(run, "output.title")}}
    return task_facts(place, kinds, run, lambda: merged(_app(run, who), _about_run(run)), why)


def is_actions(thing: Any) -> bool:
    """Whether it is GitHub Actions that reports."""
    return name(thing, "app.slug") == _ACTIONS


def check_suite(payload: Any, place: Place) -> Translation:
    """What a webhook tells of a check suite: all checks of one app on one commit."""
    place.need_repository(_SUITE)
    suite = part(payload, _SUITE, _SUITE)
    action = required(payload, "action", _SUITE)
    if action == "rerequested":
        data = merged(sender(payload), _about_suite(suite), {"event": {"action": _RERUN}})
        key = (_SUITE, f"{required(suite, 'id', _SUITE)} {place.delivery}")
        return Translation((place.fact("intervention.recorded", None, key, data, state=_RERUN),))
    if is_actions(suite):
        return Translation(silent="a suite of GitHub Actions is a workflow run, which `workflow_run` tells")
    how = conclusion(name(suite, "conclusion"))
    if action != "completed" or how is None:
        return Translation(silent="the suite was asked for, or has no conclusion: its check runs tell what happens")
    data = merged(_app(suite, sender(payload)), _about_suite(suite), how.data)
    key = (_SUITE, required(suite, "id", _SUITE))
    # A suite that checks are added to, or that is run again, completes anew.
    state = f"finished {moment(suite, 'updated_at')}"
    return Translation((place.fact("pipelinerun.finished", moment(suite, "updated_at"), key, data, state=state),))


def status(payload: Any, place: Place) -> Translation:
    """What a webhook tells of a commit status, the older way of reporting; each change of state has an id of its own."""
    place.need_repository(_STATUS)
    branches = [found for branch in items(payload, "branches") if (found := name(branch, "name"))]
    # A commit can be the head of several branches: then none of them is "the" branch.
    head: Data = {"vcs": {"ref": {"head": {"name": branches[0] if len(branches) == 1 else None}}}}
    more = merged(sender(payload), head, _account(payload))
    return Translation((status_fact(payload, place, full_revision(payload, "sha"), more),))


def _account(payload: Any) -> Data:
    """That no account stands behind the commit's author: GitHub says so with a null. What is left out says nothing.

    It is told with the status, and not as the commit's own event: that one is the same by whoever tells it, and a push, which
    leaves the account out, has told it before.
    """
    commit = at(payload, "commit")
    is_null = isinstance(commit, Mapping) and "author" in commit and commit["author"] is None
    return {"pipetrail": {"commit": {"account": "none"}}} if is_null else {}


def status_fact(found: Any, place: Place, sha: str | None, more: Data) -> Fact:
    """The fact of one commit status.

    Args:
        found: the webhook's payload, or a REST answer's member, which does not repeat its commit.
        place: where.
        sha: the commit.
        more: the actor, and what else is known.
    """
    key = (_STATUS, required(found, "id", _STATUS))
    word = required(found, "state", _STATUS)
    data = merged(
        more,
        task_of(required(found, "context", _STATUS), key[1], url(found, "target_url")),
        {"event": {"reason": title(found, "description")}, "vcs": {"ref": {"head": {"revision": sha}}}},
    )
    time = first_moment(found, "updated_at", "created_at")
    if word == "pending":
        return task_fact(place, key, "started", time, data)
    how = conclusion(word) or missing(_STATUS, "state")
    return task_fact(place, key, "finished", time, merged(data, how.data))


def _about_run(run: Mapping[str, Any]) -> Data:
    page = _RUN_PAGE.search(name(run, "details_url") or "") if is_actions(run) else None
    return merged(
        task_of(required(run, "name", _RUN), name(run, "id"), None if is_actions(run) else url(run, "details_url")),
        {
            "vcs": {"ref": {"head": {"revision": full_revision(run, "head_sha")}}},
            "cicd": {"pipeline": {"run": {"id": page[1] if page else None}}},
        },
    )


def _about_suite(suite: Mapping[str, Any]) -> Data:
    return {
        "vcs": {"ref": {"head": {"name": name(suite, "head_branch"), "revision": full_revision(suite, "head_sha")}}},
        "cicd": {"pipeline": {"name": name(suite, "app.name"), "run": {"id": f"check_suite/{name(suite, 'id')}"}}},
    }


def _app(thing: Mapping[str, Any], who: Data | None) -> Data:
    """The app that reports, as the actor. Of an Actions job, the app says nothing of who set it off."""
    slug = name(thing, "app.slug")
    if slug is None:
        return who or {}
    if slug == _ACTIONS:
        return {}
    return {
        "user": {"id": name(thing, "app.id"), "name": f"{slug}[bot]"},
        "cicd": {"pipeline": {"name": name(thing, "app.name")}},
        "pipetrail": {"actor": {"type": "app"}},
    }
