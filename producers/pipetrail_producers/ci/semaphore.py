"""Semaphore.

https://docs.semaphore.io/reference/env-vars
"""

from collections.abc import Mapping

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context


def context(env: Mapping[str, str]) -> Context:
    """What Semaphore says. On pull requests SEMAPHORE_GIT_SHA is a temporary merge, SEMAPHORE_GIT_BRANCH the target."""
    is_change = env.get("SEMAPHORE_GIT_REF_TYPE") == "pull-request"
    sha, head = env.get("SEMAPHORE_GIT_SHA"), env.get("SEMAPHORE_GIT_PR_SHA")
    ref = refs.first(
        refs.tag(env.get("SEMAPHORE_GIT_TAG_NAME")),
        refs.branch(env.get("SEMAPHORE_GIT_PR_BRANCH") if is_change else env.get("SEMAPHORE_GIT_BRANCH")),
    )
    server = (env.get("SEMAPHORE_ORGANIZATION_URL") or "https://semaphoreci.com").rstrip("/")
    workflow, job = env.get("SEMAPHORE_WORKFLOW_ID"), env.get("SEMAPHORE_JOB_ID")
    return Context(
        provider="semaphore",
        instance=server,
        repository=env.get("SEMAPHORE_GIT_URL"),
        repository_name=env.get("SEMAPHORE_GIT_REPO_SLUG"),
        commit=head if is_change else sha,
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=env.get("SEMAPHORE_GIT_BRANCH") if is_change else None,
        change_id=env.get("SEMAPHORE_GIT_PR_NUMBER"),
        change_head_revision=head if is_change else None,
        test_merge_revision=sha if is_change and head != sha else None,
        pipeline_name=env.get("SEMAPHORE_PROJECT_NAME"),
        run_id=workflow,
        run_url=f"{server}/workflows/{workflow}" if workflow else None,
        task_name=env.get("SEMAPHORE_JOB_NAME"),
        task_id=job,
        task_url=f"{server}/jobs/{job}" if job else None,
        worker_name=env.get("SEMAPHORE_AGENT_MACHINE_TYPE"),
    )
