"""Codefresh.

https://codefresh.io/docs/docs/pipelines/variables/#system-variables
"""

from collections.abc import Mapping

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context, origin


def context(env: Mapping[str, str]) -> Context:
    """What Codefresh says. The repository's URL is not told; the commit's page (CF_COMMIT_URL) lies below it."""
    change, actor = env.get("CF_PULL_REQUEST_NUMBER"), env.get("CF_BUILD_INITIATOR")
    owner, name = env.get("CF_REPO_OWNER"), env.get("CF_REPO_NAME")
    ref = refs.first(refs.tag(env.get("CF_RELEASE_TAG")), refs.branch(env.get("CF_BRANCH")))
    forge = origin(env.get("CF_COMMIT_URL"))
    return Context(
        provider="codefresh",
        instance=origin(env.get("CF_BUILD_URL")) or "https://g.codefresh.io",
        repository=f"{forge}/{owner}/{name}" if forge and owner and name else None,
        repository_name=f"{owner}/{name}" if owner and name else None,
        commit=env.get("CF_REVISION"),
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=env.get("CF_PULL_REQUEST_TARGET"),
        change_id=change,
        change_head_revision=env.get("CF_REVISION") if change else None,
        pipeline_name=env.get("CF_PIPELINE_NAME"),
        run_id=env.get("CF_BUILD_ID"),
        run_url=env.get("CF_BUILD_URL"),
        task_name=env.get("CF_STEP_NAME"),
        actor_name=actor,
        actor_type="user" if actor else None,
    )
