"""CircleCI, in the cloud and on a server of one's own.

https://circleci.com/docs/reference/variables/
"""

from collections.abc import Mapping

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context, origin


def context(env: Mapping[str, str]) -> Context:
    """What CircleCI says. A re-run makes a new workflow, so there are no attempts."""
    ref = refs.first(refs.tag(env.get("CIRCLE_TAG")), refs.branch(env.get("CIRCLE_BRANCH")))
    workflow, user = env.get("CIRCLE_WORKFLOW_ID"), env.get("CIRCLE_USERNAME")
    change = env.get("CIRCLE_PR_NUMBER") or env.get("CIRCLE_PULL_REQUEST", "").rstrip("/").rpartition("/")[2]
    return Context(
        provider="circleci",
        instance=origin(env.get("CIRCLE_BUILD_URL")) or "https://circleci.com",
        repository=env.get("CIRCLE_REPOSITORY_URL"),
        commit=env.get("CIRCLE_SHA1"),
        ref_name=ref.name,
        ref_type=ref.type,
        change_id=change,
        change_head_revision=env.get("CIRCLE_SHA1") if change else None,
        pipeline_name=env.get("CIRCLE_PROJECT_REPONAME"),
        run_id=workflow,
        run_url=f"https://app.circleci.com/pipelines/workflows/{workflow}" if workflow else None,
        task_name=env.get("CIRCLE_JOB"),
        task_id=env.get("CIRCLE_BUILD_NUM"),
        task_url=env.get("CIRCLE_BUILD_URL"),
        actor_name=user,
        actor_type="user" if user else None,
    )
