"""GitLab CI/CD.

https://docs.gitlab.com/ci/variables/predefined_variables/
"""

import re
from collections.abc import Mapping

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context, origin

# Users that GitLab makes for project and group access tokens.
_TOKEN_USER = re.compile(r"(project|group)_\d+_bot")


def context(env: Mapping[str, str]) -> Context:
    """What GitLab says.

    In merged-results and merge-train pipelines CI_COMMIT_SHA is a temporary merge, and only there
    CI_MERGE_REQUEST_SOURCE_BRANCH_SHA is set: the head.
    """
    sha, head = env.get("CI_COMMIT_SHA"), env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")
    change = env.get("CI_MERGE_REQUEST_IID")
    ref = refs.first(
        refs.branch(env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME")),
        refs.tag(env.get("CI_COMMIT_TAG")),
        refs.branch(env.get("CI_COMMIT_BRANCH") or env.get("CI_COMMIT_REF_NAME")),
    )
    actor = env.get("GITLAB_USER_LOGIN")
    return Context(
        provider="gitlab",
        instance=env.get("CI_SERVER_URL") or origin(env.get("CI_PROJECT_URL")) or "https://gitlab.com",
        repository=env.get("CI_REPOSITORY_URL") or env.get("CI_PROJECT_URL"),
        repository_name=env.get("CI_PROJECT_PATH"),
        commit=head or sha,
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=env.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
        change_id=change,
        change_head_revision=head or sha if change else None,
        test_merge_revision=sha if head else None,
        pipeline_name=env.get("CI_PIPELINE_NAME") or env.get("CI_PROJECT_PATH"),
        run_id=env.get("CI_PIPELINE_ID"),
        run_url=env.get("CI_PIPELINE_URL"),
        task_name=env.get("CI_JOB_NAME"),
        task_id=env.get("CI_JOB_ID"),
        task_url=env.get("CI_JOB_URL"),
        worker_name=env.get("CI_RUNNER_DESCRIPTION") or env.get("CI_RUNNER_ID"),
        actor_id=env.get("GITLAB_USER_ID"),
        actor_name=actor,
        actor_email=env.get("GITLAB_USER_EMAIL"),
        actor_type=None if not actor else "service_account" if _TOKEN_USER.match(actor) else "user",
        trigger=env.get("CI_PIPELINE_SOURCE"),
        environment=env.get("CI_ENVIRONMENT_NAME"),
    )
