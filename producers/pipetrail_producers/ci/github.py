"""GitHub Actions, and Gitea's and Forgejo's Actions, which set the same variables.

https://docs.github.com/actions/reference/workflows-and-actions/variables
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context, count, without_credentials

# The payload holds the whole pull request; GitHub caps a webhook's at 25 MB.
_MAX_PAYLOAD_BYTES = 25 * 1024 * 1024


def context(env: Mapping[str, str]) -> Context:
    """What GitHub Actions says.

    On refs/pull/N/merge GITHUB_SHA is a temporary merge that no branch holds. The head is in the event's payload; where that
    cannot be read, the commit stays unknown rather than wrong.
    """
    server = without_credentials(env.get("GITHUB_SERVER_URL")) or "https://github.com"
    name = env.get("GITHUB_REPOSITORY", "")
    request = _pull_request(env)
    on_merge = _number_of(env.get("GITHUB_REF", "")) is not None
    head = _text(request, "head", "sha")
    sha = env.get("GITHUB_SHA")
    ref = _ref(env)
    actor = env.get("GITHUB_TRIGGERING_ACTOR") or env.get("GITHUB_ACTOR")
    run, job, task = _urls(env, f"{server}/{name}")
    return Context(
        provider=_provider(env),
        instance=server,
        repository=f"{server}/{name}" if name else None,
        repository_name=name,
        commit=head if on_merge else sha,
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=env.get("GITHUB_BASE_REF"),
        change_id=str(request["number"]) if "number" in request else _number_of(env.get("GITHUB_REF", "")),
        change_head_revision=head,
        test_merge_revision=sha if on_merge else None,
        pipeline_name=env.get("GITHUB_WORKFLOW"),
        run_id=env.get("GITHUB_RUN_ID"),
        run_attempt=count(env.get("GITHUB_RUN_ATTEMPT")),
        run_url=run,
        task_name=env.get("GITHUB_JOB"),
        task_id=task,
        task_url=job,
        worker_name=env.get("RUNNER_NAME"),
        # GITHUB_ACTOR_ID belongs to the actor of the first attempt; who re-ran it may be somebody else.
        actor_id=env.get("GITHUB_ACTOR_ID") if actor == env.get("GITHUB_ACTOR") else None,
        actor_name=actor,
        actor_type=None if not actor else "app" if actor.endswith("[bot]") else "user",
        trigger=env.get("GITHUB_EVENT_NAME"),
    )


def _provider(env: Mapping[str, str]) -> str:
    return "gitea" if env.get("GITEA_ACTIONS") else "forgejo" if env.get("FORGEJO_ACTIONS") else "github"


def _ref(env: Mapping[str, str]) -> refs.Ref:
    kind, name = env.get("GITHUB_REF_TYPE"), env.get("GITHUB_REF_NAME")
    pull_request = refs.branch(env.get("GITHUB_HEAD_REF"))
    told = (
        refs.Ref(name, kind) if name and kind in {"branch", "tag"} and _number_of(f"refs/pull/{name}") is None else refs.NO_REF
    )
    return refs.first(pull_request, told, refs.branch(env.get("GITHUB_REF")))


def _urls(env: Mapping[str, str], repository: str) -> tuple[str | None, str | None, str | None]:
    """The run's page, the job's page, the job's id.

    JOB_CHECK_RUN_ID is not set by GitHub; a workflow passes it as `${{ job.check_run_id }}`, and only with it a job has a page.
    """
    if _provider(env) != "github" or not env.get("GITHUB_RUN_ID"):
        return None, None, env.get("JOB_CHECK_RUN_ID")
    run = f"{repository}/actions/runs/{env['GITHUB_RUN_ID']}"
    job_id, attempt = env.get("JOB_CHECK_RUN_ID"), env.get("GITHUB_RUN_ATTEMPT")
    return f"{run}/attempts/{attempt}" if attempt else run, f"{run}/job/{job_id}" if job_id else None, job_id


def _number_of(ref: str) -> str | None:
    parts = ref.split("/")
    return parts[2] if len(parts) == 4 and parts[:2] == ["refs", "pull"] and parts[3] == "merge" else None  # noqa: PLR2004  # refs/pull/N/merge


def _pull_request(env: Mapping[str, str]) -> dict[str, Any]:
    path = Path(env.get("GITHUB_EVENT_PATH") or "/nonexistent")
    try:
        payload = json.loads(path.read_bytes()) if path.stat().st_size <= _MAX_PAYLOAD_BYTES else {}
    except (OSError, ValueError):
        return {}
    request = payload.get("pull_request") if isinstance(payload, dict) else None
    return request if isinstance(request, dict) else {}


def _text(content: Mapping[str, Any], *path: str) -> str | None:
    value: Any = content
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else None
