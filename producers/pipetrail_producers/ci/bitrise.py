"""Bitrise.

https://devcenter.bitrise.io/en/references/available-environment-variables.html
"""

from collections.abc import Mapping

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context


def context(env: Mapping[str, str]) -> Context:
    """What Bitrise says. Its git step may build a merge of its own, but BITRISE_GIT_COMMIT stays the commit asked for."""
    ref = refs.first(refs.tag(env.get("BITRISE_GIT_TAG")), refs.branch(env.get("BITRISE_GIT_BRANCH")))
    change = env.get("BITRISE_PULL_REQUEST")
    commit = env.get("BITRISE_GIT_COMMIT") or (None if change else env.get("GIT_CLONE_COMMIT_HASH"))
    return Context(
        provider="bitrise",
        instance="https://app.bitrise.io",
        repository=env.get("GIT_REPOSITORY_URL"),
        commit=commit,
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=env.get("BITRISEIO_GIT_BRANCH_DEST"),
        change_id=change,
        change_head_revision=commit if change else None,
        pipeline_name=env.get("BITRISEIO_PIPELINE_TITLE") or env.get("BITRISE_APP_TITLE"),
        run_id=env.get("BITRISE_BUILD_SLUG"),
        run_url=env.get("BITRISE_BUILD_URL"),
        task_name=env.get("BITRISE_TRIGGERED_WORKFLOW_ID"),
    )
