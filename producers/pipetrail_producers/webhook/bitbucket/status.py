"""Build statuses that CI systems, Bitbucket Pipelines among them, report on a commit in Cloud.

A status whose address is a result of Pipelines is that run; any other is a task by the name of its key. A status may be
reported anew under the same key, so the time of its last alteration is part of the id of an end.
https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#Build-status-created
"""

import re
from collections.abc import Mapping
from typing import Any

from pipetrail_producers.webhook.bitbucket.read import Place, moment, part, required, stamp
from pipetrail_producers.webhook.stage_words import task_type
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from pipetrail_producers.webhook.values import Data, full_revision, merged, name, url

KINDS = ("repo:commit_status_created", "repo:commit_status_updated")
_RESULTS = {"SUCCESSFUL": "success", "FAILED": "failure", "STOPPED": "cancellation"}
_RUNNING = "INPROGRESS"
_COMMIT_IN_URL = re.compile(r"/commit/([0-9a-f]{40})(?:$|[/?#])", re.ASCII)
_PIPELINES_RESULT = re.compile(r"/pipelines/(?:home#!/)?results/(\d{1,18})", re.ASCII)


def hook(kind: str, payload: Mapping[str, Any], place: Place) -> Translation:
    """A build status came or changed."""
    status = part(payload, "commit_status", kind)
    state = required(status, "state", kind)
    if state != _RUNNING and state not in _RESULTS:
        raise UntranslatableError(f"bitbucket {kind}: commit_status.state {state!r:.80} is not known")
    in_url = _COMMIT_IN_URL.search(url(status, "links.commit.href") or "")
    sha = full_revision(status, "commit.hash") or (in_url[1] if in_url else None)
    page = url(status, "url")
    run = _PIPELINES_RESULT.search(page or "")
    key = ("pipeline", run[1]) if run else ("commit_status", f"{sha}:{required(status, 'key', kind)}")
    data = merged(_ran(status, run[1] if run else None, page, kind), {"vcs": {"ref": {"head": {"revision": sha}}}})
    noun, subject = ("pipelinerun", run[1]) if run else ("taskrun", name(status, "name"))
    updated = moment(status, "updated_on")
    if state == _RUNNING:
        started = moment(status, "created_on") or updated
        return Translation((place.fact(f"{noun}.started", started, key, data, state="started", subject=subject),))
    outcome = {"pipetrail": {"result": _RESULTS[state], "result_raw": state}}
    ended = f"finished {stamp(updated)}"
    return Translation((place.fact(f"{noun}.finished", updated, key, merged(data, outcome), state=ended, subject=subject),))


def _ran(status: Mapping[str, Any], run: str | None, page: str | None, kind: str) -> Data:
    called = name(status, "name") or required(status, "key", kind)
    ref = {"name": name(status, "refname"), "type": "branch" if name(status, "refname") else None}
    # A status names nobody: it is an app or a token that reports it.
    own: Data = {"vcs": {"ref": {"head": ref}}, "pipetrail": {"actor": {"type": "unknown"}}}
    if run:
        return merged(own, {"cicd": {"pipeline": {"run": {"id": run, "url": {"full": page}}}}})
    stage = task_type(called)
    task = {"name": called, "type": stage, "run": {"id": name(status, "key"), "url": {"full": page}}}
    labels = {"description": name(status, "description")}
    return merged(own, {"cicd": {"pipeline": {"task": task}}, "pipetrail": {"stage": stage, "labels": labels}})
