"""Buildkite.

https://buildkite.com/docs/pipelines/configure/environment-variables
"""

from collections.abc import Mapping

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context, count


def context(env: Mapping[str, str]) -> Context:
    """What Buildkite says. The actor is the build's creator; BUILDKITE_BUILD_AUTHOR is the commit's author."""
    ref = refs.first(refs.tag(env.get("BUILDKITE_TAG")), refs.branch(env.get("BUILDKITE_BRANCH")))
    change = env.get("BUILDKITE_PULL_REQUEST")
    change = None if change == "false" else change
    url, job, creator = env.get("BUILDKITE_BUILD_URL"), env.get("BUILDKITE_JOB_ID"), env.get("BUILDKITE_BUILD_CREATOR")
    retries = env.get("BUILDKITE_RETRY_COUNT", "")
    return Context(
        provider="buildkite",
        instance="https://buildkite.com",
        repository=env.get("BUILDKITE_REPO"),
        commit=env.get("BUILDKITE_COMMIT"),
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=env.get("BUILDKITE_PULL_REQUEST_BASE_BRANCH"),
        change_id=change,
        change_head_revision=env.get("BUILDKITE_COMMIT") if change else None,
        pipeline_name=env.get("BUILDKITE_PIPELINE_SLUG"),
        run_id=env.get("BUILDKITE_BUILD_ID"),
        run_attempt=count(str(int(retries) + 1)) if retries.isdecimal() else None,
        run_url=url,
        task_name=env.get("BUILDKITE_STEP_KEY") or env.get("BUILDKITE_LABEL"),
        task_id=job,
        task_url=f"{url}#{job}" if url and job else None,
        worker_name=env.get("BUILDKITE_AGENT_NAME") or env.get("BUILDKITE_AGENT_ID"),
        actor_name=creator,
        actor_email=env.get("BUILDKITE_BUILD_CREATOR_EMAIL"),
        actor_type="user" if creator else None,
        trigger=env.get("BUILDKITE_SOURCE"),
    )
