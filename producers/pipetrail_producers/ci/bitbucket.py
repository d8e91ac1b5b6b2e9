"""Bitbucket Pipelines.

https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/
"""

from collections.abc import Mapping

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context


def context(env: Mapping[str, str]) -> Context:
    """What Bitbucket says.

    The build number is counted anew in every repository. BITBUCKET_GIT_HTTP_ORIGIN says http for a site that is served by
    https, so the URL is made from the full name.
    """
    name, number, step = env.get("BITBUCKET_REPO_FULL_NAME"), env.get("BITBUCKET_BUILD_NUMBER"), env.get("BITBUCKET_STEP_UUID")
    repository = f"https://bitbucket.org/{name}" if name else None
    run = f"{repository}/pipelines/results/{number}" if repository and number else None
    ref = refs.first(refs.tag(env.get("BITBUCKET_TAG")), refs.branch(env.get("BITBUCKET_BRANCH")))
    change, actor = env.get("BITBUCKET_PR_ID"), env.get("BITBUCKET_STEP_TRIGGERER_UUID")
    return Context(
        provider="bitbucket",
        instance="https://bitbucket.org",
        repository=repository,
        repository_name=name,
        commit=env.get("BITBUCKET_COMMIT"),
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=env.get("BITBUCKET_PR_DESTINATION_BRANCH"),
        change_id=change,
        change_head_revision=env.get("BITBUCKET_COMMIT") if change else None,
        pipeline_name=name,
        run_id=number,
        run_url=run,
        task_id=step,
        task_url=f"{run}/steps/{step}" if run and step else None,
        actor_id=actor,
        actor_type="user" if actor else None,
        environment=env.get("BITBUCKET_DEPLOYMENT_ENVIRONMENT"),
    )
