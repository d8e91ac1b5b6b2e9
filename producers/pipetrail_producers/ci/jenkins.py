"""Jenkins, with the variables of its git, branch-source and build-user-vars plugins where they are installed.

https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables
"""

from collections.abc import Mapping
from urllib.parse import quote

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context, origin, without_credentials


def context(env: Mapping[str, str]) -> Context:
    """What Jenkins says.

    The run's id is BUILD_URL: BUILD_TAG turns the slashes of a job's path into dashes, so that two jobs can share one. A pull
    request's commit is a temporary merge only where the branch's name says so (`PR-1-merge`); a project that builds its
    requests in one way alone does not tell which.
    """
    commit, branch_name = env.get("GIT_COMMIT"), env.get("BRANCH_NAME")
    on_merge = bool(env.get("CHANGE_ID")) and (branch_name or "").endswith("-merge")
    ref = refs.first(
        refs.branch(env.get("CHANGE_BRANCH")),
        refs.tag(env.get("TAG_NAME")),
        refs.branch(env.get("GIT_BRANCH") if env.get("CHANGE_ID") is None else None),
        refs.branch(branch_name),
    )
    return Context(
        provider="jenkins",
        instance=without_credentials(env.get("JENKINS_URL")) or origin(env.get("BUILD_URL")) or "urn:jenkins",
        repository=env.get("GIT_URL") or env.get("GIT_URL_1"),
        commit=None if on_merge else commit,
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=env.get("CHANGE_TARGET"),
        change_id=env.get("CHANGE_ID"),
        test_merge_revision=commit if on_merge else None,
        pipeline_name=_job_name(env.get("JOB_NAME"), (ref.name, branch_name)),
        run_id=without_credentials(env.get("BUILD_URL")) or env.get("BUILD_TAG"),
        run_url=env.get("BUILD_URL"),
        task_name=env.get("STAGE_NAME"),
        worker_name=env.get("NODE_NAME"),
        actor_id=env.get("BUILD_USER_ID"),
        actor_name=env.get("BUILD_USER_ID") or env.get("BUILD_USER"),
        actor_email=env.get("BUILD_USER_EMAIL"),
        actor_type="user" if env.get("BUILD_USER_ID") else None,
    )


def _job_name(job: str | None, branches: tuple[str | None, ...]) -> str | None:
    """The job's path without what varies from run to run: the branch of a multibranch project, the axes of a matrix."""
    if not job:
        return None
    for branch in branches:
        if branch:
            job = job.removesuffix(f"/{branch}").removesuffix(f"/{quote(branch, safe='')}")
    return "/".join(part for part in job.split("/") if "=" not in part)
