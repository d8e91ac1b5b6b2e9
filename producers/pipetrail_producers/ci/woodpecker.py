"""Woodpecker CI.

https://woodpecker-ci.org/docs/usage/environment
"""

from collections.abc import Mapping

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context, origin


def context(env: Mapping[str, str]) -> Context:
    """What Woodpecker says. CI_COMMIT_BRANCH is the target's branch on pull requests; pipelines count per repository."""
    change, author = env.get("CI_COMMIT_PULL_REQUEST"), env.get("CI_PIPELINE_AUTHOR")
    ref = refs.first(
        refs.tag(env.get("CI_COMMIT_TAG")),
        refs.branch(env.get("CI_COMMIT_SOURCE_BRANCH") if change else env.get("CI_COMMIT_BRANCH")),
    )
    return Context(
        provider="woodpecker",
        instance=env.get("CI_SYSTEM_URL") or origin(env.get("CI_PIPELINE_URL")) or "urn:woodpecker",
        repository=env.get("CI_REPO_URL") or env.get("CI_REPO_CLONE_URL"),
        repository_name=env.get("CI_REPO"),
        commit=env.get("CI_COMMIT_SHA"),
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=env.get("CI_COMMIT_TARGET_BRANCH"),
        change_id=change,
        change_head_revision=env.get("CI_COMMIT_SHA") if change else None,
        pipeline_name=env.get("CI_WORKFLOW_NAME"),
        run_id=env.get("CI_PIPELINE_NUMBER"),
        run_url=env.get("CI_PIPELINE_URL"),
        task_name=env.get("CI_STEP_NAME"),
        task_id=env.get("CI_STEP_NUMBER"),
        task_url=env.get("CI_STEP_URL"),
        worker_name=env.get("CI_MACHINE"),
        actor_name=author,
        actor_type="user" if author else None,
        trigger=env.get("CI_PIPELINE_EVENT"),
        environment=env.get("CI_PIPELINE_DEPLOY_TARGET"),
    )
